package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// With externalTrafficPolicy Local an Envoy leads to the endpoints of its own node alone, over TCP as over HTTP,
// and says on the health check node port whether there are any, as kube-proxy does.
func TestLocalTraffic(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address only, and two Envoys need one each")
	}
	e := harness.New(t)
	addresses := map[string]string{"one": e.IP.String(), "two": beside(e, 240).String()}
	var manifests strings.Builder
	for name, address := range addresses { // two fleets, so that each Envoy has an address of its own
		fmt.Fprintf(&manifests, `apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: %s}
spec: {addresses: [%q], serviceListener: {disabled: true}, nodePorts: {range: 30000-30009}}
---
`, name, address)
	}
	manifests.WriteString(`apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  type: LoadBalancer
  loadBalancerClass: example.com/in-front-of-the-nodes
  externalTrafficPolicy: Local
  healthCheckNodePort: 30009
  selector: {app: db}
  ports: [{port: 5432, targetPort: tcp, nodePort: 30001}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  externalTrafficPolicy: Local
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http, nodePort: 30002}]
---
`)
	e.Write("services.yaml", manifests.String())
	for node := range addresses {
		on := func(manifest string) string {
			return strings.ReplaceAll(manifest, "addresses: [", "node: "+node+", addresses: [")
		}
		e.Write("db-"+node+".yaml", on(newSpeaker(e, node).workload("db")))
		e.Write("web-"+node+".yaml", strings.Replace(e.Backend(node).Workload("web"), "spec:\n", "spec:\n  node: "+node+"\n", 1))
	}
	c := e.Serve()
	for node := range addresses {
		e.StartEnvoy(node, c.XDS, "--fleet", node, "--node-name", node)
	}
	for node, address := range addresses {
		at := func(port string) string { return net.JoinHostPort(address, port) }
		web := harness.Stream{Name: "http", URL: "http://" + at("30002") + "/", Host: "any"}
		e.Await("Envoy "+node+" serves", 30*time.Second, answeredBy(at("30001"), node))
		e.Await("Envoy "+node+" serves HTTP", 10*time.Second, web.Answers(node))
		for range 10 {
			if err := answeredBy(at("30001"), node)(); err != nil {
				t.Errorf("at %s: %v", node, err)
			}
			if err := web.Answers(node)(); err != nil {
				t.Errorf("at %s: %v", node, err)
			}
		}
		e.Await("the health of "+node, 10*time.Second, healthIs(at("30009"), 1))
	}
	e.Remove("db-two.yaml")
	e.Await("two has no endpoint any more", 10*time.Second, healthIs(net.JoinHostPort(addresses["two"], "30009"), 0))
	e.Await("one has", time.Second, healthIs(net.JoinHostPort(addresses["one"], "30009"), 1))
	if l, err := call(net.JoinHostPort(addresses["two"], "30001")); err == nil {
		t.Errorf("two leads to %s, on another node", l.from)
	}
}

// healthIs is a check: the health check node port tells of so many endpoints.
func healthIs(address string, endpoints int) func() error {
	return func() error {
		resp, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		want := http.StatusOK
		if endpoints == 0 {
			want = http.StatusServiceUnavailable
		}
		var told struct {
			Service             struct{ Namespace, Name string }
			LocalEndpoints      int
			ServiceProxyHealthy bool
		}
		if err := json.Unmarshal(body, &told); err != nil {
			return fmt.Errorf("%s: %w", body, err)
		}
		if resp.StatusCode != want || told.LocalEndpoints != endpoints || told.Service.Name != "db" || !told.ServiceProxyHealthy ||
			resp.Header.Get("X-Load-Balancing-Endpoint-Weight") != fmt.Sprint(endpoints) ||
			resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			return fmt.Errorf("%s %v %s", resp.Status, resp.Header, body)
		}
		return nil
	}
}
