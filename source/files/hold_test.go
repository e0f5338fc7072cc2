package files

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

func writeMany(t *testing.T, dir string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		write(t, dir, fmt.Sprintf("s%02d.yaml", i), services(fmt.Sprintf("s%02d", i)))
	}
}

func removeMany(t *testing.T, dir string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		must(t, os.Remove(filepath.Join(dir, fmt.Sprintf("s%02d.yaml", i))))
	}
}

// slow makes sure that what a test does between two batches is one burst.
const slow = 100 * time.Millisecond

func TestMassLossIsHeld(t *testing.T) {
	dir := t.TempDir()
	writeMany(t, dir, 0, 12)
	r := start(t, Options{Dir: dir, Quiet: slow})
	if _, held := r.source.Held(); held || r.source.Confirm() {
		t.Error("nothing is held yet")
	}
	removeMany(t, dir, 0, 6) // exactly half is obeyed
	r.next()
	if len(r.objects) != 6 {
		t.Fatalf("%v", r.names())
	}
	writeMany(t, dir, 0, 6)
	r.next()

	removeMany(t, dir, 0, 7)
	write(t, dir, "s11.yaml", service("s11", 81))
	write(t, dir, "new.yaml", services("new"))
	b := r.next()
	if len(b.Delete) != 0 || len(b.Set) != 2 || len(r.objects) != 13 {
		t.Fatalf("the loss is held, the rest applies: %s", show(b))
	}
	if !b.Partly {
		t.Error("the revision is not in effect as a whole")
	}
	p := r.problem(api.ReasonSourceHeld)
	if p.Severity != api.Error || p.Position.File != dir || !strings.Contains(p.Message, "7 of 12 objects vanished") || !strings.Contains(p.Message, "Service default/s00") {
		t.Errorf("got %s", p)
	}
	if h, held := r.source.Held(); !held || h.Missing != 7 {
		t.Errorf("held: %v %v", h, held)
	}
	must(t, os.Remove(filepath.Join(dir, "new.yaml"))) // held too
	r.next()
	if len(r.objects) != 13 {
		t.Fatalf("%v", r.names())
	}
	writeMany(t, dir, 1, 5) // most are there again: the rest is obeyed
	r.next()
	if len(r.objects) != 9 || r.objects["Service default/s00"] != nil {
		t.Fatalf("%v", r.names())
	}
	wantNoProblems(t, r.problems)
}

func TestConfirm(t *testing.T) {
	dir := t.TempDir()
	writeMany(t, dir, 0, 10)
	r := start(t, Options{Dir: dir, Quiet: slow})
	removeMany(t, dir, 0, 10)
	r.next()
	r.problem(api.ReasonSourceHeld)
	if !r.source.Confirm() {
		t.Fatal("nothing to confirm")
	}
	if b := r.next(); len(b.Delete) != 10 || len(b.Problems) != 0 {
		t.Fatalf("got %s", show(b))
	}
	if _, held := r.source.Held(); held {
		t.Error("still held")
	}
	writeMany(t, dir, 0, 2)
	r.next()
	removeMany(t, dir, 0, 2) // so few are never held
	r.next()
	r.wantServices()
}

// Of a few objects, most may go, but not all at once.
func TestLossOfAllIsHeld(t *testing.T) {
	dir := t.TempDir()
	writeMany(t, dir, 0, 9)
	r := start(t, Options{Dir: dir, Quiet: slow})
	removeMany(t, dir, 0, 6)
	r.next()
	r.wantServices("s06", "s07", "s08")
	removeMany(t, dir, 6, 9)
	r.next()
	r.wantServices("s06", "s07", "s08")
	r.problem(api.ReasonSourceHeld)
	writeMany(t, dir, 7, 9) // enough to see that the directory is not just empty
	r.until("the hold ends", func() bool { return len(r.problems) == 0 })
	r.wantServices("s07", "s08")
}

// To confirm a loss says nothing about objects whose file is there but broken.
func TestConfirmWithBrokenFile(t *testing.T) {
	dir := t.TempDir()
	writeMany(t, dir, 0, 10)
	r := start(t, Options{Dir: dir, Quiet: slow})
	removeMany(t, dir, 0, 9)
	write(t, dir, "s09.yaml", "a: [b")
	r.next()
	r.problem(api.ReasonSourceHeld)
	if !r.source.Confirm() {
		t.Fatal("nothing to confirm")
	}
	r.next()
	r.wantServices("s09")
}

// A directory that is gone holds even a few objects, also at the start.
func TestDirectoryGone(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "manifests")
	store := openState(t, t.TempDir())
	write(t, dir, "a.yaml", services("one", "two"))
	r := start(t, Options{Dir: dir, State: store, Quiet: slow})
	must(t, os.Rename(dir, dir+"-away"))
	b := r.next()
	r.wantServices("one", "two")
	if p := r.problem(api.ReasonSourceHeld); !strings.Contains(p.Message, "no such file or directory") || len(b.Problems) != 1 {
		t.Errorf("got %s", show(b))
	}
	must(t, r.stop())

	r = start(t, Options{Dir: dir, State: store, Quiet: slow})
	r.wantServices("one", "two")
	if len(r.problems) != 1 {
		t.Errorf("got %v", r.problems)
	}
	must(t, os.Rename(dir+"-away", dir))
	r.until("the directory returns", func() bool { return len(r.problems) == 0 })
	r.wantServices("one", "two")

	must(t, os.RemoveAll(dir))
	r.next()
	if !r.source.Confirm() {
		t.Fatal("nothing to confirm")
	}
	r.next()
	r.wantServices()
	r.problem(api.ReasonFileUnreadable)
	must(t, r.stop())
	if err := launch(t, Options{Dir: root, State: store}).stop(); err != nil {
		t.Fatal(err)
	}
}

// A loss while gateway-cp was down, and a hold across restarts.
func TestHoldAcrossRestart(t *testing.T) {
	dir := t.TempDir()
	store := openState(t, t.TempDir())
	writeMany(t, dir, 0, 12)
	r := start(t, Options{Dir: dir, State: store, Quiet: slow})
	must(t, r.stop())

	removeMany(t, dir, 0, 8)
	r = start(t, Options{Dir: dir, State: store, Quiet: slow})
	if len(r.objects) != 12 {
		t.Fatalf("%v", r.names())
	}
	r.problem(api.ReasonSourceHeld)
	writeMany(t, dir, 20, 35) // the held ones are but a third of all now, and still most of those before
	r.next()
	must(t, r.stop())

	r = start(t, Options{Dir: dir, State: store, Quiet: slow})
	if len(r.objects) != 27 {
		t.Fatalf("%v", r.names())
	}
	if p := r.problem(api.ReasonSourceHeld); !strings.Contains(p.Message, "8 of 12") {
		t.Errorf("got %s", p)
	}
	if !r.source.Confirm() {
		t.Fatal("nothing to confirm")
	}
	r.next()
	must(t, r.stop())
	r = start(t, Options{Dir: dir, State: store, Quiet: slow})
	if len(r.objects) != 19 {
		t.Fatalf("%v", r.names())
	}
	wantNoProblems(t, r.problems)
}
