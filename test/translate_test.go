package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// What translate --static prints is all that a plain Envoy needs: routes, the DNS names of
// Services, the split of a Rollout and HTTPS work without any control plane.
func TestStaticBootstrapServes(t *testing.T) {
	e := harness.New(t)
	services, plain, secure := e.FreePort(), e.FreePort(), e.FreePort()
	a := newCertificate(t, 1, "a.example.com")
	blue, green := e.Backend("blue"), e.Backend("green")
	e.Write("fleet.yaml", e.Fleet(services))
	e.Write("gateway.yaml", harness.Gateway(plain)+fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: secure}
spec:
  gatewayClassName: gateway-cp
  listeners: [{name: https, port: %d, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: a}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a}
spec:
  parentRefs: [{name: gw}, {name: secure}]
  hostnames: [a.example.com]
  rules: [{backendRefs: [{name: a, port: 80}]}]
---
`, secure)+a.secret("a"))
	e.Write("services.yaml", harness.Service("a", 80)+blue.ProbedWorkload("a")+green.ProbedWorkload("a")+`
apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: a}
spec:
  targetRef: {name: a}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  blueGreen: {active: green}
`)
	if out, code := e.GatewayCP("translate", e.Manifests, "--static"); code != 2 || strings.Contains(out, "static_resources") {
		t.Fatalf("a bootstrap without its private key would not start; got %d: %.300s", code, out)
	}
	secrets, admin := filepath.Join(e.Dir, "secrets"), e.Address(e.FreePort())
	out, code := e.GatewayCP("translate", e.Manifests, "--static", "--secret-dir", secrets, "--envoy-admin-address", admin)
	if code != 0 {
		t.Fatalf("translate: %s", out)
	}
	if strings.Contains(out, "PRIVATE KEY") || strings.Contains(out, "inline_bytes") {
		t.Error("the private key is in the output")
	}
	if info, err := os.Stat(filepath.Join(secrets, "default.a.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	e.StartStaticEnvoy([]byte(out), admin)
	for _, s := range []harness.Stream{
		{URL: "http://" + e.Address(plain) + "/", Host: "a.example.com"},
		{URL: "http://" + e.Address(services) + "/", Host: "a.default.svc"},
		{URL: "http://" + e.Address(services) + "/", Host: "A"},
		{URL: "https://" + e.Address(secure) + "/", Host: "a.example.com", TLS: client("a.example.com", a)},
		{URL: "https://" + e.Address(secure) + "/", Host: "a.example.com", TLS: client("a.example.com", a), HTTP2: true},
	} {
		e.Await(s.URL+" "+s.Host, 20*time.Second, s.Answers("green"))
	}
	awaitCode(e, harness.Stream{URL: "http://" + e.Address(plain) + "/", Host: "b.example.com"}, 404)
}

// Nothing that translate prints gives a private key away, unless it is asked to.
func TestTranslateRedacts(t *testing.T) {
	e := harness.New(t)
	a := newCertificate(t, 1, "a.example.com")
	e.Write("gateway.yaml", harness.Gateway(8080)+`apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: secure}
spec:
  gatewayClassName: gateway-cp
  listeners: [{name: https, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: a}]}}]
---
`+a.secret("a"))
	for _, args := range [][]string{nil, {"--object", "Secret/default/a"}, {"--type", "secret"}, {"-o", "json"}} {
		out, code := e.GatewayCP(append([]string{"translate", e.Manifests}, args...)...)
		if code != 0 || !strings.Contains(out, "[redacted]") || !strings.Contains(out, "default/a") {
			t.Errorf("%q: %d: %.300s", args, code, out)
		}
		for _, secret := range []string{"PRIVATE KEY", base64Of(a.key)} {
			if strings.Contains(out, secret) {
				t.Errorf("%q: the private key is in the output", args)
			}
		}
	}
	if out, code := e.GatewayCP("translate", e.Manifests, "--show-secrets"); code != 0 || !strings.Contains(out, base64Of(a.key)) {
		t.Errorf("--show-secrets shows none: %d: %.300s", code, out)
	}
}
