package test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// clients gives addresses of clients, none of which is the world's.
func clients(e *harness.Env, n int) []netip.Addr {
	all := make([]netip.Addr, n)
	network := e.IP.As4()[1] ^ 0x01
	for i := range all {
		all[i] = netip.AddrFrom4([4]byte{127, network, byte(i / 250), byte(1 + i%250)})
	}
	return all
}

// chosen asks for every client who answers it.
func chosen(clients []netip.Addr, ask func(client netip.Addr) (string, error)) ([]string, error) {
	by, errs := make([]string, len(clients)), make([]error, len(clients))
	var work sync.WaitGroup
	const workers = 16
	for w := range workers {
		work.Go(func() {
			for i := w; i < len(clients); i += workers {
				by[i], errs[i] = ask(clients[i])
			}
		})
	}
	work.Wait()
	return by, errors.Join(errs...)
}

// askHTTP gives the address of the backend that answers a client's request.
func askHTTP(url, host string) func(netip.Addr) (string, error) {
	return func(client netip.Addr) (string, error) {
		dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(client, 0))}
		c := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return "", err
		}
		req.Host = host
		resp, err := c.Do(req)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", client, resp.Status)
		}
		return resp.Header.Get(harness.EndpointHeader), errors.Join(err, resp.Body.Close())
	}
}

// moved compares two choices: how many have another endpoint, and how many of those for no need, that is,
// were moved neither to the endpoint that came.
func moved(before, after []string, came string) (all, needless int) {
	for i := range before {
		if before[i] == after[i] {
			continue
		}
		all++
		if after[i] != came {
			needless++
		}
	}
	return all, needless
}

// With sessionAffinity ClientIP a client keeps its endpoint, also over a restart of everything. When a fourth
// endpoint comes, it takes over its quarter of the clients, and no more than 1 % move among the others; when
// it goes, all are where they were. The clients of an endpoint that dies are answered by others.
func TestClientIPAffinity(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address only: there is one client")
	}
	e := harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("service.yaml", strings.Replace(harness.Service("web", 80), "spec: {", "spec: {sessionAffinity: ClientIP, ", 1))
	backends := e.Backends("v1", 4)
	three := func() { e.Write("workloads.yaml", harness.Workloads("web", backends[:3]...)) }
	three()
	c := e.Run("--envoy-drain-time", "1s")
	url := "http://" + e.Address(port) + "/"
	e.Await("web answers", 20*time.Second, harness.Stream{Name: "web", URL: url, Host: "web.default"}.Answers("v1"))
	n, fewest, most := 500, 0.17, 0.33 // a share of 500 clients is left to chance: four standard deviations
	if soaking {
		n, fewest, most = 20_000, 0.24, 0.26
	}
	all := clients(e, n)
	who := func() []string {
		t.Helper()
		by, err := chosen(all, askHTTP(url, "web.default"))
		if err != nil {
			t.Fatal(err)
		}
		return by
	}
	first := who()
	counts, shares := map[string]int{}, map[string]float64{}
	for _, b := range backends[:3] {
		shares[b.Address.String()] = 1. / 3
	}
	for _, by := range first {
		counts[by]++
	}
	if err := harness.Split(counts, shares); err != nil {
		t.Error(err)
	}
	c.Apply(10*time.Second, func() { e.Write("workloads.yaml", harness.Workloads("web", backends...)) })
	went, needless := moved(first, who(), backends[3].Address.String())
	t.Logf("3 to 4 endpoints: %d of %d clients moved, %d of them between endpoints that stayed", went, len(all), needless)
	if share := float64(went-needless) / float64(len(all)); share < fewest || share > most {
		t.Errorf("the fourth endpoint has %.1f %% of the clients, want 25", 100*share)
	}
	if needless > len(all)/100 {
		t.Errorf("%d of %d clients moved between endpoints that stayed, want 1 %% at most", needless, len(all))
	}
	c.Apply(10*time.Second, three)
	if n, _ := moved(first, who(), ""); n > 0 {
		t.Errorf("%d clients are not where they were before the fourth endpoint came and went", n)
	}
	c.Terminate(30 * time.Second)
	c.Start()
	e.Await("web answers", 20*time.Second, harness.Stream{Name: "web", URL: url, Host: "web.default"}.Answers("v1"))
	if n, _ := moved(first, who(), ""); n > 0 {
		t.Errorf("%d clients are not where they were before a restart of gateway-cp and Envoy", n)
	}
	c.AwaitStatus("no problems", 10*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return nil
	})
	dead := backends[0].Address.String()
	backends[0].Close()
	needless = 0
	for i, by := range who() { // all are answered
		if by == dead {
			t.Fatalf("the client of %s is answered by %s, which is dead", first[i], by)
		}
		if by != first[i] && first[i] != dead {
			needless++ // Envoy has ejected the dead one, and chooses among the others
		}
	}
	if needless > len(all)/100 {
		t.Errorf("%d of %d clients of others moved when an endpoint died, want 1 %% at most", needless, len(all))
	}
}

// Connections and datagrams of a client go to one endpoint, those of all clients to all. Of a Rollout, each
// client has one version, for connections as for requests, and versions have their shares of the clients.
func TestClientIPAffinityOfStreams(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address only: there is one client")
	}
	e := harness.New(t)
	e.Write("fleet.yaml", nodePortFleet(e, "30000-30009"))
	var workloads strings.Builder
	for i := range 4 {
		s := newSpeaker(e, fmt.Sprintf("tcp%d", i))
		version := []string{"blue", "green"}[i/2]
		workloads.WriteString(strings.Replace(s.workload("db"), "version: "+s.name, "version: "+version, 1))
	}
	port := echoDatagrams(e, "udp0")
	echoDatagramsAt(e, "udp1", net.JoinHostPort(beside(e, 200).String(), strconv.Itoa(port)))
	fmt.Fprintf(&workloads, `apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: dns0, labels: {app: dns}}
spec: {addresses: [%q]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: dns1, labels: {app: dns}}
spec: {addresses: [%q]}
---
`, e.IP, beside(e, 200))
	blue, green := e.Backend("blue"), e.Backend("green")
	e.Write("services.yaml", fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  type: NodePort
  sessionAffinity: ClientIP
  selector: {app: db}
  ports: [{name: tcp, port: 5432, targetPort: tcp, nodePort: 30001}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, sessionAffinity: ClientIP, selector: {app: web}, ports: [{name: http, port: 80, targetPort: http, nodePort: 30002}]}
---
apiVersion: v1
kind: Service
metadata: {name: dns}
spec: {type: NodePort, sessionAffinity: ClientIP, selector: {app: dns}, ports: [{protocol: UDP, port: 53, targetPort: %d, nodePort: 30003}]}
---
`, port)+rolloutOf("db", 75)+rolloutOf("web", 75)+workloads.String()+harness.Workloads("web", blue, green))
	c := e.Run()
	e.Await("db answers", 20*time.Second, answeredBy(e.Address(30001), "tcp0", "tcp1", "tcp2", "tcp3"))
	c.AwaitStatus("in sync", 20*time.Second, harness.InSync(1))
	all := clients(e, 400)
	ask := func(client netip.Addr) (string, error) {
		l, err := callFrom(client, e.Address(30001))
		if err != nil {
			return "", err
		}
		return l.from, l.Close()
	}
	counts := stay(t, all, ask)
	if err := harness.Split(counts, map[string]float64{"tcp0": .375, "tcp1": .375, "tcp2": .125, "tcp3": .125}); err != nil {
		t.Error(err)
	}
	counts = stay(t, all, func(client netip.Addr) (string, error) { return datagramFrom(client, e.Address(30003), "x") })
	if err := harness.Split(counts, map[string]float64{"udp0 x": .5, "udp1 x": .5}); err != nil {
		t.Error(err)
	}
	counts = stay(t, all, askHTTP("http://"+e.Address(30002)+"/", "any"))
	if err := harness.Split(counts, map[string]float64{blue.Address.String(): .75, green.Address.String(): .25}); err != nil {
		t.Error(err)
	}
}

// stay asks twice for all clients, and fails for those that do not stay. It gives the clients of each.
func stay(t *testing.T, all []netip.Addr, ask func(netip.Addr) (string, error)) map[string]int {
	t.Helper()
	first, err := chosen(all, ask)
	again, err2 := chosen(all, ask)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if n, _ := moved(first, again, ""); n > 0 {
		t.Errorf("%d of %d clients had another endpoint the second time", n, len(all))
	}
	counts := map[string]int{}
	for _, by := range first {
		counts[by]++
	}
	return counts
}

// rolloutOf splits a Service between blue and green.
func rolloutOf(service string, blue int) string {
	return fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: %s}
spec:
  targetRef: {name: %s}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  traffic: {blue: %d, green: %d}
---
`, service, service, blue, 100-blue)
}

// gRPC clients without an Envoy do not know the balancer of such a Service: they take another.
func TestClientIPAffinityAndProxylessGRPC(t *testing.T) {
	e := harness.New(t)
	server := newRPCServer(e, "blue", "")
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("web.yaml", strings.Replace(rpcService, "spec: {", "spec: {sessionAffinity: ClientIP, ", 1)+"---\n"+server.workload)
	c := e.Serve()
	client := dialXDS(t, bootstrapRPC(t, 0, c.XDS), "xds:///web.shop:80")
	e.Await("it answers", 20*time.Second, func() error { return client.call(t.Context()) })
}
