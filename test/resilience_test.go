package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// resilience is a world with every type of resource in play: two Gateway listeners, one of
// them HTTPS with two host names and a certificate for each, routes, and a Service by its name.
type resilience struct {
	*harness.Env
	c                    *harness.ControlPlane
	http, https, service int
	web                  *harness.Backend
	a, b, newA, newB     certificate
}

func newResilience(t *testing.T) *resilience {
	t.Helper()
	r := &resilience{Env: harness.New(t)}
	r.http, r.https, r.service = r.FreePort(), r.FreePort(), r.FreePort()
	r.web = r.Backend("web")
	r.a, r.newA = newCertificate(t, 1, "a.example.com"), newCertificate(t, 2, "a.example.com")
	r.b, r.newB = newCertificate(t, 3, "b.example.com"), newCertificate(t, 4, "b.example.com")
	r.Write("fleet.yaml", r.Fleet(r.service))
	r.Write("gateway.yaml", harness.Gateway(r.http)+r.secureGateway())
	r.Write("cert-a.yaml", r.a.secret("cert-a"))
	r.Write("cert-b.yaml", r.b.secret("cert-b"))
	r.Write("web.yaml", harness.Service("web", 80)+r.web.Workload("web"))
	r.Write("routes.yaml", harness.Route("web", "web.example.com", 80)+secureRoute)
	r.c = r.Run("--envoy-stats-interval", "200ms")
	for _, s := range r.streams() {
		r.Await(s.Name+" answers", 20*time.Second, s.Answers("web"))
	}
	r.c.AwaitStatus("everything is there", 20*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return harness.InSync(1)(s)
	})
	return r
}

func (r *resilience) secureGateway() string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: secure}
spec:
  gatewayClassName: gateway-cp
  listeners:
  - {name: a, port: %d, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: cert-a}]}}
  - {name: b, port: %[1]d, protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: cert-b}]}}
---
`, r.https)
}

const secureRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: secure}
spec:
  parentRefs: [{name: secure}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
`

// streams is a light load on everything.
func (r *resilience) streams() []harness.Stream {
	const rate = 50
	secure := "https://" + r.Address(r.https) + "/"
	return []harness.Stream{
		{Name: "Gateway", URL: "http://" + r.Address(r.http) + "/", Host: "web.example.com", Rate: rate},
		{Name: "Service", URL: "http://" + r.Address(r.service) + "/", Host: "web", HTTP2: true, Rate: rate},
		{Name: "a.example.com", URL: secure, Host: "a.example.com", TLS: client("a.example.com", r.a, r.newA), Rate: rate},
		{Name: "b.example.com", URL: secure, Host: "b.example.com", TLS: client("b.example.com", r.b, r.newB), Rate: rate, HTTP2: true, Connections: 1},
	}
}

// under puts the world under load, more of it the higher the factor, while f runs. Nothing may
// fail.
func (r *resilience) under(factor int, f func()) {
	r.Helper()
	streams := r.streams()
	for i := range streams {
		streams[i].Rate *= factor
	}
	load := r.Load(streams...)
	defer func() {
		samples := load.Stop()
		if text := samples.Failures(); text != "" || len(samples) == 0 {
			r.Errorf("%d of %d requests failed: %s", len(samples.Failed()), len(samples), text)
		}
		r.Logf("%d requests, p50 %s, p99 %s", len(samples), samples.Quantile(0.5), samples.Quantile(0.99))
	}()
	f()
}

// only gives the status of the only Envoy.
func only(s admin.Status) (admin.EnvoyStatus, error) {
	if len(s.Envoys) != 1 {
		return admin.EnvoyStatus{}, fmt.Errorf("%d Envoys, want 1", len(s.Envoys))
	}
	return s.Envoys[0], harness.InSync(1)(s)
}

// awaitReconnect waits until Envoy is back and has everything, without having been sent
// anything.
func (r *resilience) awaitReconnect() {
	r.Helper()
	const types = 6 // all of them: cluster, endpoint, secret, listener, scope, route
	r.c.AwaitStatus("Envoy is back", 30*time.Second, func(s admin.Status) error {
		e, err := only(s)
		if err == nil && len(e.Types) < types {
			err = fmt.Errorf("it has asked for %v", e.Types)
		}
		if err == nil && e.Resources > 0 {
			r.Fatalf("Envoy has it all and was sent %d resources: %+v", e.Resources, e)
		}
		return err
	})
}

func TestKillAgainAndAgain(t *testing.T) {
	t.Parallel()
	r := newResilience(t)
	envoys := fmt.Sprint(r.c.SupervisedEnvoys())
	span := time.Duration(counts(600)) * 100 * time.Millisecond // a minute
	want := counts(20)
	if span < 10*time.Second {
		span, want = 10*time.Second, 4
	}
	reconnects := 0
	r.under(3, func() {
		for end := time.Now().Add(span); time.Now().Before(end); reconnects++ {
			r.c.Kill()
			r.c.Start()
			r.awaitReconnect()
		}
	})
	t.Logf("%d reconnects in %s", reconnects, span)
	if reconnects < want {
		t.Errorf("only %d reconnects, want %d", reconnects, want)
	}
	if now := fmt.Sprint(r.c.SupervisedEnvoys()); now != envoys {
		t.Errorf("Envoys were %s, are %s", envoys, now)
	}
}

// The control plane is away, the world changes meanwhile, and Envoy hears of it afterwards.
func TestControlPlaneIsDown(t *testing.T) {
	t.Parallel()
	r := newResilience(t)
	outage := 5 * time.Second
	if soaking {
		outage = 30 * time.Second
	}
	r.under(5, func() {
		r.c.Kill()
		time.Sleep(outage)
		r.c.Start()
		r.awaitReconnect()
		r.c.Kill()
		more := r.Backend("web")
		r.Write("more.yaml", more.Workload("web"))
		r.c.Start()
		r.c.Envoy.AwaitHosts("default/web/80", 20*time.Second, r.web.Address.String(), more.Address.String())
		r.c.AwaitStatus("Envoy has the change and nothing else", 20*time.Second, func(s admin.Status) error {
			e, err := only(s)
			if err == nil && e.Resources != 1 {
				err = fmt.Errorf("it was sent %d resources, want the endpoints alone", e.Resources)
			}
			return err
		})
	})
}

// A file that is broken while gateway-cp is killed does not lose what it held before.
func TestLastGoodObjectsSurvive(t *testing.T) {
	r := newResilience(t)
	r.under(1, func() {
		r.Write("routes.yaml", "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n\tmetadata: {name: web\n")
		r.Write("web.yaml", harness.Service("web", 80)+"---\nkind: [")
		broken := func() {
			r.c.AwaitStatus("the broken files are seen", 20*time.Second, func(s admin.Status) error {
				files := map[string]bool{}
				for _, p := range s.Problems {
					if p.Position.Line > 0 {
						files[p.Position.File[strings.LastIndex(p.Position.File, "/")+1:]] = true
					}
				}
				if !files["routes.yaml"] || !files["web.yaml"] {
					return fmt.Errorf("problems: %v", s.Problems)
				}
				return nil
			})
		}
		broken()
		for range 2 {
			r.c.Kill()
			r.c.Start()
			broken()
			r.awaitReconnect()
		}
		r.Write("routes.yaml", harness.Route("web", "web.example.com", 80)+secureRoute)
		r.Write("web.yaml", harness.Service("web", 80)+r.web.Workload("web"))
		r.c.AwaitStatus("healed", 20*time.Second, func(s admin.Status) error {
			if len(s.Problems) > 0 {
				return fmt.Errorf("problems: %v", s.Problems)
			}
			return nil
		})
		r.awaitReconnect()
	})
}

// Most objects vanish at once: they stay until somebody says that it is meant, also over a
// kill -9.
func TestMassLossIsHeld(t *testing.T) {
	r := newResilience(t)
	var many strings.Builder
	for i := range 30 {
		many.WriteString(harness.Service(fmt.Sprint("many-", i), 80))
	}
	r.Write("many.yaml", many.String())
	other := r.Backend("other")
	r.Write("other.yaml", harness.Service("other", 80)+other.Workload("other"))
	s := harness.Stream{URL: "http://" + r.Address(r.service) + "/", Host: "other"}
	r.Await("other answers", 20*time.Second, s.Answers("other"))
	held := func(want bool) {
		r.Helper()
		r.c.AwaitStatus(fmt.Sprintf("held: %v", want), 20*time.Second, func(s admin.Status) error {
			if (s.Held != nil) != want {
				return fmt.Errorf("held: %+v", s.Held)
			}
			return nil
		})
	}
	r.under(1, func() {
		r.Remove("many.yaml")
		r.Remove("other.yaml")
		held(true)
		r.Await("other still answers", time.Second, s.Answers("other"))
		r.c.Kill()
		r.c.Start()
		held(true)
		r.Await("other still answers", time.Second, s.Answers("other"))
		if out, code := r.c.CLI("fleet"); code != 1 || !strings.Contains(out, "HELD") || !strings.Contains(out, "fleet confirm") {
			t.Errorf("fleet exits with %d: %s", code, out)
		}
		if text := r.c.Metrics(); !strings.Contains(text, "gateway_cp_source_held 1") {
			t.Error("/metrics does not show that the source is held")
		}
		if out, code := r.c.CLI("fleet", "confirm"); code != 0 {
			t.Errorf("fleet confirm exits with %d: %s", code, out)
		}
		held(false)
		awaitCode(r.Env, s, 404)
		if out, code := r.c.CLI("fleet", "confirm"); code != 1 {
			t.Errorf("fleet confirm with nothing held exits with %d: %s", code, out)
		}
		if out, code := r.c.CLI("fleet"); code != 0 || strings.Contains(out, "HELD") {
			t.Errorf("fleet exits with %d: %s", code, out)
		}
	})
}

// refusals reads what fleet -o json says is refused, and gives its exit code.
func (r *resilience) refusals() (all []admin.Refusal, code int) {
	r.Helper()
	out, code := r.c.CLI("fleet", "-o", "json")
	var s admin.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		r.Fatalf("fleet -o json: %v in %s", err, out)
	}
	for _, e := range s.Envoys {
		all = append(all, e.Refused...)
	}
	return all, code
}
