package convert

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
)

var update = flag.Bool("update", false, "rewrite the goldens, and the tables of docs/migrating.md")

// Manifests come to the Rollouts and notes beside them; the Rollouts are admitted, and every row of the tables has a case.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	used := map[string]bool{}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Convert(a.Files[0].Data, Options{})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for row := range r.used {
			used[row] = true
		}
		var got bytes.Buffer
		for _, ro := range r.Rollouts {
			text, err := yaml.Marshal(ro)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "---\n%s", text)
			for _, p := range admission.Admit(ro) {
				if p.Severity == api.Error {
					t.Errorf("%s: %v", file, p)
				}
			}
		}
		for _, n := range r.Notes {
			fmt.Fprintf(&got, "# %s\n", n)
		}
		if *update {
			a.Files = append(a.Files[:1], txtar.File{Name: "want.yaml", Data: got.Bytes()})
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if len(a.Files) != 2 || string(a.Files[1].Data) != got.String() {
			t.Errorf("%s: got\n%s\nIf that is right: go test ./convert -update", file, got.String())
		}
	}
	for _, table := range Tables {
		for _, f := range table.Fields {
			if !used[f.From] && f.From != "spec.strategy.canary" && f.From != "spec.strategy.blueGreen" && f.From != "spec.analysis" {
				t.Errorf("%s: no case has %s", table.Title, f.From)
			}
		}
	}
}

const begin, end = "<!-- tables: go test ./convert -update -->\n", "<!-- end of tables -->"

func TestDocument(t *testing.T) {
	const path = "../docs/migrating.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the tables", path)
	}
	var b strings.Builder
	for _, table := range Tables {
		fmt.Fprintf(&b, "\n### %s\n\n| Field | Becomes | |\n|---|---|---|\n", table.Title)
		for _, f := range table.Fields {
			to := "–"
			if f.To != "" {
				to = "`" + f.To + "`"
			} else if f.Lost {
				to = "– **not carried over**"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.From, to, f.Note)
		}
	}
	if want := before + begin + b.String() + "\n" + end + after; want != string(text) {
		if !*update {
			t.Fatalf("%s is not up to date: go test ./convert -update", path)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatCannotBeConverted(t *testing.T) {
	for _, text := range []string{"", "a: [", "apiVersion: apps/v1\nkind: Deployment\n", "- 1\n", "apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\n"} {
		if r, err := Convert([]byte(text), Options{}); !errors.Is(err, ErrInput) {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
}

func FuzzConvert(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		if a, err := txtar.ParseFile(file); err == nil {
			f.Add(a.Files[0].Data)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Convert(text, Options{})
		if err == nil && len(r.Rollouts) == 0 {
			t.Error("nothing comes of it, without an error")
		}
	})
}
