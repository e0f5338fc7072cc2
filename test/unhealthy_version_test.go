package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// unhealthyVersions expects a VersionUnhealthy problem, or none.
func unhealthyVersions(want bool) func(admin.Status) error {
	return func(s admin.Status) error {
		got := slices.ContainsFunc(s.Problems, func(p api.Problem) bool { return p.Reason == api.ReasonVersionUnhealthy })
		if got != want {
			return fmt.Errorf("the problems are %v", s.Problems)
		}
		return nil
	}
}

// A version whose processes all fail while it has a share by hand loses it to the other one, and
// gets it again once they are back. When both fail, nothing moves.
func TestUnhealthyVersionLosesItsShare(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	blue, green := e.Backend("blue"), e.Backend("green")
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("web.yaml", harness.Service("web", 80)+blue.ProbedWorkload("web")+green.ProbedWorkload("web"))
	e.Write("rollout.yaml", `apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  targetRef: {name: web}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  traffic: {blue: 50, green: 50}
`)
	c := e.Run("--envoy-stats-interval", "200ms")
	web := harness.Stream{URL: "http://" + e.Address(port) + "/", Host: "web"}
	// answers expects 20 requests in a row to be answered 200, by these versions alone.
	answers := func(versions ...string) func() error {
		return func() error {
			seen := map[string]bool{}
			for range 20 {
				resp, body, err := web.Do()
				if err != nil {
					return err
				}
				if resp.StatusCode != 200 {
					return fmt.Errorf("%s: %.100s", resp.Status, body)
				}
				seen[resp.Header.Get(harness.VersionHeader)] = true
			}
			for v := range seen {
				if !slices.Contains(versions, v) {
					return fmt.Errorf("%s answers, too", v)
				}
			}
			if len(seen) != len(versions) {
				return fmt.Errorf("only %v answer", seen)
			}
			return nil
		}
	}
	e.Await("both answer", 20*time.Second, answers("blue", "green"))
	c.AwaitStatus("healthy", 10*time.Second, unhealthyVersions(false))

	green.SetHealthy(false)
	e.Await("blue answers everything", 15*time.Second, answers("blue"))
	c.AwaitStatus("green is reported", 5*time.Second, unhealthyVersions(true))

	blue.SetHealthy(false)
	c.AwaitStatus("blue is reported", 15*time.Second, func(s admin.Status) error {
		for _, p := range s.Problems {
			if strings.Contains(p.Message, "blue") && strings.Contains(p.Message, "503") {
				return nil
			}
		}
		return fmt.Errorf("the problems are %v", s.Problems)
	})

	blue.SetHealthy(true)
	green.SetHealthy(true)
	e.Await("both answer again", 15*time.Second, answers("blue", "green"))
	c.AwaitStatus("healthy again", 10*time.Second, unhealthyVersions(false))
}
