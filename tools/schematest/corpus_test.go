package schematest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
	checks "github.com/gateway-cp/gateway-cp/schema"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// document is an object with what package schema says of it.
type document struct {
	files.Document
	at       api.Position
	problems []api.Problem
}

// refused says whether there is an error.
func (d document) refused() bool { return len(d.errors()) > 0 }

func (d document) errors() []api.Problem {
	return slices.DeleteFunc(slices.Clone(d.problems), func(p api.Problem) bool { return p.Severity != api.Error })
}

// moduleDir gives the folder of a module.
func moduleDir(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// documents reads all objects under paths. What is broken YAML, or a template, has none.
func documents(t *testing.T, paths ...string) []document {
	t.Helper()
	var mu sync.Mutex
	var all []document
	_, err := files.Load(files.LoadOptions{Visit: func(d files.Document) {
		problems := check(d)
		d.JSON = bytes.Clone(d.JSON) // it outlives the visit
		mu.Lock()
		defer mu.Unlock()
		all = append(all, document{Document: d, at: d.Origin.At(""), problems: problems})
	}}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b document) int { return api.Problem{Position: a.at}.Compare(api.Problem{Position: b.at}) })
	all = slices.DeleteFunc(all, func(d document) bool { return d.GVK.Group == "kustomize.config.k8s.io" }) // not for an API server
	return all
}

// check gives the problems of one object.
func check(d files.Document) []api.Problem {
	c := checks.New(checks.Options{Unknown: checks.Refuse})
	c.Visit(checks.Object(d))
	return c.Problems()
}

// corpora are the folders with manifests that are meant to be valid.
func corpora(t *testing.T) []string {
	kubernetes := moduleDir(t, "k8s.io/kubernetes")
	gateway := moduleDir(t, "sigs.k8s.io/gateway-api")
	return []string{
		filepath.Join(gateway, "examples"),
		filepath.Join(gateway, "config", "crd"),
		filepath.Join("..", "..", "examples"),
		filepath.Join("..", "..", "deploy", "crds"),
		filepath.Join("..", "..", "schema", "testdata", "valid.yaml"),
		filepath.Join("..", "..", "schema", "testdata", "accepted.yaml"),
		filepath.Join(kubernetes, "test", "fixtures"),
		filepath.Join(kubernetes, "test", "e2e", "testing-manifests"),
		filepath.Join(kubernetes, "cluster", "addons"),
	}
}

// install creates the CRDs of the Gateway API and of gateway-cp.
func (s *server) install(t *testing.T) {
	t.Helper()
	crds := documents(t, filepath.Join(moduleDir(t, "sigs.k8s.io/gateway-api"), "config", "crd", "experimental"), filepath.Join("..", "..", "deploy", "crds"))
	for _, d := range crds {
		if d.GVK.Kind != "CustomResourceDefinition" {
			continue
		}
		if status, text := s.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", d.JSON); status != 201 {
			t.Fatalf("%s: %d %s", d.Key, status, text)
		}
	}
	for range 100 {
		if _, _, ok := s.find(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}); ok {
			break
		}
		s.forget()
		sleep()
	}
	s.forget()
}
