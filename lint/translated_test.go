package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/gateway-cp/gateway-cp/api"
)

const someGateway = `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gateway-cp}
spec: {controllerName: gateway-cp.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: infra ANNOTATIONS}
spec:
  gatewayClassName: CLASS
  listeners:
  - {name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: FROM}}
  - {name: https, protocol: HTTPS, port: 443, hostname: shop.example.com, tls: {certificateRefs: [{name: shop}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: PARENT, namespace: infra, sectionName: http}]
  rules: [{backendRefs: [{name: web, namespace: BACKEND, port: 80}]}]
---
apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  targetRef: {name: web}
  versions: [{name: blue, selector: {version: blue}}]
  traffic: {blue: 100}
`

const (
	someService   = "---\napiVersion: v1\nkind: Service\nmetadata: {name: NAME, namespace: shop}\nspec: {ports: [{port: 80}]}\n"
	someSecret    = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: infra}\nstringData: {a: b}\n"
	someIssued    = "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: shop, namespace: infra}\nspec: {secretName: shop}\n"
	someSealed    = "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: shop, namespace: infra}\nspec: {}\n"
	someNamespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
	someBackend   = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: back}\nspec: {ports: [{port: 80}]}\n"
)

// What is not in the set is an error only where the set holds what it would stand among.
func TestWhatMayBeElsewhere(t *testing.T) {
	web, other := strings.ReplaceAll(someService, "NAME", "web"), strings.ReplaceAll(someService, "NAME", "other")
	cases := []struct {
		name, more, change string // change: "OLD=NEW OLD=NEW"
		want               string // "Reason severity", sorted by reason; those of the certificate apart
	}{
		{"nothing but the routes", "", "", "BackendNotFound warning, CertificateNotFound warning, TargetNotFound warning"},
		{"another Service of the namespace", other, "", "BackendNotFound error, CertificateNotFound warning, TargetNotFound error"},
		{"another Secret of the namespace", web + someSecret, "", "CertificateNotFound error"},
		{"a Certificate of cert-manager", web + someIssued, "", ""},
		{"a sealed Secret", web + someSealed, "", ""},
		{"an issuer in an annotation", web, "ANNOTATIONS=,annotations:{cert-manager.io/cluster-issuer:x}", ""},
		{"another GatewayClass", web + someIssued, "CLASS=gateway-pc", "GatewayClassNotFound error"},
		{"the GatewayClass of another controller", web + someIssued, "CLASS=nginx", "GatewayClassNotFound warning"},
		{"another Gateway of the namespace", web + someIssued, "PARENT=private", "ParentNotFound error"},
		{"no Namespace to look at labels", web + someIssued, "FROM={from:Selector,selector:{matchLabels:{a:b}}}", "RouteNotAllowed warning"},
		{"a Namespace without the label", web + someIssued + someNamespace, "FROM={from:Selector,selector:{matchLabels:{a:b}}}", "RouteNotAllowed error"},
		{"a backend in a namespace that is elsewhere", web + someIssued, "BACKEND=back", "RefNotPermitted warning"},
		{"a backend that nothing permits", web + someIssued + someBackend, "BACKEND=back", "RefNotPermitted error"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := someGateway + c.more
			for _, change := range append(strings.Fields(c.change), "ANNOTATIONS=", "CLASS=gateway-cp", "FROM={from:All}", "PARENT=public", "BACKEND=shop") {
				before, after, _ := strings.Cut(change, "=")
				text = strings.ReplaceAll(text, before, strings.ReplaceAll(after, ":", ": "))
			}
			w, said := loadPart(t, &txtar.Archive{Files: []txtar.File{{Name: "in/all.yaml", Data: []byte(text)}}}, "in")
			for _, p := range besides(said) {
				t.Error(p)
			}
			var got []string
			for _, p := range Check(w, Options{Now: now, Off: map[api.Reason]bool{api.ReasonListenerOpenToAll: true}}) {
				got = append(got, string(p.Reason)+" "+string(p.Severity))
			}
			if list := strings.Join(sorted(got), ", "); list != c.want {
				t.Errorf("got %q, want %q", list, c.want)
			}
		})
	}
}

// A class that is in no file is one of the cluster, unless the set has classes.
func TestClassMayBeElsewhere(t *testing.T) {
	gateway := "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: public}\nspec:\n  gatewayClassName: shared\n  listeners: [{name: http, protocol: HTTP, port: 80}]\n"
	w, _ := loadPart(t, &txtar.Archive{Files: []txtar.File{{Name: "in/all.yaml", Data: []byte(gateway)}}}, "in")
	found := Check(w, Options{Now: now})
	if len(found) != 1 || found[0].Reason != api.ReasonGatewayClassNotFound || found[0].Severity != api.Warning {
		t.Errorf("got %s", printed(found))
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// Where it takes two objects, a problem of the translator says where the other one is.
func TestConflictsNameTheOther(t *testing.T) {
	gateway := strings.Split(someGateway, "---\n")
	text := strings.NewReplacer(" ANNOTATIONS", "", "CLASS", "gateway-cp", "FROM", "{from: Same}").Replace(gateway[0] + "---\n" + gateway[1])
	text += "---\n" + strings.ReplaceAll(strings.SplitN(text, "---\n", 2)[1], "name: public", "name: second")
	for _, name := range []string{"first", "second"} {
		text += "---\n" + strings.ReplaceAll(gateway[3], "{name: web, namespace", "{name: "+name+", namespace")
	}
	w, _ := loadPart(t, &txtar.Archive{Files: []txtar.File{{Name: "in/all.yaml", Data: []byte(text + strings.ReplaceAll(someService, "NAME", "web"))}}}, "in")
	want := map[api.Reason]string{api.ReasonListenerConflict: "all.yaml:12:5", api.ReasonTargetConflict: "all.yaml:28:15"}
	for _, p := range Check(w, Options{Now: now}) {
		if at, ok := want[p.Reason]; ok && p.Other.Position.String() == at {
			delete(want, p.Reason)
		} else if ok {
			t.Log(p)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

// What is in the set but not valid has been reported itself, and is not missed by its users.
func TestInvalidIsNotMissing(t *testing.T) {
	manifests := strings.NewReplacer("ANNOTATIONS", "", "CLASS", "gateway-cp", "FROM", "{from: All}", "PARENT", "public", "BACKEND", "shop").Replace(someGateway) +
		strings.ReplaceAll(someService, "NAME", "web") +
		"---\napiVersion: v1\nkind: Secret\nmetadata: {name: shop, namespace: infra}\ntype: kubernetes.io/tls\nstringData: {tls.crt: none, tls.key: none}\n"
	for _, c := range []struct{ old, bad string }{
		{"port: 443", "port: 443443"},                 // the Gateway, and what it needs
		{"controllerName:", "controlerName:"},         // the GatewayClass
		{"ports: [{port: 80}]", "ports: [{prt: 80}]"}, // the Service
	} {
		file := filepath.Join(t.TempDir(), "m.yaml")
		text := strings.Replace(manifests, c.old, c.bad, 1)
		if text == manifests {
			t.Fatalf("there is no %s", c.old)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w, said := load(t, file)
		if !slices.ContainsFunc(said, func(p api.Problem) bool { return p.Severity == api.Error && p.Object.Kind != api.KindSecret }) {
			t.Errorf("%s is no error: %v", c.bad, said)
		}
		missing := func(p api.Problem) bool {
			return slices.Contains([]api.Reason{api.ReasonParentNotFound, api.ReasonCertificateNotFound, api.ReasonGatewayClassNotFound,
				api.ReasonBackendNotFound, api.ReasonTargetNotFound}, p.Reason)
		}
		if !slices.ContainsFunc(Check(w, Options{Now: now}), missing) {
			t.Errorf("%s: nothing is missed where nobody has said that it is invalid", c.bad)
		}
		w.Said = said
		if found := Check(w, Options{Now: now}); slices.ContainsFunc(found, missing) {
			t.Errorf("%s: got %v", c.bad, found)
		}
	}
}

// A ReferenceGrant that is not valid is one cause, and one finding: not also a reference that nothing permits.
func TestInvalidGrantIsNotMissing(t *testing.T) {
	const manifests = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: gateway-cp}\nspec: {controllerName: gateway-cp.io/gateway-controller}\n" +
		"---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: web}\n" +
		"spec: {gatewayClassName: gateway-cp, listeners: [{name: http, protocol: HTTP, port: 80}]}\n" +
		"---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: shop, namespace: web}\n" +
		"spec: {parentRefs: [{name: public}], rules: [{backendRefs: [{name: shop, namespace: other, port: 80}]}]}\n" +
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: other}\nspec: {ports: [{port: 80}]}\n"
	refused := func(p api.Problem) bool { return p.Reason == api.ReasonRefNotPermitted }
	for namespace, want := range map[string]bool{"other": false, "elsewhere": true} {
		file := filepath.Join(t.TempDir(), "m.yaml")
		grant := "---\napiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: " + namespace + "}\n" +
			"spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web}], too: [{group: '', kind: Service}]}\n"
		if err := os.WriteFile(file, []byte(manifests+grant), 0o600); err != nil {
			t.Fatal(err)
		}
		w, said := load(t, file)
		w.Said = said
		if found := Check(w, Options{Now: now}); slices.ContainsFunc(found, refused) != want {
			t.Errorf("with a wrong grant in %s: %v", namespace, found)
		}
	}
}
