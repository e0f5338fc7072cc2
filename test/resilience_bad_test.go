package test

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// awaitProblem waits until there is a problem with a reason and a word, and that it is in
// /metrics.
func (r *resilience) awaitProblem(reason api.Reason, word string) {
	r.Helper()
	r.c.AwaitStatus(string(reason)+" is told", 20*time.Second, func(s admin.Status) error {
		for _, p := range s.Problems {
			if p.Reason == reason && strings.Contains(p.String(), word) {
				return nil
			}
		}
		return fmt.Errorf("problems: %v", s.Problems)
	})
	if text := r.c.Metrics(); !strings.Contains(text, fmt.Sprintf("gateway_cp_problems{reason=%q,severity=\"error\"}", reason)) {
		r.Errorf("/metrics does not show %s: %s", reason, problemLines(text))
	}
	if out, code := r.c.CLI("fleet", "problems"); code != 1 || !strings.Contains(out, string(reason)) {
		r.Errorf("fleet problems exits with %d: %s", code, out)
	}
}

func problemLines(metrics string) string {
	var lines []string
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "gateway_cp_problems") || strings.HasPrefix(line, "gateway_cp_refused") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func (r *resilience) awaitHealed() {
	r.Helper()
	r.c.AwaitStatus("healed", 20*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return harness.InSync(1)(s)
	})
	if out, code := r.c.CLI("fleet"); code != 0 {
		r.Errorf("fleet exits with %d: %s", code, out)
	}
}

// change edits something that has nothing to do with what is wrong, and waits until it works:
// everybody else moves on.
func (r *resilience) change(name string) {
	r.Helper()
	b := r.Backend(name)
	r.Write(name+".yaml", harness.Service(name, 80)+b.Workload(name)+harness.Route(name, name+".example.com", 80))
	gateway := harness.Stream{URL: "http://" + r.Address(r.http) + "/", Host: name + ".example.com"}
	service := harness.Stream{URL: "http://" + r.Address(r.service) + "/", Host: name}
	r.Await("the new "+name+" answers at the Gateway", 20*time.Second, gateway.Answers(name))
	r.Await("the new "+name+" answers by its name", 20*time.Second, service.Answers(name))
}

// A bad HTTPRoute: it keeps its last good version, and nobody else is touched.
func TestABadHTTPRoute(t *testing.T) {
	r := newResilience(t)
	good := harness.Route("web", "web.example.com", 80) + secureRoute
	r.under(1, func() {
		r.Write("routes.yaml", strings.Replace(good, "backendRefs", "backendRef", 1))
		r.awaitProblem(api.ReasonUnknownField, "backendRefs") // what it should be
		r.change("one")
		r.Write("routes.yaml", good)
		r.awaitHealed()
	})
}

// A Secret with a broken certificate: its host keeps the certificate before, and the other host
// of the same listener does not notice.
func TestABrokenCertificate(t *testing.T) {
	r := newResilience(t)
	r.under(1, func() {
		broken := r.b
		broken.cert = []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
		r.Write("cert-b.yaml", broken.secret("cert-b"))
		r.awaitProblem(api.ReasonInvalidCertificate, "cert-b")
		r.Write("cert-a.yaml", r.newA.secret("cert-a"))
		r.change("one")
		r.Await("a.example.com has its new certificate", 20*time.Second, r.shows("a.example.com", r.newA))
		r.Await("b.example.com keeps its old certificate", time.Second, r.shows("b.example.com", r.b))
		r.Write("cert-b.yaml", r.newB.secret("cert-b"))
		r.Await("b.example.com has its new certificate", 20*time.Second, r.shows("b.example.com", r.newB))
		r.awaitHealed()
	})
}

// shows is a check: a host shows a certificate.
func (r *resilience) shows(host string, c certificate) func() error {
	return func() error {
		conn, err := tls.Dial("tcp", r.Address(r.https), client(host, c))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// A regular expression that is fine for Go, and too large for Envoy's RE2: classes of letters
// are large in UTF-8. The route keeps its last good version.
func TestARouteThatEnvoyRefuses(t *testing.T) {
	t.Parallel()
	r := newResilience(t)
	fine := func(name, path string) string {
		return strings.Replace(harness.Route(name, name+".example.com", 80), "{backendRefs",
			"{matches: [{path: {type: RegularExpression, value: '"+path+"'}}], backendRefs", 1)
	}
	b := r.Backend("picky")
	r.Write("picky.yaml", harness.Service("picky", 80)+b.Workload("picky"))
	r.Write("picky-route.yaml", fine("picky", "/[a-z]*"))
	s := harness.Stream{Name: "picky", URL: "http://" + r.Address(r.http) + "/abc", Host: "picky.example.com", Rate: 50}
	r.Await("the picky one answers", 20*time.Second, s.Answers("picky"))
	load := r.Load(s)
	r.under(1, func() {
		r.Write("picky-route.yaml", fine("picky", "/"+strings.Repeat(`\pL{1000}`, 6)+"?"))
		r.awaitRefusal("route", "HTTPRoute default/picky")
		r.change("one")
		r.awaitRefusal("route", "HTTPRoute default/picky")
		// The last good version, which is in no file any more, survives; so does everything else.
		for _, name := range []string{"two", "three"} {
			r.c.Kill()
			r.c.Start()
			r.awaitRefusal("route", "HTTPRoute default/picky")
			r.change(name)
		}
		r.Write("picky-route.yaml", fine("picky", "/[a-z0-9]*"))
		r.awaitHealed()
		digits := s
		digits.URL += "123"
		r.Await("the new expression works", 20*time.Second, digits.Answers("picky"))
	})
	if text := load.Stop().Failures(); text != "" {
		t.Errorf("the route that was refused: %s", text)
	}
}

// A Gateway whose port is taken: Envoy refuses the listener alone, and takes it when the port
// changes, or when it is free.
func TestAListenerThatEnvoyRefuses(t *testing.T) {
	r := newResilience(t)
	taken, err := net.Listen("tcp", r.Address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	gateway := func(port int) string {
		return fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: taken}\n"+
			"spec:\n  gatewayClassName: gateway-cp\n  listeners: [{name: http, port: %d, protocol: HTTP}]\n---\n", port) +
			strings.Replace(strings.Replace(harness.Route("web", "taken.example.com", 80), "{name: gw}", "{name: taken}", 1), "name: web}\n", "name: taken}\n", 1)
	}
	_, text, _ := net.SplitHostPort(taken.Addr().String())
	port, _ := strconv.Atoi(text)
	r.under(1, func() {
		r.Write("taken.yaml", gateway(port))
		r.awaitRefusal("listener", "Gateway default/taken")
		r.change("one")
		if !soaking { // a refused resource is tried again after half a minute
			port = r.FreePort()
			r.Write("taken.yaml", gateway(port))
		}
		_ = taken.Close()
		s := harness.Stream{URL: "http://" + r.Address(port) + "/", Host: "taken.example.com"}
		r.Await("the listener answers", time.Minute, s.Answers("web"))
		r.awaitHealed()
	})
}

// awaitRefusal waits until fleet shows that exactly one thing is refused, a resource of the
// type that comes from the object, and that /metrics shows it as well.
func (r *resilience) awaitRefusal(kind, object string) {
	r.Helper()
	r.Await(object+" is refused", 20*time.Second, func() error {
		all, code := r.refusals()
		if len(all) != 1 || all[0].Type != kind || code != 1 || all[0].Message == "" ||
			len(all[0].Objects) == 0 || all[0].Objects[0] != object {
			return fmt.Errorf("fleet exits with %d: refused are %+v", code, all)
		}
		return nil
	})
	want := fmt.Sprintf("gateway_cp_refused_resources{fleet=\"default\",type=%q} 1", kind)
	if text := r.c.Metrics(); !strings.Contains(text, want) {
		r.Errorf("/metrics does not show %s: %s", want, problemLines(text))
	}
	r.awaitProblem(api.ReasonRefusedByEnvoy, object)
	if out, code := r.c.CLI("fleet"); code != 1 || !strings.Contains(out, "1 resource refused") {
		r.Errorf("fleet exits with %d: %s", code, out)
	}
}
