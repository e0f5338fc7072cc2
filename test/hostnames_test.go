package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// An endpoint of a headless Service is reached by its hostname, on every port of the Service, wherever it moves,
// among a thousand others, and however it says its name: in an EndpointSlice or as a Workload.
func TestHostnames(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	url := "http://" + e.Address(port) + "/"
	first, second, moved, member := e.Backend("first"), e.Backend("second"), e.Backend("moved"), e.Backend("member")
	others := e.BackendBeside("first-admin", first)
	slice := func(name string, endpoints ...string) string {
		return fmt.Sprintf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %s, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: http, port: %d}, {name: admin, port: %d}]
endpoints:
%s
---
`, name, first.Address.Port(), others.Address.Port(), strings.Join(endpoints, "\n"))
	}
	at := func(hostname string, b *harness.Backend) string {
		return fmt.Sprintf("- {addresses: [%q], hostname: %s}", b.Address.Addr(), hostname)
	}
	const many = 1000 // of 100 in a slice, as Kubernetes has them
	var crowd strings.Builder
	for s := range many / 100 {
		var endpoints []string
		for i := range 100 {
			endpoints = append(endpoints, fmt.Sprintf("- {addresses: [192.0.%d.%d], hostname: db-%d}", 2+s, i, 100+s*100+i))
		}
		crowd.WriteString(slice(fmt.Sprintf("crowd-%d", s), endpoints...))
	}
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("service.yaml", fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, ports: [{name: http, port: 80}, {name: admin, port: 8081}]}
---
apiVersion: v1
kind: Service
metadata: {name: cache}
spec: {clusterIP: None, selector: {app: cache}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: cache-0, labels: {app: cache}}
spec: {addresses: [%q], ports: [{name: http, port: %d}]}
`, member.Address.Addr(), member.Address.Port()))
	e.Write("crowd.yaml", crowd.String())
	e.Write("slice.yaml", slice("db-a", at("db-0", first), at("db-1", second)))
	c := e.Run()
	named := func(host string) harness.Stream { return harness.Stream{URL: url, Host: host} }
	for host, version := range map[string]string{
		"db-0.db.default":                             "first",
		"db-1.db.default.svc":                         "second",
		"DB-1.db.default.svc.cluster.local:80":        "second",
		"db-0.db.default:8081":                        "first-admin",
		"cache-0.cache.default.svc.cluster.local.":    "member",
		fmt.Sprintf("db-1.db.default.svc:%d", port):   "second",
		fmt.Sprintf("cache-0.cache.default:%d", port): "member",
	} {
		e.Await(host, 20*time.Second, named(host).Answers(version))
	}
	for range 50 { // never another one
		if err := named("db-1.db.default").Answers("second")(); err != nil {
			t.Fatal(err)
		}
	}
	status := func(host string, want int) func() error {
		return func() error {
			resp, _, err := named(host).Do()
			if err == nil && resp.StatusCode != want {
				err = fmt.Errorf("%s: %s, want %d", host, resp.Status, want)
			}
			return err
		}
	}
	if err := status("db-9.db.default", 404)(); err != nil {
		t.Error(err)
	}
	explained, _ := e.GatewayCP("explain", e.Manifests, "--port", fmt.Sprint(port), "--", "http://db-1.db.default/")
	if !strings.Contains(explained, second.Address.String()) || strings.Contains(explained, first.Address.String()) {
		t.Errorf("explain says\n%s", explained)
	}
	// It moves, as a Pod of a StatefulSet does; the others answer all the time.
	load := e.Load(harness.Stream{Name: "db-0", URL: url, Host: "db-0.db.default", Rate: 300})
	var slowest time.Duration
	for i := range 10 {
		to := []*harness.Backend{moved, second}[i%2]
		start := time.Now()
		e.Write("slice.yaml", slice("db-a", at("db-0", first), at("db-1", to)))
		e.Await("the endpoint moves", 10*time.Second, named("db-1.db.default").Answers(to.Version))
		slowest = max(slowest, time.Since(start))
	}
	t.Logf("of %d hostnames, one that moves is followed after %s at the latest", many+2, slowest.Round(time.Millisecond))
	// It is not ready: there is nobody else to answer. Then it is gone.
	e.Write("slice.yaml", slice("db-a", at("db-0", first), strings.Replace(at("db-1", second), "}", ", conditions: {ready: false}}", 1)))
	e.Await("503 for one that is not ready", 10*time.Second, status("db-1.db.default", 503))
	e.Write("slice.yaml", slice("db-a", at("db-0", first)))
	e.Await("404 for one that is gone", 10*time.Second, status("db-1.db.default", 404))
	samples := load.Stop()
	if failed := load.Failed(); failed > 0 || load.Sent() == 0 {
		t.Errorf("%d of %d requests to another endpoint failed: %v", failed, load.Sent(), samples)
	}
	c.AwaitStatus("all is delivered", 10*time.Second, harness.InSync(1))
}
