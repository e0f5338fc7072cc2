package files

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

// Whatever is done to the files, what the batches add up to is what a look at the files from
// scratch gives: the same objects with the same places, the same problems. Where files are
// broken there is more, each with LastGoodInEffect: what was good before. Of duplicates, any
// may be in effect. All this also over restarts.
func TestIncrementalEqualsFull(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			dir := t.TempDir()
			write(t, dir, "keep.yaml", services("keep"))
			o := Options{Dir: dir, HoldAtLeast: 1 << 30, HoldAllAtLeast: 1 << 30, Quiet: 5 * time.Millisecond, EmptyGrace: time.Millisecond, PartGrace: time.Millisecond, State: openState(t, t.TempDir())}
			r := start(t, o)
			for range rounds {
				var done []string
				for range 1 + rng.IntN(5) {
					done = append(done, edit(t, rng, dir, seed%2 == 1))
				}
				if rng.IntN(6) == 0 {
					must(t, r.stop())
					done = append(done, "restart", edit(t, rng, dir, seed%2 == 1))
					r = start(t, o)
				}
				agree(t, r, dir, done)
			}
		})
	}
}

// edit does something random to the files.
func edit(t *testing.T, rng *rand.Rand, dir string, links bool) string {
	t.Helper()
	file := func() string {
		return fmt.Sprintf("%s%c.yaml", []string{"", "d/", "d/e/", "f/"}[rng.IntN(4)], 'a'+rune(rng.IntN(3)))
	}
	name := file()
	path := filepath.Join(dir, name)
	switch rng.IntN(8) {
	case 0:
		_ = os.Remove(path)
		return "remove " + name
	case 1:
		to := filepath.Join(dir, file())
		must(t, os.MkdirAll(filepath.Dir(to), 0o755))
		_ = os.Rename(path, to)
		return "rename " + name + " to " + to
	case 2:
		from, to := []string{"d", "f", "d/e"}[rng.IntN(3)], []string{"d", "f", "g"}[rng.IntN(3)]
		_ = os.Rename(filepath.Join(dir, from), filepath.Join(dir, to))
		return "rename " + from + " to " + to
	case 3:
		if !links {
			name := []string{"d", "f", "g", "d/e"}[rng.IntN(4)]
			_ = os.RemoveAll(filepath.Join(dir, name))
			return "remove " + name
		}
		link := fmt.Sprintf("link%d", rng.IntN(2))
		_ = os.Remove(filepath.Join(dir, link))
		_ = os.Symlink([]string{"d", "f", "g", "nowhere"}[rng.IntN(4)], filepath.Join(dir, link))
		return "link " + link
	}
	var docs []string
	for range 1 + rng.IntN(4) {
		doc := service(fmt.Sprintf("s%d", rng.IntN(8)), 80+rng.IntN(3))
		if rng.IntN(6) == 0 {
			doc = "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: d}\n"
		}
		docs = append(docs, strings.Repeat("#\n", rng.IntN(3))+doc)
	}
	text := strings.Join(docs, "---\n")
	if rng.IntN(5) == 0 { // half-written
		text = text[:rng.IntN(len(text))]
		name = name + " in part"
	}
	if rng.IntN(2) == 0 {
		write(t, filepath.Dir(path), filepath.Base(path), text)
	} else {
		replace(t, filepath.Dir(path), filepath.Base(path), text)
	}
	return "write " + name
}

// agree waits until the running source says what Load says.
func agree(t *testing.T, r *running, dir string, done []string) {
	t.Helper()
	full, err := Load(LoadOptions{}, dir)
	must(t, err)
	want, wantTwice, _ := sortOut(full.Problems)
	objects := make(map[string]*api.Object)
	for _, o := range full.Objects {
		objects[o.Key.String()] = o
	}
	same := func() bool {
		problems, twice, lastGood := sortOut(r.problems)
		if !slices.Equal(problems, want) {
			return false
		}
		for name := range objects {
			if r.objects[name] == nil {
				return false
			}
		}
		for name, o := range r.objects {
			files, kept := wantTwice[name], lastGood[name]
			switch {
			case len(twice[name]) != len(files) && !(kept && len(twice[name]) == len(files)+1):
				return false
			case kept:
			case len(files) > 0: // which one is in effect depends on what was before
				if !isIn(t, o, append(files, twice[name]...)) {
					return false
				}
			case !sameObject(objects[name], o):
				return false
			}
		}
		return true
	}
	deadline := time.After(5 * time.Second)
	for !same() {
		select {
		case b := <-r.out:
			r.apply(b)
		case <-time.After(20 * time.Millisecond): // places may move without a batch
		case <-deadline:
			t.Fatalf("after %v:\nbatches add up to %v %v\nthe files say %d objects: %v", done, r.names(), r.problems, len(full.Objects), full.Problems)
		}
	}
}

// sortOut tells problems apart that depend on what was before: duplicates, of which it gives
// the files by object, and objects that are the last good ones.
func sortOut(all []api.Problem) (problems []api.Problem, twice map[string][]string, lastGood map[string]bool) {
	twice, lastGood = make(map[string][]string), make(map[string]bool)
	for _, p := range all {
		switch p.Reason {
		case api.ReasonDuplicateObject:
			twice[p.Object.String()] = append(twice[p.Object.String()], p.Position.File)
		case api.ReasonLastGoodInEffect:
			lastGood[p.Object.String()] = true
		default:
			problems = append(problems, p)
		}
	}
	return problems, twice, lastGood
}

// isIn says whether an object is what its file says, or one of the things that its file says.
func isIn(t *testing.T, o *api.Object, duplicates []string) bool {
	t.Helper()
	file := o.Origin.At("").File
	alone, err := Load(LoadOptions{}, file)
	if err != nil {
		return false
	}
	if _, twice, _ := sortOut(alone.Problems); len(twice[o.Key.String()]) > 0 {
		return slices.Contains(duplicates, file)
	}
	return slices.ContainsFunc(alone.Objects, func(other *api.Object) bool { return other.Key == o.Key && sameObject(other, o) })
}

func sameObject(a, b *api.Object) bool {
	return a != nil && reflect.DeepEqual(a.Value, b.Value) && a.Origin.At("spec.ports[0].port") == b.Origin.At("spec.ports[0].port")
}

// BenchmarkOneChange is the cost of a change to one file among many, without the wait for
// quiet: reading, deciding what is in effect, making the batch.
func BenchmarkOneChange(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			for i := range n {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("s%05d.yaml", i)), []byte(service(fmt.Sprintf("s%05d", i), 80)), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			s := New(Options{Dir: dir})
			s.set.batch(s.set.apply(s.rescan(newNews()), false), "")
			defer s.watch.close()
			path := filepath.Join(dir, "s00042.yaml")
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				if err := os.WriteFile(path, []byte(service("s00042", 81+i%1000)), 0o644); err != nil {
					b.Fatal(err)
				}
				s.pending.take()
				b.StartTimer()
				s.pending.note(path, false)
				batch := s.set.batch(s.set.apply(s.changes(s.pending.take()), false), "")
				if len(batch.Set) != 1 {
					b.Fatalf("%d set", len(batch.Set))
				}
			}
		})
	}
}
