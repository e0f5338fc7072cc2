package test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Tests of what belongs to a whole machine (its rules for packets, its routes) run in a network namespace of
// their own, with others beside it that stand for other machines. The namespaces are gone when their last
// process is, however that ends.

// namespaceEnv is set in the process of a test that is in its own namespace.
const namespaceEnv = "GATEWAY_CP_TEST_NAMESPACE"

// ownNamespace runs the test again, as a process in a new network namespace, and gives false; in that process it
// gives true.
func ownNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceEnv) != "" {
		if err := up("lo"); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("a network namespace of its own, and rules for packets in it, take root")
	}
	e := harness.New(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), namespaceEnv+"=1", harness.BinaryEnv+"="+e.Binary(), "ENVOY="+e.EnvoyBinary())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// The process that a thread starts is killed when that thread ends: keep it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("this system lets nobody have a network namespace: %v", err)
	}
	t.Logf("in a namespace of its own:\n%s", out.String())
	if err != nil {
		t.Errorf("it failed there: %v", err)
	}
	return false
}

// machine is a network namespace that stands for another machine.
type machine struct {
	t  *testing.T
	ns netns.NsHandle
	// address and address6 are its own, near and near6 those of this machine at the other end of the wire.
	address, address6, near, near6 netip.Addr
}

// newMachine makes a machine beside this one, with a wire between them that is its way to everywhere.
func newMachine(t *testing.T, number byte) *machine {
	t.Helper()
	m := &machine{t: t}
	at := func(host byte) (four, six netip.Addr) {
		six = netip.AddrFrom16([16]byte{0xfd, 0x20, 13: number, 15: host})
		return netip.AddrFrom4([4]byte{10, 20, number, host}), six
	}
	m.near, m.near6 = at(1)
	m.address, m.address6 = at(2)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = here.Close() }()
	if m.ns, err = netns.New(); err != nil { // this thread is there now
		t.Fatal(err)
	}
	if err := netns.Set(here); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.ns.Close() })
	ours, theirs := fmt.Sprintf("to%d", number), fmt.Sprintf("from%d", number)
	link := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: theirs, PeerNamespace: netlink.NsFd(m.ns)}
	link.Name = ours
	if err := errors.Join(netlink.LinkAdd(link), address(ours, m.near), address(ours, m.near6), up(ours)); err != nil {
		t.Fatal(err)
	}
	m.do(func() error {
		return errors.Join(up("lo"), address(theirs, m.address), address(theirs, m.address6), up(theirs),
			netlink.RouteAdd(&netlink.Route{Gw: m.near.AsSlice()}), netlink.RouteAdd(&netlink.Route{Gw: m.near6.AsSlice()}))
	})
	return m
}

// do runs a function in which sockets are opened on the machine.
func (m *machine) do(f func() error) {
	m.t.Helper()
	if err := m.try(f); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) try(f func() error) error {
	runtime.LockOSThread()
	here, err := netns.Get()
	if err != nil {
		return err
	}
	defer func() { _ = here.Close() }()
	if err := netns.Set(m.ns); err != nil {
		return err
	}
	found := f()
	if err := netns.Set(here); err != nil {
		return err // the thread stays locked, and ends with the goroutine
	}
	runtime.UnlockOSThread()
	return found
}

// listen gives a listener on the machine.
func (m *machine) listen() (l net.Listener) {
	m.t.Helper()
	m.do(func() (err error) { l, err = net.Listen("tcp", net.JoinHostPort(m.address.String(), "0")); return err })
	m.t.Cleanup(func() { _ = l.Close() })
	return l
}

// dial connects from the machine.
func (m *machine) dial(network, address string) (c net.Conn, err error) {
	err = m.try(func() (err error) { c, err = net.DialTimeout(network, address, 5*time.Second); return err })
	return c, err
}

func up(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

func address(link string, a netip.Addr) error {
	l, err := netlink.LinkByName(link)
	if err != nil {
		return err
	}
	const withoutAsking = syscall.IFA_F_NODAD // whether another machine has it
	bits := 24
	if a.Is6() {
		bits = 120
	}
	return netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}, Flags: withoutAsking})
}
