package schema_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	checks "github.com/gateway-cp/gateway-cp/schema"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// mixed gives n documents of the kinds in testdata/valid.yaml and examples/, over and over.
func mixed(b *testing.B, n int) []checks.Object {
	b.Helper()
	var mu sync.Mutex
	var some []checks.Object
	for _, path := range []string{"testdata/valid.yaml", filepath.Join("..", "examples")} {
		if _, err := os.Stat(path); err != nil {
			b.Fatal(err)
		}
		_, err := files.Load(files.LoadOptions{Visit: func(d files.Document) {
			mu.Lock()
			defer mu.Unlock()
			some = append(some, checks.Object(d))
		}}, path)
		if err != nil {
			b.Fatal(err)
		}
	}
	all := make([]checks.Object, n)
	for i := range all {
		all[i] = some[i%len(some)]
	}
	return all
}

// BenchmarkMixed checks 10,000 documents, as one run of validate does, after they are parsed.
func BenchmarkMixed(b *testing.B) {
	docs := mixed(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		c := checks.New(checks.Options{})
		for _, d := range docs {
			c.Visit(d)
		}
		if n := len(c.Problems()); n > 0 {
			b.Fatal(n)
		}
	}
}

// BenchmarkKinds checks one document of a kind, with everything compiled.
func BenchmarkKinds(b *testing.B) {
	seen := make(map[string]bool)
	for _, d := range mixed(b, 200) {
		if seen[d.GVK.Kind] {
			continue
		}
		seen[d.GVK.Kind] = true
		b.Run(d.GVK.Kind, func(b *testing.B) {
			c := checks.New(checks.Options{})
			for b.Loop() {
				c.Visit(d)
				c.Problems()
			}
		})
	}
}

// BenchmarkFirst is what the first HTTPRoute costs: its CRD is read and its rules compiled.
func BenchmarkFirst(b *testing.B) {
	for _, d := range mixed(b, 200) {
		if d.GVK.Kind == "HTTPRoute" {
			for b.Loop() {
				c := checks.New(checks.Options{})
				c.Visit(d)
				c.Problems()
			}
			return
		}
	}
	b.Fatal("examples/ has no HTTPRoute")
}
