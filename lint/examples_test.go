package lint

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// Our examples have nothing wrong with them at all.
func TestExamples(t *testing.T) {
	folders, err := filepath.Glob("../examples/*/*.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatal("no examples", err)
	}
	seen := map[string]bool{}
	for _, file := range folders {
		if dir := filepath.Dir(file); !seen[dir] {
			seen[dir] = true
			w, said := load(t, dir)
			w.Said = said
			if found := Check(w, Options{Now: now}); len(found)+len(said) > 0 {
				t.Errorf("%s:\n%s%s", dir, printed(said), printed(found))
			}
		}
	}
}

// The examples of the Gateway API, each file by itself and each folder as a whole, have no errors.
// Most name Services, Secrets and GatewayClasses that are elsewhere.
func TestGatewayAPIExamples(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "examples", "standard")
	files, err := filepath.Glob(filepath.Join(root, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	nested, err := filepath.Glob(filepath.Join(root, "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]bool{}
	for _, f := range nested {
		dirs[filepath.Dir(f)] = true
	}
	paths := append(files, nested...)
	for d := range dirs {
		paths = append(paths, d)
	}
	if len(paths) < 50 {
		t.Fatalf("only %d examples", len(paths))
	}
	unsupported := false
	for _, path := range paths {
		// As written, and as if their classes were ours.
		for _, class := range []bool{false, true} {
			w, said := load(t, path)
			w.Said = said
			if class {
				w = withClasses(w)
			}
			for _, p := range slices.Concat(said, Check(w, Options{Now: now})) {
				if filepath.Base(p.Position.File) == "frontend-cert-validation.yaml" && p.Path == "spec.tls.frontend" {
					unsupported = true // the only one, see docs/schemas.md
					continue
				}
				// Gateways without addresses share those of their fleet, where others give each its own.
				shared := class && p.Reason == api.ReasonListenerConflict
				alternatives := dirs[path] && p.Reason == api.ReasonDuplicateObject // for one to be chosen
				if p.Severity == api.Error && !shared && !alternatives {
					t.Errorf("class %v: %s", class, p)
				}
			}
		}
	}
	if !unsupported {
		t.Error("frontend-cert-validation.yaml has no error any more: docs/schemas.md says that it has")
	}
}

// withClasses adds the GatewayClasses that Gateways name and that are not there.
func withClasses(w World) World {
	there := map[api.Key]bool{}
	for _, o := range w.Objects {
		there[o.Key] = true
	}
	for _, o := range w.Objects {
		gateway, ok := o.Value.(*gatewayv1.Gateway)
		if !ok {
			continue
		}
		class := &gatewayv1.GatewayClass{Spec: gatewayv1.GatewayClassSpec{ControllerName: api.ControllerName}}
		class.Name = string(gateway.Spec.GatewayClassName)
		if key, _ := api.KeyOf(class); !there[key] {
			there[key] = true
			w.Objects = append(w.Objects, &api.Object{Key: key, Value: class})
		}
	}
	w.Translator = translated(w.Objects)
	return w
}
