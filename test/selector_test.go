package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// The selector of a Service under a Rollout without versions is changed, there and back, also with labels
// that the other has not: the traffic moves as a flip, and as a canary, and no request fails.
func TestSelectorSwitch(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	stream := harness.Stream{Name: "shop", URL: "http://" + e.Address(port) + "/", Host: "shop", Rate: 500}
	service := func(selector string) {
		e.Write("service.yaml", strings.Replace(harness.Service("shop", 80), "{app: shop}", selector, 1))
	}
	rollout := func(strategy string) {
		e.Write("rollout.yaml", `apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  targetRef: {name: shop}
  `+strategy+"\n")
	}
	e.Write("fleet.yaml", e.Fleet(port))
	blue, green := e.Backends("blue", 2), e.Backends("green", 2)
	e.Write("blue.yaml", strings.ReplaceAll(harness.Workloads("shop", blue...), "version: blue", "version: blue, track: old"))
	e.Write("green.yaml", harness.Workloads("shop", green...))
	const isBlue, isGreen = "{app: shop, track: old}", "{app: shop, version: green}"
	service(isBlue)
	rollout("blueGreen: {}")
	c := e.Run()
	e.Await("blue answers", 20*time.Second, stream.Answers("blue"))
	load := e.Load(stream)
	for _, step := range []struct{ selector, version string }{{isGreen, "green"}, {isBlue, "blue"}, {isGreen, "green"}} {
		service(step.selector)
		e.Await(step.version+" answers", 20*time.Second, stream.Answers(step.version))
	}
	stands := func(phase string, percent float64) {
		t.Helper()
		c.AwaitStatus(fmt.Sprintf("%s with %g %%", phase, percent), 15*time.Second, func(s admin.Status) error {
			for _, r := range s.Rollouts {
				if r.Phase == phase && (r.Canary == nil || r.Canary.Percent == percent) {
					return nil
				}
			}
			return fmt.Errorf("%+v", s.Rollouts)
		})
	}
	tell := func(action string) {
		t.Helper()
		if out, code := c.CLI("rollout", action, "default/shop"); code != 0 {
			t.Fatalf("%s: exit code %d: %s", action, code, out)
		}
	}
	rollout("canary: {steps: [{weight: 20}, {pause: {}}]}")
	stands("Holding", 100)
	service(isBlue)
	stands("Paused", 20)
	c.Kill()
	c.Start()
	stands("Paused", 20)
	tell("abort")
	stands("Aborted", 0)
	service("{app: shop, version: blue}") // another selector is another version
	stands("Paused", 20)
	tell("promote")
	e.Await("blue answers", 20*time.Second, stream.Answers("blue"))
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	t.Logf("%d requests", len(samples))
}
