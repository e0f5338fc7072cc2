package test

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// nodePortFleet is a fleet on the world's address whose node ports are a few free ones: worlds share
// no address, but on machines with one loopback address they share ports.
func nodePortFleet(e *harness.Env, ports string) string {
	return strings.Replace(e.Fleet(e.FreePort()), "\n---", "\n  nodePorts: {range: "+ports+"}\n---", 1)
}

// speaker says its name to who connects, and then echoes lines: a server that speaks first.
type speaker struct {
	name    string
	address net.TCPAddr
	calls   *atomic.Int64
}

func newSpeaker(e *harness.Env, name string) speaker {
	e.Helper()
	l, err := net.Listen("tcp", e.Address(0))
	if err != nil {
		e.Fatalf("%v", err)
	}
	e.Cleanup(func() { _ = l.Close() })
	s := speaker{name, *l.Addr().(*net.TCPAddr), new(atomic.Int64)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.calls.Add(1)
			go speak(c, name)
		}
	}()
	return s
}

func speak(c net.Conn, name string) {
	defer func() { _ = c.Close() }()
	_, _ = fmt.Fprintln(c, name)
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if _, err := fmt.Fprintln(c, lines.Text()); err != nil {
			return
		}
	}
}

// workload is the manifest of the server.
func (s speaker) workload(app string) string {
	return fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: %s-%s, labels: {app: %s, version: %s}}
spec: {addresses: [%q], ports: [{name: tcp, port: %d}]}
---
`, app, s.name, app, s.name, s.address.IP, s.address.Port)
}

// line is an open connection to a speaker.
type line struct {
	net.Conn
	from   string
	reader *bufio.Reader
}

// call connects, and hears who answers.
func call(address string) (*line, error) { return callFrom(netip.Addr{}, address) }

// callFrom is call from an address of the client's.
func callFrom(client netip.Addr, address string) (*line, error) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	if client.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(client, 0))
	}
	c, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return greeted(c)
}

// greeted hears on a connection who answers.
func greeted(c net.Conn) (*line, error) {
	l := &line{Conn: c, reader: bufio.NewReader(c)}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	name, err := l.reader.ReadString('\n')
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("nobody answers: %w", err)
	}
	l.from = strings.TrimSpace(name)
	return l, nil
}

// say sends a line, and fails unless it comes back.
func (l *line) say(text string) error {
	_ = l.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintln(l, text); err != nil {
		return err
	}
	back, err := l.reader.ReadString('\n')
	if err == nil && strings.TrimSpace(back) != text {
		err = fmt.Errorf("%q came back as %q", text, back)
	}
	return err
}

// answeredBy is a check: who connects is answered by one of these.
func answeredBy(address string, names ...string) func() error {
	return func() error {
		l, err := call(address)
		if err != nil {
			return err
		}
		defer func() { _ = l.Close() }()
		for _, n := range names {
			if l.from == n {
				return l.say("hello")
			}
		}
		return fmt.Errorf("answered by %s, want one of %v", l.from, names)
	}
}

// echoDatagrams answers datagrams with a name.
func echoDatagrams(e *harness.Env, name string) int {
	e.Helper()
	return echoDatagramsAt(e, name, e.Address(0))
}

func echoDatagramsAt(e *harness.Env, name, address string) int {
	e.Helper()
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		e.Fatalf("%v", err)
	}
	e.Cleanup(func() { _ = c.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(append([]byte(name+" "), buffer[:n]...), from)
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// datagram sends one and gives the answer.
func datagram(address, text string) (string, error) { return datagramFrom(netip.Addr{}, address, text) }

func datagramFrom(client netip.Addr, address, text string) (string, error) {
	dialer := net.Dialer{}
	if client.IsValid() {
		dialer.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(client, 0))
	}
	c, err := dialer.Dial("udp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte(text)); err != nil {
		return "", err
	}
	_ = c.SetDeadline(time.Now().Add(time.Second))
	buffer := make([]byte, 1500)
	n, err := c.Read(buffer)
	return string(buffer[:n]), err
}

// Node ports over TCP, UDP and HTTP, some asked for, some chosen: each leads to its Service, and those that
// were chosen stay over a restart.
func TestNodePorts(t *testing.T) {
	e := harness.New(t)
	first := 30000
	e.Write("fleet.yaml", nodePortFleet(e, "30000-30009"))
	tcp, web := newSpeaker(e, "tcp"), e.Backend("web")
	e.Write("services.yaml", fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: tcp}
spec: {type: NodePort, selector: {app: tcp}, ports: [{port: 5432, targetPort: tcp, nodePort: %d}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, targetPort: http, nodePort: %d}]}
---
apiVersion: v1
kind: Service
metadata: {name: dns}
spec: {type: NodePort, selector: {app: dns}, ports: [{protocol: UDP, port: 53, targetPort: %d, nodePort: %d}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: dns, labels: {app: dns}}
spec: {addresses: [%q]}
---
`, first, first+1, echoDatagrams(e, "dns"), first, e.IP)+tcp.workload("tcp")+web.Workload("web"))
	e.Write("chosen.yaml", `apiVersion: v1
kind: Service
metadata: {name: chosen}
spec: {type: NodePort, selector: {app: tcp}, ports: [{port: 80, targetPort: tcp}]}
`)
	c := e.Run()
	e.Await("TCP", 20*time.Second, answeredBy(e.Address(first), "tcp"))
	e.Await("HTTP for whatever host", 10*time.Second, harness.Stream{Name: "http", URL: "http://" + e.Address(first+1) + "/", Host: "any.example.com"}.Answers("web"))
	e.Await("UDP", 10*time.Second, func() error {
		got, err := datagram(e.Address(first), "hello")
		if err == nil && got != "dns hello" {
			err = fmt.Errorf("got %q", got)
		}
		return err
	})
	c.AwaitStatus("no problems", 10*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return harness.InSync(1)(s)
	})
	ports := openPorts(e, first+2, first+9)
	if len(ports) != 1 {
		t.Fatalf("open besides: %v, want one that was chosen", ports)
	}
	c.Kill()
	// Somebody asks for the very port that was chosen: it is not given away.
	e.Write("a-thief.yaml", fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: a-thief}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: http, nodePort: %d}]}
`, ports[0]))
	c.Start()
	c.AwaitStatus("the conflict is said", 10*time.Second, func(s admin.Status) error {
		for _, p := range s.Problems {
			if p.Object.Name == "a-thief" && string(p.Reason) == "NodePortConflict" && p.Other.Object.Name == "chosen" {
				return nil
			}
		}
		return fmt.Errorf("problems: %v", s.Problems)
	})
	e.Await("the port leads where it led before", 10*time.Second, answeredBy(e.Address(ports[0]), "tcp"))
}

// openPorts gives the ports of a range that take TCP connections.
func openPorts(e *harness.Env, first, last int) (open []int) {
	for p := first; p <= last; p++ {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(e.IP.String(), strconv.Itoa(p)), time.Second)
		if err == nil {
			_ = c.Close()
			open = append(open, p)
		}
	}
	return open
}

// 100 connections that are open survive 20 steps of a Rollout, while new ones go where its weights say.
func TestStreamsSurviveARollout(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	e.Write("fleet.yaml", nodePortFleet(e, "30000-30009"))
	blue, green := newSpeaker(e, "blue"), newSpeaker(e, "green")
	e.Write("service.yaml", `apiVersion: v1
kind: Service
metadata: {name: db}
spec: {type: NodePort, selector: {app: db}, ports: [{port: 5432, targetPort: tcp, nodePort: 30001}]}
---
`+blue.workload("db")+green.workload("db"))
	rollout := func(percent int) {
		e.Write("rollout.yaml", fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: db}
spec:
  targetRef: {name: db}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  traffic: {blue: %d, green: %d}
`, 100-percent, percent))
	}
	rollout(0)
	c := e.Run("--envoy-drain-time", "1s")
	address := e.Address(30001)
	e.Await("db answers", 20*time.Second, answeredBy(address, "blue"))
	var open []*line
	for range 100 {
		l, err := call(address)
		if err != nil || l.from != "blue" {
			t.Fatalf("%v, %v", l, err)
		}
		defer func() { _ = l.Close() }()
		open = append(open, l)
	}
	for step := 1; step <= 20; step++ {
		c.Apply(10*time.Second, func() { rollout(5 * step) })
		for i, l := range open {
			if err := l.say(fmt.Sprintf("step %d", step)); err != nil {
				t.Fatalf("connection %d after step %d: %v", i, step, err)
			}
		}
		if step == 10 {
			shares(t, address, 0.5)
		}
	}
	shares(t, address, 1)
	// Longer than Envoy would let connections of a listener live that has changed.
	if e.Pause(2*time.Second) != nil {
		t.FailNow()
	}
	for i, l := range open {
		if err := l.say("still there"); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}

// shares checks which share of new connections goes to green.
func shares(t *testing.T, address string, want float64) {
	t.Helper()
	const n = 400
	green := 0
	for range n {
		l, err := call(address)
		if err != nil {
			t.Fatal(err)
		}
		if l.from == "green" {
			green++
		}
		_ = l.Close()
	}
	// Envoy's threads take turns by themselves: the share is not left to chance.
	if got := float64(green) / n; got < want-0.08 || got > want+0.08 {
		t.Errorf("%.2f of the connections went to green, want %.2f", got, want)
	}
}
