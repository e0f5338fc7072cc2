package test

import (
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Weights of a route and of a Rollout are kept as exactly as chance allows, and multiply when
// one leads to the other.
func TestWeights(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	gateway, services := e.FreePort(), e.FreePort()
	e.Write("fleet.yaml", e.Fleet(services))
	e.Write("gateway.yaml", harness.Gateway(gateway)+`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: split}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 80, weight: 7}, {name: other, port: 80, weight: 3}, {name: idle, port: 80, weight: 0}]}]
`)
	e.Write("services.yaml", harness.Service("web", 80)+harness.Service("other", 80)+harness.Service("idle", 80)+
		e.Backend("other").Workload("other")+e.Backend("idle").Workload("idle")+
		harness.Workloads("web", append(e.Backends("blue", 3), e.Backends("green", 2)...)...))
	rollout := func(traffic string) string {
		return `apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  targetRef: {name: web}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  traffic: {` + traffic + "}\n"
	}
	e.Write("rollout.yaml", rollout("blue: '95.55', green: '4.45'"))
	c := e.Run()
	streams := []harness.Stream{
		{Name: "route", URL: "http://" + e.Address(gateway) + "/", Rate: 1000},
		{Name: "service", URL: "http://" + e.Address(services) + "/", Host: "web", Rate: 1000, HTTP2: true},
	}
	for _, s := range streams {
		e.Await(s.Name+" answers", 10*time.Second, func() error {
			_, _, err := s.Do()
			return err
		})
	}
	c.AwaitStatus("no problems", 10*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			t.Fatalf("problems: %v", s.Problems)
		}
		return harness.InSync(1)(s)
	})
	load := e.Load(streams...)
	measure := func(blue float64) {
		t.Helper()
		from := time.Now()
		if e.Pause(6*time.Second) != nil {
			t.FailNow()
		}
		s := load.Samples().Within(from, time.Now())
		for stream, shares := range map[string]map[string]float64{
			"service": {"blue": blue, "green": 1 - blue},
			"route":   {"blue": 0.7 * blue, "green": 0.7 * (1 - blue), "other": 0.3, "idle": 0},
		} {
			if err := harness.Split(s.Of(stream).Versions(), shares); err != nil {
				t.Errorf("%s: %v", stream, err)
			}
		}
	}
	measure(0.9555)
	changed := time.Now()
	c.Apply(10*time.Second, func() { e.Write("rollout.yaml", rollout("blue: 40, green: 60")) })
	// Envoy's threads take it over one by one.
	if e.Pause(300*time.Millisecond) != nil {
		t.FailNow()
	}
	measure(0.4)
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("failed around a change of weights at %s:\n%s", changed.Format("15:04:05.000"), text)
	}
}
