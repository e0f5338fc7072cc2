package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// With spec.interception clients on other machines, and on Envoy's own, reach cluster IPs and node ports of both
// families by one socket, in both modes; a change of one Service leaves the connections of others alone; and
// endpoints see the addresses of clients where the Fleet has its machines prepared for that.
func TestInterception(t *testing.T) {
	t.Parallel()
	if !ownNamespace(t) {
		return
	}
	e := harness.New(t)
	w := newIntercepted(e, newMachine(t, 1), newMachine(t, 2))
	w.fleet("interception: {mode: TProxy}", true)
	w.install()
	c := e.Run("--envoy-drain-time", "1s", "--node-name", "here")
	w.reaches("intercepted by TProxy")
	c.AwaitStatus("no problems", 10*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return harness.InSync(1)(s)
	})
	w.sockets(15001)
	w.closes("10.96.0.99:80", net.JoinHostPort(w.client.near.String(), "30999"))
	w.leavesOthersAlone(c)
	w.keepsSource()

	w.fleet("interception: {mode: Redirect, port: 15006}", false) // Envoy does not change the options of a socket
	w.install()
	w.reaches("intercepted by Redirect")
	e.Await("all is in effect", 10*time.Second, func() error {
		s, err := c.Status()
		return errors.Join(err, harness.InSync(1)(s))
	})
	w.sockets(15006)

	w.fleet("", false)
	for range 2 {
		if out, code := e.GatewayCP("node", "remove"); code != 0 {
			t.Fatalf("node remove: %s", out)
		}
	}
	if out, code := e.GatewayCP("node", "status"); code != 1 || !strings.Contains(out, "nothing") {
		t.Errorf("after remove: exit code %d, %s", code, out)
	}
	if conn, err := w.client.dial("tcp", "10.96.0.10:80"); err == nil {
		_ = conn.Close()
		t.Error("the cluster IP is still reachable")
	}
	at := net.JoinHostPort(w.client.near.String(), "30001")
	e.Await("the node port has a socket of its own", 10*time.Second, func() error {
		return errors.Join(listening(30001), getOver(w.client.dial, at))
	})
}

// intercepted is a world with one machine for the client and one for endpoints.
type intercepted struct {
	*harness.Env
	client, backends *machine
}

func newIntercepted(e *harness.Env, client, backends *machine) *intercepted {
	w := &intercepted{e, client, backends}
	l := backends.listen()
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, source(r.RemoteAddr)) }))
	}()
	away := backends.listen()
	go tellSource(away)
	// From a loopback address the kernel answers no client elsewhere.
	here, err := net.Listen("tcp", net.JoinHostPort(backends.near.String(), "0"))
	if err != nil {
		e.Fatalf("%v", err)
	}
	e.Cleanup(func() { _ = here.Close() })
	go tellSource(here)
	var b strings.Builder
	for name, l := range map[string]net.Listener{"web": l, "away": away, "here": here} {
		a := netip.MustParseAddrPort(l.Addr().String())
		fmt.Fprintf(&b, `apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: %s, labels: {app: %s}}
spec: {addresses: [%q], node: here, ports: [{name: tcp, port: %d}]}
---
`, name, name, a.Addr(), a.Port())
	}
	e.Write("workloads.yaml", b.String())
	b.Reset()
	for i := range 100 {
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Service\nmetadata: {name: other-%d}\nspec: {selector: {app: away}, ports: [{port: 5432, targetPort: tcp}]}\n---\n", i)
	}
	e.Write("others.yaml", b.String())
	e.Write("services.yaml", fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  clusterIP: 10.96.0.10
  clusterIPs: [10.96.0.10, "fd00:10:96::10"]
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: tcp, nodePort: 30001}]
---
apiVersion: v1
kind: Service
metadata: {name: away}
spec: {clusterIP: 10.96.0.11, internalTrafficPolicy: Local, selector: {app: away}, ports: [{port: 5432, targetPort: tcp}]}
---
apiVersion: v1
kind: Service
metadata: {name: here}
spec: {clusterIP: 10.96.0.12, internalTrafficPolicy: Local, selector: {app: here}, ports: [{port: 5432, targetPort: tcp}]}
---
apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  clusterIP: 10.96.0.13
  clusterIPs: [10.96.0.13, "fd00:10:96::13"]
  selector: {app: dns}
  ports: [{port: 53, protocol: UDP, targetPort: %d}]
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: dns, labels: {app: dns}}
spec: {addresses: [%q]}
`, echoDatagrams(e, "dns"), e.IP))
	return w
}

func (w *intercepted) fleet(interception string, originalSource bool) {
	w.Write("fleet.yaml", fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: default}
spec:
  clusterIPRanges: [10.96.0.0/16, "fd00:10:96::/108"]
  nodePorts: {addresses: [0.0.0.0, "::"]}
  serviceListener: {disabled: true}
  %s
  clientAddress: {originalSource: %v}
`, interception, originalSource))
}

// install installs the rules twice: once more changes nothing.
func (w *intercepted) install() {
	w.Helper()
	first, _ := w.GatewayCP("node", "install", w.Manifests)
	second, code := w.GatewayCP("node", "install", w.Manifests)
	if code != 0 || first != second {
		w.Fatalf("node install: exit code %d, %s\nthen %s", code, first, second)
	}
}

// reaches checks every way from the client's machine and from this one.
func (w *intercepted) reaches(how string) {
	w.Helper()
	places := []string{
		"10.96.0.10:80", "[fd00:10:96::10]:80",
		net.JoinHostPort(w.client.near.String(), "30001"), net.JoinHostPort(w.client.near6.String(), "30001"),
	}
	for _, at := range places {
		w.Await("from another machine "+at+" is "+how, 20*time.Second, func() error { return getOver(w.client.dial, at) })
		w.Await("from this machine "+at+" is "+how, 5*time.Second, func() error {
			return getOver(func(network, address string) (net.Conn, error) {
				return net.DialTimeout(network, address, 5*time.Second)
			}, at)
		})
	}
	for _, at := range []string{"10.96.0.13:53", "[fd00:10:96::13]:53"} {
		w.Await("UDP to "+at, 10*time.Second, func() error {
			c, err := w.client.dial("udp", at)
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(c, "hello")
			b := make([]byte, 100)
			n, err := c.Read(b)
			if err == nil && string(b[:n]) != "dns hello" {
				err = fmt.Errorf("got %q", b[:n])
			}
			return err
		})
	}
}

// getOver sends a request over a new connection.
func getOver(dial func(network, address string) (net.Conn, error), at string) error {
	c, err := dial("tcp", at)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return err
}

// sockets checks that Envoy has the sockets for intercepted connections, and none for what they replace.
func (w *intercepted) sockets(port int) {
	w.Helper()
	if err := listening(port); err != nil {
		w.Errorf("%v", err)
	}
	for _, port := range []int{80, 5432, 30001} {
		if listening(port) == nil {
			w.Errorf("there are sockets of their own for port %d", port)
		}
	}
}

// listening says whether there is a listening socket of each family with a port.
func listening(port int) error {
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		table, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !regexp.MustCompile(fmt.Sprintf(`:%04X [0-9A-F]+:0000 0A `, port)).Match(table) { // 0A: TCP_LISTEN
			return fmt.Errorf("%s has nobody that listens on port %d", file, port)
		}
	}
	return nil
}

// closes checks that who goes where there is no Service is closed at once.
func (w *intercepted) closes(places ...string) {
	w.Helper()
	for _, at := range places {
		c, err := w.client.dial("tcp", at)
		if err != nil {
			continue // refused is as well
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			w.Errorf("%s: read %d bytes, %v; want the connection closed", at, n, err)
		}
		_ = c.Close()
	}
}

// leavesOthersAlone checks that a connection survives when Services beside its own come and go, and that Envoy is sent
// what is theirs and nothing else.
func (w *intercepted) leavesOthersAlone(c *harness.ControlPlane) {
	w.Helper()
	l, err := w.callFromClient("10.96.0.11:5432")
	if err != nil {
		w.Fatalf("%v", err)
	}
	defer func() { _ = l.Close() }()
	before := w.sent(c)
	c.Apply(10*time.Second, func() {
		w.Write("more.yaml", `apiVersion: v1
kind: Service
metadata: {name: more}
spec: {type: NodePort, clusterIP: 10.96.0.20, selector: {app: away}, ports: [{port: 5432, targetPort: tcp, nodePort: 30002}]}
`)
	})
	// Two clusters, each with its endpoints, and a listener.
	if n := w.sent(c) - before; n != 5 {
		w.Errorf("for one more Service Envoy was sent %d resources, want 5", n)
	}
	if stats, err := c.Envoy.Get("/stats?filter=listener_manager.listener_modified"); err != nil || !strings.Contains(stats, "listener_modified: 0") {
		w.Errorf("listeners of other Services have changed: %s, %v", stats, err)
	}
	if more, err := w.callFromClient("10.96.0.20:5432"); err != nil {
		w.Errorf("the new Service: %v", err)
	} else {
		_ = more.Close()
	}
	c.Apply(10*time.Second, func() { w.Remove("more.yaml") })
	if w.Pause(1500*time.Millisecond) != nil { // longer than Envoy drains what has changed
		return
	}
	if err := l.say("still there"); err != nil {
		w.Errorf("the connection to another Service: %v", err)
	}
}

// sent is how many resources Envoy has been sent.
func (w *intercepted) sent(c *harness.ControlPlane) uint64 {
	w.Helper()
	s, err := c.Status()
	if err != nil || len(s.Envoys) != 1 {
		w.Fatalf("%d Envoys, %v", len(s.Envoys), err)
	}
	return s.Envoys[0].Resources
}

func (w *intercepted) callFromClient(address string) (*line, error) {
	c, err := w.client.dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return greeted(c)
}

// keepsSource checks which address endpoints see: on another machine and on this one, of a client on another
// machine and on this one.
func (w *intercepted) keepsSource() {
	w.Helper()
	for _, at := range []string{"10.96.0.11:5432", "10.96.0.12:5432"} {
		w.Await("the endpoint of "+at+" sees the client", 5*time.Second, func() error {
			l, err := w.callFromClient(at)
			if err != nil {
				return err
			}
			defer func() { _ = l.Close() }()
			if l.from != w.client.address.String() {
				return fmt.Errorf("it sees %s, want %s", l.from, w.client.address)
			}
			return l.say("hello")
		})
		l, err := call(at)
		if err != nil {
			w.Errorf("a client on this machine to %s: %v", at, err)
			continue
		}
		if err := l.say("hello"); err != nil {
			w.Errorf("a client on this machine to %s: %v", at, err)
		}
		_ = l.Close()
	}
}
