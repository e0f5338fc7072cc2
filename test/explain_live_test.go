package test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// base64Of is how bytes stand in JSON.
func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// A running control plane says where a request goes now: with the split that a rollout has
// reached, what its Envoys find healthy, and the files that the objects come from.
func TestExplainLive(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	blue, green := e.Backend("blue"), e.Backend("green")
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("gateway.yaml", harness.Gateway(port)+harness.Route("a", "a.example.com", 80))
	e.Write("services.yaml", harness.Service("a", 80)+blue.ProbedWorkload("a")+green.ProbedWorkload("a"))
	split := func(blue int) {
		e.Write("rollout.yaml", fmt.Sprintf("apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec:\n  targetRef: {name: a}\n"+
			"  versions:\n  - {name: blue, selector: {version: blue}}\n  - {name: green, selector: {version: green}}\n  traffic: {blue: %d, green: %d}\n", blue, 100-blue))
	}
	split(100)
	c := e.Run()
	explain := func(want ...string) func() error {
		return func() error {
			out, code := c.CLI("explain", "--live", "--port", fmt.Sprint(port), "--", "GET", "http://a.example.com/cart")
			if code != 0 {
				return fmt.Errorf("exit code %d: %s", code, out)
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					return fmt.Errorf("%q is not in:\n%s", w, out)
				}
			}
			return nil
		}
	}
	e.Await("everything goes to blue", 20*time.Second, explain("100 % to Service default/a port 80, version blue",
		"Rollout default/a spec.versions[0] at ", "rollout.yaml:7:5", "HTTPRoute default/a spec.rules[0]", blue.Address.String(),
		"Envoy gw-1 finds 1 of 1 endpoints of default/a/80/blue"))
	split(75)
	e.Await("a quarter goes to green", 20*time.Second, explain("75 % to Service default/a port 80, version blue",
		"25 % to Service default/a port 80, version green", green.Address.String()))
	if out, code := c.CLI("explain", "--live", "--port", "1", "--", "http://a.example.com/"); code != 2 || !strings.Contains(out, "no listener is on port 1; there are ") {
		t.Errorf("a port that nobody listens on: %d: %s", code, out)
	}
}
