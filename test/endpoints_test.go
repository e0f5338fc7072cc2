package test

import (
	"errors"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Processes come and go under load, each stopped when Envoy no longer has it. Nobody notices.
func TestEndpointsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, probed := range []bool{false, true} {
		name := "without probes"
		if probed {
			name = "with probes"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			comeAndGo(t, probed)
		})
	}
}

func comeAndGo(t *testing.T, probed bool) {
	e := harness.New(t)
	port := e.FreePort()
	add := func() *harness.Backend {
		b := e.Backend("web")
		manifest := b.Workload("web")
		if probed {
			manifest = b.ProbedWorkload("web")
		}
		e.Write(b.Address.Addr().String()+"-"+b.Address.String()+".yaml", manifest)
		return b
	}
	file := func(b *harness.Backend) string { return b.Address.Addr().String() + "-" + b.Address.String() + ".yaml" }
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("service.yaml", harness.Service("web", 80))
	running := []*harness.Backend{add(), add(), add()}
	c := e.Run()
	url := "http://" + e.Address(port) + "/"
	streams := []harness.Stream{
		{Name: "HTTP/1.1", URL: url, Host: "web", Rate: 500},
		{Name: "HTTP/2", URL: url, Host: "web.default", HTTP2: true, Rate: 500},
		{Name: "slow", URL: url + "?delay=1s", Host: "web", Rate: 20},
	}
	e.Await("web answers", 20*time.Second, streams[0].Answers("web"))
	load := e.Load(streams...)
	for range counts(100) {
		b := add()
		c.Envoy.AwaitHealthy("default/web/80", b.Address.String(), 10*time.Second)
		running = append(running, b)
		gone := running[0]
		running = running[1:]
		e.Remove(file(gone))
		addresses := make([]string, len(running))
		for i, b := range running {
			addresses[i] = b.Address.String()
		}
		c.Envoy.AwaitHosts("default/web/80", 10*time.Second, addresses...)
		gone.Retire(20 * time.Second)
		if load.Failed() > 0 {
			break
		}
	}
	newest := running[len(running)-1]
	e.Await("an answer from the newest process", 5*time.Second, func() error {
		for _, s := range load.Samples() {
			if s.Endpoint == newest.Address.String() {
				return nil
			}
		}
		return errors.New("none yet")
	})
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	if n := len(samples.Endpoints()); n < counts(100) {
		t.Errorf("only %d endpoints have answered", n)
	}
	t.Logf("%d requests, %.0f a second, %d endpoints, p99 %s", len(samples), samples.Rate(), len(samples.Endpoints()),
		samples.Without("slow").Quantile(0.99))
}
