package lint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/translator"
)

// now is the date that the tests look at.
var now = time.Now().Truncate(time.Second)

// load reads manifests as validate does.
func load(t testing.TB, paths ...string) (World, []api.Problem) {
	t.Helper()
	var w World
	var lock sync.Mutex
	loaded, err := files.Load(files.LoadOptions{Visit: func(d files.Document) {
		if _, ours := api.Lookup(d.GVK); ours {
			return
		}
		var content map[string]any
		if err := json.Unmarshal(d.JSON, &content); err != nil {
			t.Error(err)
		}
		lock.Lock()
		defer lock.Unlock()
		w.Foreign = append(w.Foreign, ReadForeign(content, d.Origin.At("")))
	}}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	w.Objects, w.Translator = loaded.Objects, translated(loaded.Objects)
	return w, loaded.Problems
}

func translated(objects []*api.Object) func() *translator.Translator {
	tr := translator.New()
	changes := make([]translator.Change, len(objects))
	for i, o := range objects {
		changes[i] = translator.Change{Key: o.Key, Object: o}
	}
	tr.Apply(changes)
	return func() *translator.Translator { return tr }
}

var placeholder = regexp.MustCompile(`\$\{([a-z0-9]+)\.(crt|key)\}`)

// loadPart reads the files of an archive below a folder. ${name.crt} and ${name.key} stand for
// a chain of certificates and its key; see certificates_test.go. Positions are below the folder.
func loadPart(t testing.TB, a *txtar.Archive, folder string) (World, []api.Problem) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		name, in := strings.CutPrefix(f.Name, folder+"/")
		if !in {
			continue
		}
		text := placeholder.ReplaceAllStringFunc(string(f.Data), func(s string) string {
			m := placeholder.FindStringSubmatch(s)
			return encoded(t, m[1], m[2])
		})
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return load(t, ".")
}

// printed gives problems a line each.
func printed(problems []api.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(dates.ReplaceAllString(p.String(), "DATE") + "\n")
	}
	return b.String()
}

var dates = regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)

func parsed(t testing.TB, file string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
