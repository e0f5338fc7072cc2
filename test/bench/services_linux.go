package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/envoybin"
)

// How many Services there are, and how many of them have node ports.
const (
	allServices   = 5000
	withNodePorts = 2700
	moreServices  = 5 // that come one after the other
)

// opened is a way to have many addresses and ports open.
type opened struct {
	name       string
	fleet      string   // more of its spec
	flags      []string // of gateway-cp run
	clusterIPs bool
}

var openedWays = []opened{
	{name: "node ports alone"},
	{name: "a socket for each", flags: []string{"--bind-cluster-ips"}, clusterIPs: true},
	{name: "one socket", fleet: "  interception: {}\n", clusterIPs: true},
}

// servicesTable measures `gateway-cp run` with many Services with addresses of their own, from its start, with an
// empty state directory, until its Envoy has all listeners and the last one answers; that all do is checked afterwards. Beside it stands Envoy
// alone, with a file that has the same.
func servicesTable() error {
	if os.Getenv(namespaceEnv) == "" {
		return inOwnNamespace("services")
	}
	b, err := newServicesBed()
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	w := table()
	fmt.Fprintln(w, "\tlisteners answer\tCPU of gateway-cp\tCPU of Envoy\tits memory\tits files\tone more\tresources\tEnvoy alone\tits CPU\tits memory\t")
	for _, way := range openedWays {
		m, err := b.measure(way)
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		alone := "–\t–\t–"
		if len(way.flags) == 0 { // translate has none of them
			u, err := b.alone()
			if err != nil {
				return fmt.Errorf("%s, Envoy alone: %w", way.name, err)
			}
			alone = fmt.Sprintf("%s\t%s\t%s", short(u.ready), short(u.cpu), mib(u.anonymous+u.files))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%.0f\t%s\t\n", way.name, short(m.envoy.ready), short(m.cpu), short(m.envoy.cpu),
			mib(m.envoy.anonymous+m.envoy.files), m.files, short(m.more), m.resources, alone)
	}
	return w.Flush()
}

// inOwnNamespace runs a section in a process with a network namespace of its own.
func inOwnNamespace(section string) error {
	if os.Geteuid() != 0 {
		return errors.New("rules for packets in a network namespace of its own take root")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, section)
	cmd.Env = append(os.Environ(), namespaceEnv+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the child ends with the thread that has started it
	return cmd.Run()
}

// servicesBed is what all ways have in common.
type servicesBed struct {
	dir, binary, envoy, manifests string
	backend                       int // the port that all endpoints have
}

func newServicesBed() (*servicesBed, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return nil, err
	}
	b := &servicesBed{}
	if b.dir, err = os.MkdirTemp("", "gateway-cp-bench-"); err != nil {
		return nil, err
	}
	b.manifests = filepath.Join(b.dir, "manifests")
	if b.binary, err = buildGatewayCP(b.dir); err != nil {
		return nil, err
	}
	if b.envoy, err = envoybin.Find(context.Background(), nil); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b.backend = l.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "x")
			_ = c.Close()
		}
	}()
	if err := os.Mkdir(b.manifests, 0o700); err != nil {
		return nil, err
	}
	for i := range allServices {
		if err := b.write(i, ""); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// write writes a Service and its endpoint.
func (b *servicesBed) write(i int, more string) error {
	kind := "ClusterIP"
	if i < withNodePorts || i >= allServices {
		kind = "NodePort"
	}
	return os.WriteFile(filepath.Join(b.manifests, fmt.Sprintf("service-%d.yaml", i)), fmt.Appendf(nil, `apiVersion: v1
kind: Service
metadata: {namespace: shop-%d, name: service-%d}
spec:
  type: %s
  ports: [{port: 5432, targetPort: %d%s}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: shop-%[1]d, name: service-%[2]d-x7k2p, labels: {kubernetes.io/service-name: service-%[2]d}}
addressType: IPv4
ports: [{port: %[4]d, protocol: TCP}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
`, i%100, i, kind, b.backend, more), 0o600)
}

// measured is one run.
type measured struct {
	cpu       time.Duration // of gateway-cp
	envoy     usage
	files     int
	more      time.Duration // until one more Service answers, median
	resources float64       // sent for it
}

func (b *servicesBed) measure(way opened) (m measured, err error) {
	fleet := "apiVersion: gateway-cp.io/v1alpha1\nkind: Fleet\nmetadata: {name: default}\nspec:\n  clusterIPRanges: [10.96.0.0/12]\n" + way.fleet
	if err := os.WriteFile(filepath.Join(b.manifests, "fleet.yaml"), []byte(fleet), 0o600); err != nil {
		return m, err
	}
	if err := b.prepareMachine(way); err != nil {
		return m, err
	}
	state, err := os.MkdirTemp(b.dir, "state-")
	if err != nil {
		return m, err
	}
	var log bytes.Buffer
	cmd := exec.Command(b.binary, append([]string{"run", b.manifests, "--state-dir", state, "--envoy", b.envoy, "--envoy-concurrency", "2",
		"--envoy-log-level", "error", "--http-address", "", "--envoy-admin-address", "unix://" + filepath.Join(state, "envoy-admin.sock")}, way.flags...)...)
	cmd.Stdout, cmd.Stderr = &log, &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return m, err
	}
	defer func() {
		if err = errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait()); err != nil {
			err = fmt.Errorf("%w\n%.4000s", err, log.String())
		}
	}()
	client := admin.NewClient(filepath.Join(state, "admin.sock"))
	for inSync(client, allServices) != nil {
		if time.Since(began) > bound {
			return m, inSync(client, allServices)
		}
		time.Sleep(50 * time.Millisecond) // who is asked too often has less time for its work
	}
	places, err := b.places(client, way)
	if err != nil {
		return m, err
	}
	if err := await(func() error { return answers(places[len(places)-1]) }); err != nil {
		return m, err
	}
	m.envoy.ready = time.Since(began)
	envoy, err := childOf(cmd.Process.Pid)
	if err != nil {
		return m, err
	}
	var err1, err2 error
	m.cpu, err1 = cpuOf(cmd.Process.Pid)
	m.envoy.cpu, err2 = cpuOf(envoy)
	files, err3 := os.ReadDir(fmt.Sprintf("/proc/%d/fd", envoy))
	if err := errors.Join(err1, err2, err3, memoryOf(envoy, &m.envoy)); err != nil {
		return m, err
	}
	m.files = len(files)
	for _, at := range places {
		if err := answers(at); err != nil {
			return m, fmt.Errorf("%s: %w", at, err)
		}
	}
	return m, b.oneMore(client, places, &m)
}

// prepareMachine gives the machine what the way needs.
func (b *servicesBed) prepareMachine(way opened) error {
	args := []string{"node", "install", b.manifests}
	if way.fleet == "" {
		args = []string{"node", "remove"}
	}
	if out, err := exec.Command(b.binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("node: %w\n%s", err, out)
	}
	if len(way.flags) == 0 {
		return nil
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	network := &net.IPNet{IP: net.IPv4(10, 96, 0, 0).To4(), Mask: net.CIDRMask(12, 32)}
	return netlink.RouteReplace(&netlink.Route{
		LinkIndex: lo.Attrs().Index, Dst: network, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST, Table: unix.RT_TABLE_LOCAL,
	})
}

// inSync says whether the Envoy has acknowledged as many resources, and all that there are.
func inSync(client *admin.Client, resources uint64) error {
	sent, synced, err := told(client)
	if err == nil && (!synced || sent < resources) {
		err = fmt.Errorf("only %d resources have been sent to Envoy", sent)
	}
	return err
}

func told(client *admin.Client) (resources uint64, synced bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil || len(s.Envoys) != 1 {
		return 0, false, fmt.Errorf("%d Envoys, %w", len(s.Envoys), err)
	}
	return s.Envoys[0].Resources, s.Envoys[0].InSync, nil
}

// places are the addresses and ports that are to be open.
func (b *servicesBed) places(client *admin.Client, way opened) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	services, err := client.Services(ctx)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, s := range services {
		if p := s.Ports[0].NodePort; p != 0 {
			all = append(all, at(int(p)))
		}
		if way.clusterIPs {
			all = append(all, net.JoinHostPort(s.ClusterIPs[0], "5432"))
		}
	}
	if want := withNodePorts + map[bool]int{true: allServices}[way.clusterIPs]; len(all) != want {
		return nil, fmt.Errorf("%d addresses and ports, want %d", len(all), want)
	}
	return all, nil
}

// at is where a node port is.
func at(nodePort int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(nodePort)) }

// oneMore adds Services one after the other, and removes them.
func (b *servicesBed) oneMore(client *admin.Client, taken []string, m *measured) error {
	before, _, err := told(client)
	if err != nil {
		return err
	}
	var took []time.Duration
	port := 32767
	for n := range moreServices {
		for slices.Contains(taken, at(port)) {
			port--
		}
		at := at(port)
		began := time.Now()
		if err := b.write(allServices+n, fmt.Sprintf(", nodePort: %d", port)); err != nil {
			return err
		}
		if err := await(func() error { return answers(at) }); err != nil {
			return err
		}
		took = append(took, time.Since(began))
		port--
	}
	if err := await(func() error { return inSync(client, before) }); err != nil {
		return err
	}
	after, _, err := told(client)
	if err != nil {
		return err
	}
	slices.Sort(took)
	m.more, m.resources = took[len(took)/2], float64(after-before)/moreServices
	for n := range moreServices {
		if err := os.Remove(filepath.Join(b.manifests, fmt.Sprintf("service-%d.yaml", allServices+n))); err != nil {
			return err
		}
	}
	return nil
}

// answers says whether the endpoint behind an address and port speaks.
func answers(address string) error {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}

func await(check func() error) error {
	deadline := time.Now().Add(bound)
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// childOf gives the only process that a process has started: its Envoy.
func childOf(pid int) (int, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, path := range tasks {
		if data, err := os.ReadFile(path); err == nil && len(strings.Fields(string(data))) == 1 {
			return strconv.Atoi(strings.TrimSpace(string(data)))
		}
	}
	return 0, fmt.Errorf("process %d has no child", pid)
}
