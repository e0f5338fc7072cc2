package test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Three canaries beside each other on one Envoy: one half of whose requests fail loses its traffic within
// seconds, one that is good gets all of it, and one that nobody calls has neither happen to it.
func TestAnalysisDecides(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("gateway.yaml", harness.Gateway(port))
	names := []string{"bad", "good", "silent"}
	streams := map[string]harness.Stream{}
	deploy := func(name, to string) {
		e.Write(name+"-rollout.yaml", fmt.Sprintf("apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: %s}\nspec:\n  targetRef: {name: %[1]s}\n"+
			"  versions:\n  - {name: v1, selector: {version: v1-%[1]s}}\n  - {name: v2, selector: {version: v2-%[1]s}}\n"+
			"  canary: {to: %s, steps: [{weight: 20}], analysis: {margin: 3}}\n", name, to))
	}
	for _, name := range names {
		stable, canary := e.Backend("v1-"+name), e.Backend("v2-"+name)
		if name == "bad" {
			var n atomic.Int64
			canary.Handle(func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1)%2 == 0 {
					w.WriteHeader(http.StatusInternalServerError)
				}
			})
		}
		host := name + ".example.com"
		e.Write(name+".yaml", harness.Route(name, host, 80)+harness.Service(name, 80)+stable.Workload(name)+canary.Workload(name))
		deploy(name, "v1")
		streams[name] = harness.Stream{Name: name, URL: "http://" + e.Address(port) + "/", Host: host, Rate: 100}
	}
	c := e.Run()
	for _, name := range names {
		e.Await(name+" is served", 20*time.Second, streams[name].Answers("v1-"+name))
	}
	load := e.Load(streams["bad"], streams["good"])
	defer load.Stop()
	began := time.Now()
	for _, name := range names {
		deploy(name, "v2")
	}
	phase := func(name, phase string, message ...string) func(admin.Status) error {
		return func(s admin.Status) error {
			for _, r := range s.Rollouts {
				if r.Name != name {
					continue
				}
				for _, m := range message {
					if !strings.Contains(r.Message, m) {
						return fmt.Errorf("%s says %q, without %q", name, r.Message, m)
					}
				}
				if r.Phase != phase {
					return fmt.Errorf("%s is %s: %s", name, r.Phase, r.Message)
				}
				return nil
			}
			return fmt.Errorf("there is no Rollout %s", name)
		}
	}
	c.AwaitStatus("the bad canary is given up", 30*time.Second, phase("bad", "Aborted", "v2 was given up: the canary is worse: canary "))
	t.Logf("the bad canary was given up after %s", time.Since(began).Round(time.Millisecond))
	c.AwaitStatus("the good canary gets all traffic", time.Minute, phase("good", "Holding"))
	t.Logf("the good canary had all traffic after %s", time.Since(began).Round(time.Millisecond))
	c.AwaitStatus("the silent canary waits", time.Second, phase("silent", "Progressing",
		"v2 gets all traffic once the analysis has found it good enough", "analysis: the canary has had no requests: nothing is known of it"))
}
