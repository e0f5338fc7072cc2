package test

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Envoys send requests to what is near, evenly, and further away once nothing near is healthy or there; an Envoy
// that is nowhere sends them everywhere. It comes and goes under load, and no request is lost. By its
// names, too, a Service with internalTrafficPolicy Local has only the endpoints of the node.
func TestTopology(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address only, and each Envoy needs one")
	}
	e := harness.New(t)
	c, at := topologyWorld(e)
	near := map[string][]*harness.Backend{"a": e.Backends("a", 2), "b": e.Backends("b", 2)}
	tell := func(zone string) {
		var b strings.Builder
		for i, x := range near[zone] {
			node := fmt.Sprintf("%s%d", zone, i)
			b.WriteString(placed(x.ProbedWorkload("near"), zone, node))
			b.WriteString(placed(x.Workload("same"), zone, node))
		}
		e.Write("workloads-"+zone+".yaml", b.String())
	}
	tell("a")
	tell("b")
	for zone, node := range map[string]string{"a": "a0", "b": "elsewhere"} {
		e.StartEnvoy(zone, c.XDS, "--fleet", zone, "--zone", zone, "--node-name", node)
	}
	e.StartEnvoy("nowhere", c.XDS, "--fleet", "nowhere")

	addresses := func(all ...*harness.Backend) (list []string) {
		for _, b := range all {
			list = append(list, b.Address.String())
		}
		return list
	}
	a, b := near["a"], near["b"]
	all := addresses(a[0], a[1], b[0], b[1])
	for _, x := range []struct {
		service, from string
		want          []string
	}{
		{"near", "a", addresses(a...)},
		{"near", "b", addresses(b...)},
		{"near", "nowhere", all},
		{"same", "a", addresses(a[0])}, // its node
		{"same", "b", addresses(b...)}, // its zone: the node has none
		{"same", "nowhere", all},
		{"own", "a", addresses(a[0])},
	} {
		s := harness.Stream{URL: at[x.from], Host: x.service}
		e.Await(fmt.Sprintf("%s from %s goes to %v", x.service, x.from, x.want), 20*time.Second, func() error { return spread(s, x.want) })
	}
	for _, from := range []string{"b", "nowhere"} {
		if resp, _, err := (harness.Stream{URL: at[from], Host: "own"}).Do(); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("own from %s, without an endpoint on the node: %v, %v", from, resp, err)
		}
	}

	load := e.Load(
		harness.Stream{Name: "HTTP/1.1", URL: at["a"], Host: "near", Rate: 500},
		harness.Stream{Name: "HTTP/2", URL: at["a"], Host: "near", HTTP2: true, Rate: 500},
	)
	goesTo := func(what string, want ...*harness.Backend) {
		t.Helper()
		e.Await(what, 20*time.Second, func() error { return answered(load, addresses(want...)) })
	}
	goesTo("the load goes to a", a...)
	for _, x := range a {
		x.SetHealthy(false)
	}
	goesTo("nothing in a is healthy", b...)
	a[0].SetHealthy(true)
	goesTo("one in a is healthy again", a[0])
	a[1].SetHealthy(true)
	goesTo("both are", a...)
	for range counts(100) {
		e.Remove("workloads-a.yaml")
		goesTo("nothing is in a", b...)
		tell("a")
		goesTo("a is there again", a...)
		if load.Failed() > 0 {
			break
		}
	}
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	t.Logf("%d requests, %.0f a second, p99 %s", len(samples), samples.Rate(), samples.Quantile(0.99))
}

// topologyWorld has three Services and three fleets, one for each Envoy, so that each has an address of its own; it
// gives the URLs of their service listeners.
func topologyWorld(e *harness.Env) (c *harness.ControlPlane, at map[string]string) {
	at = map[string]string{}
	port := e.FreePort()
	for fleet, ip := range map[string]netip.Addr{"a": e.IP, "b": beside(e, 240), "nowhere": beside(e, 241)} {
		e.Write("fleet-"+fleet+".yaml", fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: %s}
spec: {addresses: [%q], serviceListener: {address: %q, port: %d}, drainTime: 1s}
`, fleet, ip, ip, port))
		at[fleet] = fmt.Sprintf("http://%s:%d/", ip, port)
	}
	e.Write("services.yaml", `apiVersion: v1
kind: Service
metadata: {name: near}
spec: {trafficDistribution: PreferSameZone, selector: {app: near}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: same}
spec: {trafficDistribution: PreferSameNode, selector: {app: same}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: own}
spec: {internalTrafficPolicy: Local, selector: {app: same}, ports: [{port: 80, targetPort: http}]}
`)
	return e.Serve(), at
}

// placed puts a Workload somewhere.
func placed(manifest, zone, node string) string {
	return strings.Replace(manifest, "spec:\n", "spec:\n  zone: "+zone+"\n  node: "+node+"\n", 1)
}

// spread asks 120 times: all of these answer, equally often, and no other.
func spread(s harness.Stream, want []string) error {
	const n = 120
	client := s.Client()
	defer client.CloseIdleConnections()
	got := map[string]int{}
	for range n {
		req, err := s.Request()
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		got[resp.Header.Get(harness.EndpointHeader)]++
	}
	for _, w := range want { // one connection is one thread of Envoy's, which takes turns
		if share := n / len(want); got[w] < share-2 || got[w] > share+2 {
			return fmt.Errorf("answered by %v, want %v", got, want)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("answered by %v, want %v", got, want)
	}
	return nil
}

// answered is a check: the requests of the last moments were answered by exactly these.
func answered(load *harness.Load, want []string) error {
	now := time.Now()
	got := load.Samples().Within(now.Add(-50*time.Millisecond), now).Endpoints()
	for _, w := range want {
		if got[w] == 0 {
			return fmt.Errorf("answered by %v, want %v", got, want)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("answered by %v, want %v", got, want)
	}
	return nil
}
