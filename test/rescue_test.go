package test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

const rescueRollout = "apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\nspec:\n  targetRef: {name: shop}\n" +
	"  versions:\n  - {name: v1, selector: {version: v1}}\n  - {name: v2, selector: {version: v2}}\n  canary: {to: %s, steps: [{weight: 10}, {pause: {}}]%s}\n"

// A canary that fails every request, at 10 %: of requests that may be repeated, nearly none fails for users, as
// the stable version answers them. Others see what the canary answered; what the stable version itself
// fails is not asked for again. The analysis still sees every failure.
func TestBadCanaryIsRescued(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	services, port := e.FreePort(), e.FreePort()
	e.Write("fleet.yaml", e.Fleet(services))
	e.Write("gateway.yaml", harness.Gateway(port))
	stable, canary := e.Backends("v1", 2), e.Backend("v2")
	for _, b := range stable {
		b.Handle(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/broken") {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
	}
	canary.Handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	e.Write("shop.yaml", harness.Route("shop", "shop.example.com", 80)+harness.Service("shop", 80)+harness.Workloads("shop", append(stable, canary)...))
	e.Write("rollout.yaml", fmt.Sprintf(rescueRollout, "v1", ""))
	c := e.Run()
	byName := harness.Stream{Name: "name", URL: "http://" + e.Address(services) + "/", Host: "shop", Rate: 500}
	byRoute := harness.Stream{Name: "route", URL: "http://" + e.Address(port) + "/", Host: "shop.example.com", Rate: 500}
	post := byName
	post.Name, post.Method, post.Rate = "POST", http.MethodPost, 100
	for _, s := range []harness.Stream{byName, byRoute} {
		e.Await(s.Name+" is served", 20*time.Second, s.Answers("v1"))
	}
	e.Write("rollout.yaml", fmt.Sprintf(rescueRollout, "v2", ""))
	standsAt := func(s admin.Status) error {
		if len(s.Rollouts) != 1 || s.Rollouts[0].Phase != "Paused" {
			return fmt.Errorf("%+v", s.Rollouts)
		}
		return harness.InSync(1)(s)
	}
	c.AwaitStatus("the canary has its share", 20*time.Second, standsAt)
	out, code := c.CLI("explain", "--live", "--port", fmt.Sprint(port), "--", "GET", "http://shop.example.com/")
	if want := "GET, HEAD and OPTIONS that it answers 5xx are sent to version v1\n      " + canary.Address.String() + " healthy\n"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("explain --live exits with %d, without %q:\n%s", code, want, out)
	}

	load := e.Load(byName, byRoute, post)
	asked := int64(counts(50000))
	e.Await("requests", 5*time.Minute, func() error {
		if n := load.Sent(); n < asked*12/10 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
	samples := load.Stop()
	safe := samples.Without("POST")
	t.Logf("%d of %d GET failed, %d of %d POST; the canary had %d", len(safe.Failed()), len(safe), len(samples.Of("POST").Failed()), len(samples.Of("POST")), canary.Requests.Load())
	if failed := len(safe.Failed()); failed*10000 > len(safe) || int64(len(safe)) < asked {
		t.Errorf("%d of %d requests failed: %s", failed, len(safe), safe.Failures())
	}
	if err := harness.Split(map[string]int{"ok": len(samples.Of("POST")) - len(samples.Of("POST").Failed()), "failed": len(samples.Of("POST").Failed())},
		map[string]float64{"ok": 0.9, "failed": 0.1}); err != nil {
		t.Errorf("POST: %v", err)
	}
	checkStableIsNotRetried(e, byName, append(stable, canary))

	e.Write("rollout.yaml", fmt.Sprintf(rescueRollout, "v2", ", analysis: {}"))
	load = e.Load(byName)
	c.AwaitStatus("the analysis sees it", 20*time.Second, func(s admin.Status) error {
		m := regexp.MustCompile(`canary 100 % errors of (\d+)`).FindStringSubmatch(s.Rollouts[0].Message)
		if s.Rollouts[0].Phase != "Aborted" || m == nil {
			return fmt.Errorf("%+v", s.Rollouts)
		}
		n, _ := strconv.Atoi(m[1])
		t.Logf("given up after %d failures: %s", n, s.Rollouts[0].Message)
		return nil
	})
	if text := load.Stop().Failures(); text != "" {
		t.Errorf("failed while the analysis looked on: %s", text)
	}
}

// checkStableIsNotRetried has requests fail wherever they go: only those that the canary gets, a tenth of
// them, are tried again.
func checkStableIsNotRetried(e *harness.Env, s harness.Stream, all []*harness.Backend) {
	e.Helper()
	total := func() (n int64) {
		for _, b := range all {
			n += b.Requests.Load()
		}
		return n
	}
	before := total()
	s.URL += "broken"
	load := e.Load(s)
	e.Await("failures", 30*time.Second, func() error {
		if n := load.Failed(); n < 500 {
			return fmt.Errorf("%d failures", n)
		}
		return nil
	})
	asked := len(load.Stop())
	if tries := float64(total()-before) / float64(asked); tries > 1.4 {
		e.Errorf("%.2f attempts for each request that fails everywhere, want 1.2: the stable version's failures are tried again", tries)
	}
}
