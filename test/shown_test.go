package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

const shownRollout = "apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: %s}\nspec:\n  targetRef: {name: %[1]s}\n" +
	"  versions:\n  - {name: v1, selector: {version: v1%[1]s}}\n  - {name: v2, selector: {version: v2%[1]s}}\n  %s\n"

// A canary without a share is shown to testers, by header and by cookie, and gets copies of half of the GETs and of no
// POST, on every way in; when it has no endpoints any more, testers get the stable version. Its first share ends the
// copies. Beside it, a version is previewed on a host of its own. No request of all the others sees any of it, and none fails.
func TestVersionsAreShown(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	services, port := e.FreePort(), e.FreePort()
	e.Write("fleet.yaml", e.Fleet(services))
	e.Write("gateway.yaml", harness.Gateway(port))
	backends := map[string]*harness.Backend{}
	for _, app := range []string{"shop", "blog"} {
		manifests := strings.Replace(harness.Route(app, app+".example.com", 80), ".com\"]", ".com\", "+app+".example.net]", 1) + harness.Service(app, 80)
		for _, version := range []string{"v1", "v2"} {
			backends[version+app] = e.Backend(version + app)
			e.Write(version+app+".yaml", backends[version+app].ProbedWorkload(app))
		}
		e.Write(app+".yaml", manifests)
	}
	e.Write("shop-rollout.yaml", fmt.Sprintf(shownRollout, "shop", "canary: {to: v1}"))
	e.Write("blog-rollout.yaml", fmt.Sprintf(shownRollout, "blog", "blueGreen: {active: v1, preview: {version: v2, match: [{hosts: [blog.example.net]}]}}"))
	c := e.Run()
	name := harness.Stream{Name: "name", URL: "http://" + e.Address(services) + "/", Host: "shop", Rate: 200}
	route := harness.Stream{Name: "route", URL: "http://" + e.Address(port) + "/", Host: "shop.example.com", Rate: 200, HTTP2: true}
	post := name
	post.Name, post.Method = "POST", http.MethodPost
	e.Await("v1 answers", 20*time.Second, name.Answers("v1shop"))
	load := e.Load(name, route, post)
	e.Write("shop-rollout.yaml", fmt.Sprintf(shownRollout, "shop", `canary: {to: v2, steps: [{match: [{headers: [{name: X-Tester, value: "yes"}]}, `+
		`{cookies: [{name: tester, type: RegularExpression, value: "y.*"}]}]}, {mirror: {percent: 50}}, {pause: {}}, {weight: 20}, {pause: {}}]}`))
	testers := func(s harness.Stream) (all []harness.Stream) {
		for header, value := range map[string]string{"X-Tester": "yes", "Cookie": "a=b; tester=yes; c=d"} {
			s.Header = http.Header{header: {value}}
			all = append(all, s)
		}
		return all
	}
	answers := func(version string) {
		t.Helper()
		for _, s := range append(testers(name), testers(route)...) {
			e.Await(fmt.Sprint(s.Name, s.Header, " gets ", version), 10*time.Second, s.Answers(version))
		}
	}
	answers("v2shop")
	for _, s := range append(testers(name), testers(route)...) {
		for range 20 {
			if err := s.Answers("v2shop")(); err != nil {
				t.Errorf("%s with %v: %v", s.Name, s.Header, err)
			}
		}
	}
	gets, copied := func() int { s := load.Samples(); return len(s) - len(s.Of("POST")) }, backends["v2shop"].Requests.Load
	before, was := gets(), copied()
	e.Await("copies", 20*time.Second, func() error {
		if n := gets() - before; n < 1000 {
			return fmt.Errorf("%d GET", n)
		}
		return nil
	})
	if got, of := copied()-was, gets()-before; float64(got) < 0.40*float64(of) || float64(got) > 0.60*float64(of) {
		t.Errorf("%d of %d GET were copied, want half", got, of)
	}
	out, code := c.CLI("explain", "--live", "--port", fmt.Sprint(port), "--", "GET", "-H", "X-Tester: yes", "http://shop.example.com/")
	if code != 0 || !strings.Contains(out, `header x-tester is "yes"`) || !strings.Contains(out, backends["v2shop"].Address.String()) || strings.Contains(out, backends["v1shop"].Address.String()) {
		t.Errorf("explain exits with %d:\n%s", code, out)
	}

	e.Remove("v2shop.yaml")
	answers("v1shop")
	e.Write("v2shop.yaml", backends["v2shop"].ProbedWorkload("shop"))
	answers("v2shop")

	blog := harness.Stream{URL: "http://" + e.Address(port) + "/", Host: "blog.example.com"}
	fresh := blog
	fresh.Host = "blog.example.net"
	e.Await("the active version", 10*time.Second, blog.Answers("v1blog"))
	e.Await("the preview", 10*time.Second, fresh.Answers("v2blog"))
	if out, code := c.CLI("rollout", "status"); code != 0 || !strings.Contains(out, "v2 0 % (and host blog.example.net)") ||
		!strings.Contains(out, "v2 0 % (and header X-Tester yes, or cookie tester like y.*; copies of 50 %)") {
		t.Errorf("rollout status exits with %d:\n%s", code, out)
	}

	if samples := load.Samples(); samples.Failures() != "" || samples.Versions()["v2shop"] > 0 {
		t.Errorf("versions %v, failed: %s", samples.Versions(), samples.Failures())
	}
	if out, code := c.CLI("rollout", "promote", "default/shop"); code != 0 {
		t.Fatalf("promote exits with %d: %s", code, out)
	}
	c.AwaitStatus("a share", 10*time.Second, func(s admin.Status) error {
		for _, r := range s.Rollouts {
			if r.Name == "shop" && (r.Versions[1].Percent != 20 || r.Versions[1].Copied != 0) {
				return fmt.Errorf("%+v", r)
			}
		}
		return harness.InSync(1)(s)
	})
	if e.Pause(300*time.Millisecond) != nil { // Envoy's threads take it over one by one
		t.FailNow()
	}
	was = copied()
	from := time.Now()
	if e.Pause(time.Second) != nil {
		t.FailNow()
	}
	samples := load.Stop().Within(from, time.Now())
	if err := harness.Split(samples.Versions(), map[string]float64{"v1shop": 0.8, "v2shop": 0.2}); err != nil {
		t.Error(err)
	}
	if got := copied() - was; float64(got) > 1.2*float64(samples.Versions()["v2shop"])+20 {
		t.Errorf("the canary had %d requests for %d that it answered: there are copies", got, samples.Versions()["v2shop"])
	}
	answers("v2shop")
	if text := load.Samples().Failures(); text != "" {
		t.Errorf("failed:\n%s", text)
	}
}
