package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// twoFleets is one control plane and an Envoy of each of two fleets, "a" and "b". A fleet takes
// what is labelled with its name, or with "both".
type twoFleets struct {
	*harness.Env
	c        *harness.ControlPlane
	envoys   map[string]*harness.Envoy
	services map[string]string // the URL of the service listener, by fleet
	gateway  int               // the port of the Gateway
}

func newTwoFleets(t *testing.T) *twoFleets {
	e := harness.New(t)
	f := &twoFleets{Env: e, envoys: map[string]*harness.Envoy{}, services: map[string]string{}, gateway: e.FreePort()}
	var fleets strings.Builder
	for _, fleet := range []string{"a", "b"} {
		port := e.FreePort()
		f.services[fleet] = "http://" + e.Address(port) + "/"
		fmt.Fprintf(&fleets, `apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: %s}
spec:
  addresses: [%q]
  serviceListener: {address: %q, port: %d}
  drainTime: 1s
  serviceSelector: {matchExpressions: [{key: fleet, operator: In, values: [%[1]s, both]}]}
  gatewaySelector: {matchLabels: {fleet: %[1]s}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: %[1]s}
spec:
  controllerName: gateway-cp.io/gateway-controller
  parametersRef: {group: gateway-cp.io, kind: Fleet, name: %[1]s}
---
`, fleet, e.IP, e.IP, port)
	}
	e.Write("fleets.yaml", fleets.String())
	return f
}

// start starts gateway-cp and the Envoys.
func (f *twoFleets) start() {
	f.c = f.Serve()
	for fleet := range f.services {
		f.envoys[fleet] = f.StartEnvoy("gw-"+fleet, f.c.XDS, "--fleet", fleet)
	}
	for _, envoy := range f.envoys {
		envoy.AwaitLive()
	}
	f.c.AwaitStatus("both are in sync", 20*time.Second, harness.InSync(2))
}

// label writes the Service "web" with a label for a fleet.
func (f *twoFleets) label(fleet string) {
	f.Write("web.yaml", strings.Replace(harness.Service("web", 80), "{name: web}", "{name: web, labels: {fleet: "+fleet+"}}", 1))
}

// stream asks a fleet for the Service.
func (f *twoFleets) stream(fleet string) harness.Stream {
	return harness.Stream{Name: fleet, URL: f.services[fleet], Host: "web", Rate: 300}
}

// knows says whether an Envoy has anything with a text in its name or content.
func (f *twoFleets) knows(fleet, text string) bool {
	f.Helper()
	page, err := f.envoys[fleet].Get("/config_dump?include_eds")
	if err != nil {
		f.Fatalf("%v", err)
	}
	return strings.Contains(page, text)
}

// status is a check: a request is answered with a status.
func status(s harness.Stream, want int) func() error {
	return func() error {
		resp, _, err := s.Do()
		if err != nil {
			return err
		}
		if resp.StatusCode != want {
			return fmt.Errorf("%s %s: %s, want %d", s.Host, s.URL, resp.Status, want)
		}
		return nil
	}
}

// What belongs to one fleet is not reachable over an Envoy of another, and nothing of it is sent
// there: no listener, route, cluster, endpoint or secret.
func TestFleetsAreApart(t *testing.T) {
	f := newTwoFleets(t)
	f.label("a")
	backend := f.Backend("one")
	f.Write("workload.yaml", backend.Workload("web"))
	cert := newCertificate(t, 1, "a.example.com")
	f.Write("gateway.yaml", cert.secret("only-a")+fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, labels: {fleet: a}}
spec:
  gatewayClassName: a
  listeners: [{name: https, port: %d, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: only-a}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: not-selected, labels: {fleet: other}}
spec:
  gatewayClassName: b
  listeners: [{name: http, port: %d, protocol: HTTP}]
---
`, f.gateway, f.FreePort())+harness.Route("web", "a.example.com", 80))
	f.start()

	f.Await("a answers", 10*time.Second, f.stream("a").Answers("one"))
	f.Await("b does not", 10*time.Second, status(f.stream("b"), http.StatusNotFound))
	https := harness.Stream{URL: "https://" + f.Address(f.gateway) + "/", Host: "a.example.com", TLS: client("a.example.com", cert)}
	f.Await("the Gateway answers", 10*time.Second, https.Answers("one"))

	for _, text := range []string{"default/web/80", "only-a", backend.Address.Addr().String(), "a.example.com", fmt.Sprint(f.gateway)} {
		if !f.knows("a", text) {
			t.Errorf("the Envoy of a has no %s: this test is not about what it says", text)
		}
		if f.knows("b", text) {
			t.Errorf("the Envoy of b has %s, which is of fleet a", text)
		}
	}
	if f.knows("b", "not-selected") {
		t.Error("a Gateway that no fleet selects is served")
	}
	for _, fleet := range []string{"a", "b"} {
		if out, code := f.c.CLI("fleet", "diff", "gw-"+fleet, "--envoy-admin", f.envoys[fleet].Address); code != 0 {
			t.Errorf("fleet diff gw-%s exits with %d:\n%s", fleet, code, out)
		}
	}
}

// A Service moves from one fleet to another by its label: by way of both, nobody notices; at one
// go, an Envoy has the whole way or none: no route without its cluster.
func TestAServiceMovesToAnotherFleet(t *testing.T) {
	t.Parallel()
	f := newTwoFleets(t)
	f.label("a")
	f.Write("workload.yaml", harness.Workloads("web", f.Backends("one", 2)...))
	f.start()
	f.Await("a answers", 10*time.Second, f.stream("a").Answers("one"))

	onA := f.Load(f.stream("a"))
	f.label("both")
	f.Await("b answers", 10*time.Second, f.stream("b").Answers("one"))
	onB := f.Load(f.stream("b"))
	if err := f.Pause(500 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	samples := onA.Stop() // who used a has gone to b
	f.label("b")
	f.Await("a has no way any more", 10*time.Second, status(f.stream("a"), http.StatusNotFound))
	f.Await("a has nothing of it any more", 20*time.Second, func() error {
		if f.knows("a", "default/web/80") {
			return fmt.Errorf("it is still there")
		}
		return nil
	})
	samples = append(samples, onB.Stop()...)
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	t.Logf("%d requests by way of both", len(samples))

	both := f.Load(f.stream("a"), f.stream("b"))
	for i := range counts(100) {
		to := []string{"a", "b"}[i%2]
		f.label(to)
		f.Await(to+" answers", 10*time.Second, f.stream(to).Answers("one"))
	}
	samples = both.Stop()
	codes := map[int]int{}
	for _, s := range samples {
		codes[s.Code]++
		// A Service that is new to an Envoy answers 503 until its cluster is warm there, without a body.
		if s.Code == http.StatusServiceUnavailable && strings.TrimSpace(s.Failure) != "503" {
			t.Errorf("%s: %s", s.Stream, s.Failure)
		}
	}
	if codes[http.StatusOK] == 0 || codes[http.StatusNotFound] == 0 ||
		codes[http.StatusOK]+codes[http.StatusNotFound]+codes[http.StatusServiceUnavailable] != len(samples) {
		t.Errorf("codes %v; want 200, 404 and, for a moment, 503:\n%s", codes, samples.Failures())
	}
	for fleet, envoy := range f.envoys {
		stats, err := envoy.Get("/stats?filter=services.no_cluster")
		if err != nil || strings.TrimSpace(stats) != "http.services.no_cluster: 0" {
			t.Errorf("the Envoy of %s had a route without its cluster: %s %v", fleet, stats, err)
		}
	}
	t.Logf("%d requests while it moved, codes %v", len(samples), codes)
}
