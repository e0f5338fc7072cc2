package test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// beside gives another address of the world, which no backend has.
func beside(e *harness.Env, last byte) netip.Addr {
	a := e.IP.As4()
	a[3] = last
	return netip.AddrFrom4(a)
}

// A Service of type LoadBalancer is served at an address of the fleet's pool, over TCP, HTTP and UDP. Clients
// that it does not name are refused before a byte is passed on in either direction, and counted.
func TestLoadBalancer(t *testing.T) {
	e := harness.New(t)
	front, friend := beside(e, 250), beside(e, 251)
	e.Write("fleet.yaml", strings.Replace(nodePortFleet(e, "30000-30009"), "\n  nodePorts", fmt.Sprintf("\n  loadBalancer: {addresses: [%q]}\n  nodePorts", front), 1))
	web, db := e.Backend("web"), newSpeaker(e, "db")
	e.Write("services.yaml", web.Workload("web")+db.workload("db")+fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{name: http, port: 8000, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  type: LoadBalancer
  selector: {app: db}
  loadBalancerSourceRanges: [%q]
  ports: [{name: db, port: 5432, targetPort: tcp}, {name: dns, protocol: UDP, port: 5353, targetPort: %d}]
`, netip.PrefixFrom(friend, 32), echoDatagrams(e, "db")))
	c := e.Run()
	at := func(port int) string { return net.JoinHostPort(front.String(), strconv.Itoa(port)) }
	e.Await("HTTP", 20*time.Second, harness.Stream{Name: "http", URL: "http://" + at(8000) + "/", Host: "any"}.Answers("web"))
	e.Await("TCP from a friend", 10*time.Second, func() error {
		l, err := callFrom(friend, at(5432))
		if err != nil {
			return err
		}
		return errors.Join(l.say("hello"), l.Close())
	})
	e.Await("UDP from a friend", 10*time.Second, func() error {
		got, err := datagramFrom(friend, at(5353), "hello")
		if err == nil && got != "db hello" {
			err = fmt.Errorf("got %q", got)
		}
		return err
	})
	calls := db.calls.Load()
	stranger, err := net.Dial("tcp", at(5432))
	if err != nil {
		t.Fatal(err)
	}
	_ = stranger.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = stranger.Write([]byte("hello\n"))
	if got, err := io.ReadAll(stranger); len(got) > 0 || isTimeout(err) {
		t.Errorf("a stranger was sent %q, %v, want a closed connection", got, err)
	}
	if got, err := datagram(at(5353), "hello"); err == nil {
		t.Errorf("a stranger was sent %q over UDP", got)
	}
	if n := db.calls.Load(); n != calls {
		t.Errorf("the endpoint has seen %d connections of a stranger", n-calls)
	}
	stats, err := c.Envoy.Get("/stats?filter=no_filter_chain_match|downstream_sess_no_route")
	if err != nil || !strings.Contains(stats, fmt.Sprintf("%s_5432.no_filter_chain_match: 1", front)) ||
		!strings.Contains(stats, "downstream_sess_no_route: 1") {
		t.Errorf("the refused are not counted: %v\n%s", err, stats)
	}
	c.AwaitStatus("no problems", 10*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return nil
	})
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
