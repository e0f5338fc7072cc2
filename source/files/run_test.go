package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source"
	"github.com/gateway-cp/gateway-cp/state"
)

// running is a source that runs, and what its batches add up to.
type running struct {
	t        *testing.T
	source   *Source
	out      chan source.Batch
	stop     func() error // ends Run and gives its error
	objects  map[string]*api.Object
	problems []api.Problem
	revision string
}

// start runs a source and takes its first batch.
func start(t *testing.T, o Options) *running {
	t.Helper()
	r := launch(t, o)
	r.next()
	return r
}

func launch(t *testing.T, o Options) *running {
	t.Helper()
	r := &running{t: t, source: New(o), out: make(chan source.Batch), objects: make(map[string]*api.Object)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.source.Run(ctx, r.out) }()
	var ended bool
	var err error
	r.stop = func() error {
		if !ended {
			cancel()
			err, ended = <-done, true
		}
		return err
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// next waits for a batch and applies it.
func (r *running) next() source.Batch {
	r.t.Helper()
	select {
	case b := <-r.out:
		r.apply(b)
		return b
	case <-time.After(10 * time.Second):
		r.t.Fatal("no batch within 10 s")
	}
	panic("unreachable")
}

func (r *running) apply(b source.Batch) {
	r.t.Helper()
	for _, key := range b.Delete {
		if r.objects[key.String()] == nil {
			r.t.Errorf("%s is deleted but was not there", key)
		}
		delete(r.objects, key.String())
	}
	for _, o := range b.Set {
		r.objects[o.Key.String()] = o
	}
	if !slices.IsSortedFunc(b.Set, func(a, b *api.Object) int { return a.Key.Compare(b.Key) }) || !slices.IsSortedFunc(b.Problems, api.Problem.Compare) {
		r.t.Error("the batch is not sorted")
	}
	r.problems, r.revision = b.Problems, b.Revision
}

// until takes batches until the condition holds.
func (r *running) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case b := <-r.out:
			r.apply(b)
		case <-deadline:
			r.t.Fatalf("%s: not within 10 s\nobjects: %v\nproblems: %v", what, r.names(), r.problems)
		}
	}
}

// silent checks that nothing is sent for a while.
func (r *running) silent(d time.Duration) {
	r.t.Helper()
	select {
	case b := <-r.out:
		r.t.Fatalf("unexpected batch: %s", show(b))
	case <-time.After(d):
	}
}

func show(b source.Batch) string {
	var s strings.Builder
	for _, o := range b.Set {
		fmt.Fprintf(&s, "set %s; ", o.Key)
	}
	for _, key := range b.Delete {
		fmt.Fprintf(&s, "delete %s; ", key)
	}
	for _, p := range b.Problems {
		fmt.Fprintf(&s, "\n  %s", p)
	}
	return s.String() + " revision " + b.Revision
}

func (r *running) names() []string {
	names := make([]string, 0, len(r.objects))
	for name := range r.objects {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// wantObjects checks which objects are in effect, by the name after "Service default/".
func (r *running) wantServices(names ...string) {
	r.t.Helper()
	want := make([]string, 0, len(names))
	for _, name := range names {
		want = append(want, "Service default/"+name)
	}
	slices.Sort(want)
	if got := r.names(); !slices.Equal(got, want) {
		r.t.Fatalf("objects in effect: %v, want %v\nproblems: %v", got, want, r.problems)
	}
}

// problem gives the one problem with that reason.
func (r *running) problem(reason api.Reason) api.Problem {
	r.t.Helper()
	return oneProblem(r.t, r.problems, reason)
}

func oneProblem(t *testing.T, problems []api.Problem, reason api.Reason) api.Problem {
	t.Helper()
	var found []api.Problem
	for _, p := range problems {
		if p.Reason == reason {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d problems with reason %s, want 1; all: %v", len(found), reason, problems)
	}
	return found[0]
}

func wantNoProblems(t *testing.T, problems []api.Problem) {
	t.Helper()
	if len(problems) > 0 {
		t.Fatalf("unexpected problems: %v", problems)
	}
}

// service is a manifest of a Service.
func service(name string, port int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\nspec:\n  selector: {app: %s}\n  ports:\n  - port: %d\n", name, name, port)
}

func services(names ...string) string {
	var docs []string
	for _, name := range names {
		docs = append(docs, service(name, 80))
	}
	return strings.Join(docs, "---\n")
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replace writes a file as editors do: beside it, then renamed over it.
func replace(t *testing.T, dir, name, text string) {
	t.Helper()
	write(t, dir, name+".tmp", text)
	must(t, os.Rename(filepath.Join(dir, name+".tmp"), filepath.Join(dir, name)))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openState(t *testing.T, dir string) *state.Store {
	t.Helper()
	store, err := state.Open(dir, time.Second)
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestFirstBatchAndChanges(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one", "two"))
	write(t, dir, "sub/deep/b.json", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"three"},"spec":{"ports":[{"port":80}]}}`)
	write(t, dir, "README.md", "# not a manifest")
	write(t, dir, ".hidden/c.yaml", services("hidden"))
	write(t, dir, ".d.yaml", services("hidden"))
	r := start(t, Options{Dir: dir})
	r.wantServices("one", "two", "three")
	wantNoProblems(t, r.problems)

	replace(t, dir, "a.yaml", services("one")+"---\n"+service("two", 81))
	if b := r.next(); len(b.Set) != 1 || b.Set[0].Key.Name != "two" || len(b.Delete) != 0 {
		t.Fatalf("only two has changed: %s", show(b))
	}
	must(t, os.Remove(filepath.Join(dir, "sub/deep/b.json")))
	r.next()
	r.wantServices("one", "two")
	write(t, dir, "new/dir/here/c.yaml", services("four"))
	r.until("a new directory", func() bool { return len(r.objects) == 3 })
	must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "old")))
	write(t, dir, "old/dir/here/c.yaml", services("four", "five"))
	r.until("a renamed directory", func() bool { return len(r.objects) == 4 })
	r.wantServices("one", "two", "four", "five")
	write(t, dir, "old/dir/here/c.yaml", services("five"))
	r.until("a change below a renamed directory", func() bool { return len(r.objects) == 3 })
	must(t, os.RemoveAll(filepath.Join(dir, "old")))
	r.until("a removed directory", func() bool { return len(r.objects) == 2 })
	write(t, dir, "notes.txt", "no batch for this")
	r.silent(100 * time.Millisecond)
}

func TestNoDirectory(t *testing.T) {
	out := make(chan source.Batch)
	err := New(Options{Dir: filepath.Join(t.TempDir(), "missing")}).Run(context.Background(), out)
	if err == nil || !strings.Contains(err.Error(), "missing: no such file or directory") {
		t.Fatalf("got %v", err)
	}
}
