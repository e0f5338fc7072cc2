package schema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
	checks "github.com/gateway-cp/gateway-cp/schema"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// nowhere is an Origin for texts that are in no file.
type nowhere struct{}

func (nowhere) At(string) api.Position { return api.Position{} }

// FuzzCheck feeds JSON to the checks of every kind of the examples, CRDs among them: whatever
// it is, there is no panic, and what is checked twice is found twice.
func FuzzCheck(f *testing.F) {
	var paths []string
	for _, pattern := range []string{"testdata/valid.yaml", "testdata/cases/*.txt"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			f.Fatal(pattern, err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		text, _, _ = cutWant(text)
		_, err = files.Load(files.LoadOptions{Stdin: strings.NewReader(string(text)), Visit: func(d files.Document) {
			f.Add(d.GVK.Group, d.GVK.Version, d.GVK.Kind, d.JSON)
		}}, "-")
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, group, version, kind string, text []byte) {
		if !json.Valid(text) || len(text) > 20_000 {
			t.Skip()
		}
		o := checks.Object{GVK: schema.GroupVersionKind{Group: group, Version: version, Kind: kind}, JSON: text, Origin: nowhere{}}
		first, second := checks.New(checks.Options{}), checks.New(checks.Options{})
		first.Visit(o)
		second.Visit(o)
		if a, b := len(first.Problems()), len(second.Problems()); a != b {
			t.Errorf("found %d problems, then %d", a, b)
		}
	})
}

func cutWant(text []byte) (before, after []byte, found bool) {
	b, a, found := strings.Cut(string(text), "---want---\n")
	return []byte(b), []byte(a), found
}
