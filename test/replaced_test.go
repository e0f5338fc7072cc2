package test

import (
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Every process of a Service is replaced in one edit, again and again: by some whose first health
// check takes a while. Those before serve until then, and nobody notices. Once the new ones are
// healthy, Envoy forgets the others.
func TestAllEndpointsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("service.yaml", harness.Service("web", 80))
	deploy := func() []*harness.Backend {
		backends := e.Backends("web", 2)
		var manifests strings.Builder
		for _, b := range backends {
			b.SlowCheck(50 * time.Millisecond)
			manifests.WriteString(b.ProbedWorkload("web"))
		}
		e.Write("workloads.yaml", manifests.String())
		return backends
	}
	newest := deploy()
	c := e.Run("--envoy-stats-interval", "200ms")
	url := "http://" + e.Address(port) + "/"
	streams := []harness.Stream{
		{Name: "HTTP/1.1", URL: url, Host: "web", Rate: 300},
		{Name: "HTTP/2", URL: url, Host: "web.default", HTTP2: true, Rate: 300},
		{Name: "slow", URL: url + "?delay=500ms", Host: "web", Rate: 20},
	}
	e.Await("web answers", 20*time.Second, streams[0].Answers("web"))
	load := e.Load(streams...)
	const swaps = 30
	var before []*harness.Backend
	for range swaps {
		before = append(before, newest...)
		newest = deploy()
		c.Envoy.AwaitHealthy("default/web/80", newest[0].Address.String(), 10*time.Second)
		c.Envoy.AwaitHealthy("default/web/80", newest[1].Address.String(), 10*time.Second)
		if load.Failed() > 0 {
			break
		}
	}
	healthy := time.Now().Add(100 * time.Millisecond) // Envoy's threads take it over one by one
	c.Envoy.AwaitHosts("default/web/80", 10*time.Second, newest[0].Address.String(), newest[1].Address.String())
	for _, b := range before {
		b.Retire(20 * time.Second)
	}
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	for address, n := range samples.Within(healthy, time.Now()).Endpoints() {
		if address != newest[0].Address.String() && address != newest[1].Address.String() {
			t.Errorf("%d requests went to %s, which was replaced", n, address)
		}
	}
	if n := len(samples.Endpoints()); n < swaps {
		t.Errorf("only %d endpoints have answered", n)
	}
	t.Logf("%d requests, %.0f a second, %d endpoints, p99 %s", len(samples), samples.Rate(), len(samples.Endpoints()),
		samples.Without("slow").Quantile(0.99))
}
