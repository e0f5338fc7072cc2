package lint

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/gateway-cp/gateway-cp/api"
)

var update = flag.Bool("update", false, "rewrite what is found in testdata")

// TestCorpus runs testdata/REASON.txtar, one reason a file: bad/ has problems of exactly that
// reason, which are in the file "want"; the neighbouring good/ has none at all.
func TestCorpus(t *testing.T) {
	for _, file := range corpus(t) {
		reason := api.Reason(strings.TrimSuffix(filepath.Base(file), ".txtar"))
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(string(reason)+"/bad", func(t *testing.T) { runBad(t, path, archive, reason) })
		t.Run(string(reason)+"/good", func(t *testing.T) {
			w, said := loadPart(t, archive, "good")
			if found := slices.Concat(besides(said), Check(w, Options{Now: now})); len(found) > 0 {
				t.Errorf("nothing is wrong, but found:\n%s", printed(found))
			}
		})
	}
}

func corpus(t *testing.T) []string {
	all, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(all) == 0 {
		t.Fatal("no corpus", err)
	}
	return all
}

// besides leaves out what is to be expected of single objects: that Deployments are not read,
// and that admission goes by the clock.
func besides(said []api.Problem) []api.Problem {
	return slices.DeleteFunc(slices.Clone(said), func(p api.Problem) bool {
		return p.Reason == api.ReasonUnknownKind || p.Reason == api.ReasonCertificateExpired || p.Reason == api.ReasonCertificateNotYetValid
	})
}

func runBad(t *testing.T, path string, archive *txtar.Archive, reason api.Reason) {
	w, said := loadPart(t, archive, "bad")
	found := Check(w, Options{Now: now})
	for _, p := range slices.Concat(besides(said), found) {
		if p.Reason != reason {
			t.Errorf("want %s only, found %s", reason, p)
		}
		if p.Message == "" || p.Hint == "" || p.Position.Line == 0 {
			t.Errorf("incomplete: %+v", p)
		}
	}
	if len(found) == 0 {
		t.Errorf("%s is not found", reason)
	}
	if off := Check(w, Options{Now: now, Off: map[api.Reason]bool{reason: true}}); len(off) > 0 {
		t.Errorf("turned off, but found:\n%s", printed(off))
	}
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	if i < 0 {
		i = len(archive.Files)
		archive.Files = append(archive.Files, txtar.File{Name: "want"})
	}
	got := printed(found)
	if want := string(archive.Files[i].Data); got != want {
		if *update {
			archive.Files[i].Data = []byte(got)
			if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("differs (-want +got):\n%s\nIf the new text is right: go test ./lint -run TestCorpus -update", cmp.Diff(want, got))
	}
}

// Every reason that is looked for has a file in the corpus.
func TestEveryReasonIsInTheCorpus(t *testing.T) {
	files := corpus(t)
	for _, check := range checks() {
		for _, r := range check.reasons {
			if !slices.Contains(files, "testdata/"+string(r)+".txtar") {
				t.Errorf("%s: testdata/%s.txtar is missing", check.name, r)
			}
			if _, known := api.Explain(r); !known {
				t.Errorf("%s is not explained", r)
			}
		}
	}
}
