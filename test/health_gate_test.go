package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// A version gets traffic only when all of its processes have passed Envoy's own check. The way
// back needs no waiting.
func TestUnhealthyVersionGetsNothing(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	var workloads strings.Builder
	blue, green := e.Backends("blue", 2), e.Backends("green", 2)
	for _, b := range append(blue, green...) {
		workloads.WriteString(b.ProbedWorkload("web"))
	}
	green[1].SetHealthy(false)
	write := func(active string) {
		e.Write("rollout.yaml", fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  targetRef: {name: web}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  blueGreen: {active: %s}
`, active))
	}
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("web.yaml", harness.Service("web", 80)+workloads.String())
	write("blue")
	c := e.Run("--envoy-stats-interval", "200ms")
	web := harness.Stream{URL: "http://" + e.Address(port) + "/", Host: "web", Rate: 200}
	e.Await("blue answers", 20*time.Second, web.Answers("blue"))
	load := e.Load(web)
	write("green")
	// Longer than gateway-cp waits for Envoys after a start, and than some checks take.
	if e.Pause(8*time.Second) != nil {
		t.FailNow()
	}
	if n := load.Samples().Versions()["green"]; n > 0 {
		t.Errorf("green has answered %d requests while one of its processes failed its check", n)
	}
	green[1].SetHealthy(true)
	healed := time.Now()
	e.Await("green answers", 15*time.Second, func() error { return load.Samples().AnsweredBy("", "green", healed) })
	c.AwaitStatus("Envoy is in sync", 5*time.Second, harness.InSync(1))
	back := time.Now()
	write("blue")
	e.Await("blue answers again", 15*time.Second, func() error { return load.Samples().AnsweredBy("", "blue", back) })
	took := time.Since(back)
	if took > 3*time.Second {
		t.Errorf("the way back took %s", took)
	}
	// A process that fails later gets nothing more, without anybody being told.
	blue[0].SetHealthy(false)
	e.Await("Envoy sees the failure", 10*time.Second, func() error {
		clusters, err := c.Envoy.Clusters("default/web/80/blue~")
		for _, hosts := range clusters {
			for _, h := range hosts {
				if h.Address == blue[0].Address.String() && !h.Healthy {
					return nil
				}
			}
		}
		return fmt.Errorf("Envoy has %v (%v)", clusters, err)
	})
	failing := time.Now().Add(200 * time.Millisecond)
	if e.Pause(time.Second) != nil {
		t.FailNow()
	}
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("failed:\n%s", text)
	}
	if n := samples.Within(failing, time.Now()).Endpoints()[blue[0].Address.String()]; n > 0 {
		t.Errorf("%d requests went to a process that fails its check", n)
	}
	t.Logf("the way back took %s", took)
}
