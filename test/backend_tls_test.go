package test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// A BackendTLSPolicy has requests sent over TLS, to endpoints that can show the name, under an authority that the policy
// refers to, and to nobody else. The authority is replaced without a lost request; without any, nothing is sent.
func TestBackendTLS(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	old, renewed, stranger := newCertificate(t, 1, "web.example.com"), newCertificate(t, 2, "web.example.com"), newCertificate(t, 3, "other.example.com")
	first, second, impostor := tlsServer(t, e, old), tlsServer(t, e, renewed), tlsServer(t, e, stranger)
	service := func(name string, at ...netip.AddrPort) string {
		all := fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: {app: %[1]s}, ports: [{name: secure, port: 443, targetPort: tls, appProtocol: https}]}\n---\n", name)
		for i, a := range at {
			all += fmt.Sprintf("apiVersion: gateway-cp.io/v1alpha1\nkind: Workload\nmetadata: {name: %s-%d, labels: {app: %s}}\nspec: {addresses: [%q], ports: [{name: tls, port: %d}]}\n---\n", name, i, name, a.Addr(), a.Port())
		}
		return all
	}
	authorities := func(certificates ...certificate) string {
		all := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata:\n  ca.crt: |\n"
		for _, c := range certificates {
			all += "    " + strings.ReplaceAll(strings.TrimSpace(string(c.cert)), "\n", "\n    ") + "\n"
		}
		return all
	}
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("services.yaml", service("web", first)+service("impostor", impostor)+`apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: web}
spec:
  targetRefs: [{group: "", kind: Service, name: web, sectionName: secure}, {group: "", kind: Service, name: impostor}]
  validation: {hostname: web.example.com, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}
`)
	e.Write("ca.yaml", authorities(old, stranger))
	c := e.Run()
	web := harness.Stream{Name: "web", URL: "http://" + e.Address(port) + "/", Host: "web.default"}
	is := func(s harness.Stream, status int) func() error {
		return func() error {
			resp, body, err := s.Do()
			if err == nil && resp.StatusCode != status {
				err = fmt.Errorf("%s: %s %q, want %d", s.Host, resp.Status, body, status)
			}
			return err
		}
	}
	// The server wants the name in SNI: it is not the host of the request.
	e.Await("TLS to who has the name", 20*time.Second, is(web, 421))
	other := web
	other.Host = "impostor.default"
	if err := is(other, 503)(); err != nil {
		t.Errorf("TLS to who has another name: %v", err)
	}
	// A new authority, then endpoints with certificates of it, then the old one goes.
	load := e.Load(harness.Stream{Name: "web", URL: web.URL, Host: web.Host, Rate: 200})
	steps := []func(){
		func() { e.Write("ca.yaml", authorities(old, renewed)) },
		func() { e.Write("web.yaml", strings.Split(service("web", first, second), "---\n")[2]) },
		func() { e.Write("ca.yaml", authorities(renewed)) },
	}
	for _, step := range steps[:2] {
		c.Apply(20*time.Second, step)
	}
	samples := load.Stop()
	if n := len(samples); n == 0 {
		t.Error("nothing was asked meanwhile")
	}
	for _, s := range samples {
		if s.Code != 421 {
			t.Errorf("a request was answered %d", s.Code)
			break
		}
	}
	c.Apply(20*time.Second, steps[2])
	e.Write("ca.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata: {ca.crt: not a certificate}\n")
	e.Await("nothing is sent without an authority", 10*time.Second, is(web, 503))
	c.AwaitStatus("the problem", 10*time.Second, func(s admin.Status) error {
		if got := fmt.Sprint(s.Problems); !strings.Contains(got, "ca.crt of ConfigMap default/ca has no certificate in PEM form") {
			return fmt.Errorf("problems: %s", got)
		}
		return nil
	})
}
