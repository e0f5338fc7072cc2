package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source"
	"github.com/gateway-cp/gateway-cp/state"
)

// oneAt notes where an object is, for comparisons.
func oneAt(r *running, name string) api.Problem {
	o := r.objects[name]
	return api.Problem{Object: o.Key, Position: o.Origin.At("spec.ports[0].port")}
}

func (r *running) port(name string) int32 {
	r.t.Helper()
	o := r.objects["Service default/"+name]
	if o == nil {
		r.t.Fatalf("Service %s is not in effect: %v", name, r.names())
	}
	return o.Value.(*corev1.Service).Spec.Ports[0].Port
}

// An object with an error keeps its last good version; its neighbours move on.
func TestBrokenObject(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one", "two"))
	r := start(t, Options{Dir: dir})
	replace(t, dir, "a.yaml", strings.Replace(service("one", 81), "ports:", "prots:", 1)+"---\n"+service("two", 82)+"---\n"+service("new", 83))
	b := r.next()
	if len(b.Delete) != 0 || r.port("one") != 80 || r.port("two") != 82 || r.port("new") != 83 {
		t.Fatalf("got %s", show(b))
	}
	p := r.problem(api.ReasonUnknownField)
	if p.Path != "spec.prots" || p.Position.String() != filepath.Join(dir, "a.yaml")+":7:3" || p.Hint != `did you mean "ports"?` {
		t.Errorf("got %s", p)
	}
	if p := r.problem(api.ReasonLastGoodInEffect); p.Object.Name != "one" || p.Severity != api.Warning {
		t.Errorf("got %s", p)
	}
	if !b.Partly {
		t.Error("the revision is not in effect as a whole")
	}
	replace(t, dir, "a.yaml", service("one", 81)+"---\n"+services("two", "new"))
	if b := r.next(); r.port("one") != 81 || b.Partly {
		t.Errorf("port %d after the fix", r.port("one"))
	}
	wantNoProblems(t, r.problems)

	// A broken object that is taken out of the file is gone.
	replace(t, dir, "a.yaml", strings.Replace(service("one", 81), "port: 81", "port: many", 1)+"---\n"+services("two"))
	r.next()
	r.wantServices("one", "two")
	replace(t, dir, "a.yaml", services("two"))
	r.next()
	r.wantServices("two")
	wantNoProblems(t, r.problems)
}

// A file that is broken in the middle: what can be told apart is taken, what was read from
// it before and is not found now stays.
func TestBrokenSyntax(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one", "two", "three"))
	write(t, dir, "b.yaml", services("four"))
	r := start(t, Options{Dir: dir})
	replace(t, dir, "a.yaml", service("one", 81)+"---\napiVersion: v1\nkind: Service\nmetadata:\n  name: two\n spec: {}\n---\n"+service("three", 83))
	b := r.next()
	if len(b.Delete) != 0 || r.port("one") != 81 || r.port("two") != 80 || r.port("three") != 83 {
		t.Fatalf("got %s", show(b))
	}
	if p := r.problem(api.ReasonInvalidYAML); p.Position.String() != filepath.Join(dir, "a.yaml")+":14:2" {
		t.Errorf("got %s", p)
	}
	if p := r.problem(api.ReasonLastGoodInEffect); p.Object.Name != "two" || p.Position.Line != 14 {
		t.Errorf("got %s", p)
	}
	// Junk in place of the file; then the object moves out of it; then the file is fine.
	replace(t, dir, "a.yaml", "\x00\x01\x02")
	r.next()
	r.wantServices("one", "two", "three", "four")
	replace(t, dir, "b.yaml", services("four")+"---\n"+service("two", 90))
	r.next()
	if r.port("two") != 90 {
		t.Errorf("two is in b.yaml now, port %d", r.port("two"))
	}
	replace(t, dir, "a.yaml", services("one"))
	b = r.next()
	r.wantServices("one", "two", "four")
	wantNoProblems(t, b.Problems)
}

// A half-written file at any point never deletes what comes after the point where it ends
// within a document, and never panics.
func TestHalfWritten(t *testing.T) {
	dir := t.TempDir()
	text := services("one", "two")
	write(t, dir, "a.yaml", text)
	write(t, dir, "z.yaml", services("sentinel"))
	r := start(t, Options{Dir: dir})
	cut := strings.Index(text, "---\n") + len("---\napiVersion: v1\nki")
	replace(t, dir, "a.yaml", text[:cut])
	r.next()
	r.wantServices("one", "two", "sentinel")
	replace(t, dir, "a.yaml", text[:cut]+"nd: Servic\nmetadata: {name: two}\n")
	r.next()
	r.wantServices("one", "two", "sentinel")
	if p := r.problem(api.ReasonUnknownKind); p.Hint != "did you mean Service?" {
		t.Errorf("got %s", p)
	}
	replace(t, dir, "a.yaml", text)
	r.next()
	wantNoProblems(t, r.problems)
}

func TestUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	write(t, dir, "b.yaml", services("two"))
	r := start(t, Options{Dir: dir, MaxFileSize: 4096})
	replace(t, dir, "a.yaml", services("one")+strings.Repeat("#", 5000))
	r.next()
	r.wantServices("one", "two")
	if p := r.problem(api.ReasonFileTooLarge); p.Position.File != filepath.Join(dir, "a.yaml") {
		t.Errorf("got %s", p)
	}
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	must(t, os.Symlink("/proc/self/mem", filepath.Join(dir, "a.yaml"))) // reading it is an I/O error, even for root
	r.until("an unreadable file", func() bool { return len(r.problems) > 0 && r.problems[0].Reason == api.ReasonFileUnreadable })
	r.wantServices("one", "two")
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "a.yaml")))
	r.until("a link to nowhere", func() bool { return strings.Contains(fmt.Sprint(r.problems), "no such file") })
	r.wantServices("one", "two")
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	r.next()
	r.wantServices("two")
}

// An object that moves to another file is neither deleted nor set again.
func TestMovedObject(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one", "two"))
	r := start(t, Options{Dir: dir})
	one := r.objects["Service default/one"]
	must(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")))
	r.silent(150 * time.Millisecond)
	if got := one.Origin.At("spec.ports[0].port").String(); got != filepath.Join(dir, "b.yaml")+":8:5" {
		t.Errorf("after the move it is at %s", got)
	}
	replace(t, dir, "b.yaml", "# one\n# two\n"+services("two", "one"))
	r.silent(150 * time.Millisecond)
	if got := one.Origin.At("").String(); got != filepath.Join(dir, "b.yaml")+":12:1" {
		t.Errorf("after lines were added it is at %s", got)
	}
}

func TestDuplicateObject(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b.yaml", services("one"))
	r := start(t, Options{Dir: dir})
	write(t, dir, "c.yaml", "# comment\n"+service("one", 81))
	b := r.next()
	if len(b.Set) != 0 || r.port("one") != 80 {
		t.Fatalf("got %s", show(b))
	}
	p := r.problem(api.ReasonDuplicateObject)
	if p.Position.String() != filepath.Join(dir, "c.yaml")+":2:1" || !strings.Contains(p.Message, filepath.Join(dir, "b.yaml")+":1:1") {
		t.Errorf("got %s", p)
	}
	must(t, os.Remove(filepath.Join(dir, "b.yaml")))
	b = r.next()
	if len(b.Delete) != 0 || r.port("one") != 81 {
		t.Fatalf("got %s", show(b))
	}
	wantNoProblems(t, b.Problems)
	replace(t, dir, "c.yaml", services("one", "one"))
	r.next()
	if p := r.problem(api.ReasonDuplicateObject); p.Position.Line != 10 || r.port("one") != 80 {
		t.Errorf("got %s", p)
	}
}

// A copy that appears takes over nothing, whatever its name: not when it comes, not over a
// restart, not while the original is broken, misspelt or half written. It counts when the
// original is gone.
func TestDuplicateThatSortsFirst(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, State: openState(t, t.TempDir()), PartGrace: 200 * time.Millisecond}
	write(t, dir, "u.yaml", services("zero", "one"))
	r := start(t, o)
	write(t, dir, "a.yaml", service("one", 81))
	if b := r.next(); len(b.Set) != 0 || r.port("one") != 80 {
		t.Fatalf("got %s", show(b))
	}
	check := func(what string, port int32, line int) {
		t.Helper()
		if r.port("one") != port {
			t.Fatalf("%s: port %d", what, r.port("one"))
		}
		p := r.problem(api.ReasonDuplicateObject)
		if p.Position.String() != filepath.Join(dir, "a.yaml")+":1:1" || !strings.Contains(p.Message, fmt.Sprint(filepath.Join(dir, "u.yaml"), ":", line, ":1")) {
			t.Errorf("%s: got %s", what, p)
		}
	}
	check("at once", 80, 10)
	must(t, r.stop())
	r = start(t, o)
	check("after a restart", 80, 10)
	for _, broken := range []string{"a: [b", services("zero") + "---\n" + strings.Replace(service("one", 80), "Service", "Servic", 1), service("zero", 80) + "---\n" + service("one", 0)} {
		replace(t, dir, "u.yaml", broken)
		r.next()
		check("while the original is broken", 80, 10)
		must(t, r.stop())
		r = start(t, o)
		check("after a restart with a broken original", 80, 10)
	}
	replace(t, dir, "u.yaml", services("zero")+"---\n"+service("one", 82))
	r.next()
	check("the original is repaired", 82, 10)
	write(t, dir, "u.yaml", services("zero"))
	r.silent(100 * time.Millisecond)
	r.next()
	if r.port("one") != 81 {
		t.Errorf("the original is gone, port %d", r.port("one"))
	}
	wantNoProblems(t, r.problems)
}

// What was good before a restart is in effect after it, though its file is broken now.
func TestRestartWithBrokenFile(t *testing.T) {
	dir, stateDir := t.TempDir(), t.TempDir()
	store := openState(t, stateDir)
	write(t, dir, "a.yaml", services("one", "two"))
	write(t, dir, "b.yaml", services("three"))
	write(t, dir, "c.yaml", services("four"))
	r := start(t, Options{Dir: dir, State: store})
	replace(t, dir, "a.yaml", service("one", 81)+"---\n"+services("two"))
	r.next()
	must(t, r.stop())

	write(t, dir, "a.yaml", "a: [b\n---\n"+services("five"))
	write(t, dir, "b.yaml", strings.Replace(services("three"), "name:", "nom:", 1))
	must(t, os.Remove(filepath.Join(dir, "c.yaml")))
	r = start(t, Options{Dir: dir, State: store})
	r.wantServices("one", "two", "three", "five")
	if r.port("one") != 81 {
		t.Errorf("port %d is not the last good one", r.port("one"))
	}
	if got := r.objects["Service default/two"].Origin.At("spec").String(); got != filepath.Join(dir, "a.yaml")+":10:1" {
		t.Errorf("two was last seen at %s", got)
	}
	must(t, r.stop())

	// Again: nothing was forgotten in between. Then all is repaired.
	r = start(t, Options{Dir: dir, State: store})
	r.wantServices("one", "two", "three", "five")
	write(t, dir, "a.yaml", services("one"))
	write(t, dir, "b.yaml", services("three"))
	r.until("repaired", func() bool { return len(r.problems) == 0 && len(r.objects) == 2 })
	r.wantServices("one", "three")
	must(t, r.stop())
	r = start(t, Options{Dir: dir, State: store})
	r.wantServices("one", "three")
	must(t, r.stop())

	// Another directory has nothing to do with these.
	other := t.TempDir()
	write(t, other, "a.yaml", "broken: [")
	r = start(t, Options{Dir: other, State: store})
	r.wantServices()
}

// A state store of an older version has documents beside where they are from; they are put where
// they belong, and serve in the run that finds them.
func TestLastGoodOfOlderVersions(t *testing.T) {
	store, err := state.Open(t.TempDir(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	dir := t.TempDir()
	doc := `{"apiVersion":"v1","kind":"Service","metadata":{"name":"one"},"spec":{"ports":[{"port":80}]}}`
	key := api.Key{Kind: api.KindService, Namespace: "default", Name: "one"}
	hash := xxhash.Sum64String(doc)
	old := map[string]any{"file": "a.yaml", "line": 3, "column": 1, "hash": strconv.FormatUint(hash, 10), "doc": json.RawMessage(doc)}
	if err := errors.Join(store.Put(state.Objects, storeKey(key), old), store.Put(state.Objects, keyDir, dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("broken: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	for run := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		batches, ended := make(chan source.Batch), make(chan error, 1)
		go func() { ended <- New(Options{Dir: dir, State: store}).Run(ctx, batches) }()
		b := <-batches
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if len(b.Set) != 1 || b.Set[0].Key != key || b.Set[0].Value == nil || b.Set[0].Origin.At("").Line != 3 {
			t.Fatalf("run %d: %v are in effect, want %v", run, b.Set, key)
		}
	}
	if kept, err := store.Read(state.Documents, storeKey(key)); err != nil || string(kept) != doc {
		t.Errorf("the document is kept as %q, %v", kept, err)
	}
}
