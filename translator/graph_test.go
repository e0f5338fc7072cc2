package translator

import (
	"testing"

	"pgregory.net/rapid"
)

// A table finds what is in it and nothing else, also when many hashes collide and wrap around.
func TestTableIsLikeAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spreadOver := rapid.SampledFrom([]uint64{1, 3, 17, 1 << 40}).Draw(t, "hashes")
		hashOf := func(id uint32) uint64 { return uint64(id) * 0x9e3779b97f4a7c15 % spreadOver }
		var tb table
		in := map[uint32]bool{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			id := rapid.Uint32Range(0, 60).Draw(t, "id")
			if in[id] {
				tb.remove(hashOf(id), id, hashOf)
				delete(in, id)
			} else {
				tb.add(hashOf(id), id, hashOf)
				in[id] = true
			}
			for id := range uint32(61) {
				got, ok := tb.get(hashOf(id), func(other uint32) bool { return other == id })
				if ok != in[id] || ok && got != id {
					t.Fatalf("%d: found %d %v, want %v", id, got, ok, in[id])
				}
			}
			if tb.count != len(in) {
				t.Fatalf("%d are in it, want %d", tb.count, len(in))
			}
		}
	})
}

// Nothing is left of objects that are gone: no node, no question, no answer.
func TestNothingIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := New()
		tr.Apply(nil)
		nodes, cells := len(tr.nodes.all.of)-len(tr.nodes.all.free), len(tr.objects.cells.of)-len(tr.objects.cells.free)
		var changes, deletions []Change
		for range rapid.IntRange(1, 20).Draw(t, "objects") {
			o := genObject(t)
			changes = append(changes, Change{Key: o.Key, Object: o})
			deletions = append(deletions, Change{Key: o.Key})
		}
		tr.Apply(changes)
		tr.Apply(deletions)
		if n := len(tr.nodes.all.of) - len(tr.nodes.all.free); n != nodes || n != tr.nodes.find.count {
			t.Errorf("%d nodes are left of %d (found: %d)", n, nodes, tr.nodes.find.count)
		}
		if n := len(tr.objects.cells.of) - len(tr.objects.cells.free); n != cells || n != tr.objects.find.count {
			t.Errorf("%d lookups are left of %d (found: %d)", n, cells, tr.objects.find.count)
		}
		if len(tr.calls) != 1 {
			t.Errorf("%d roots still call for units", len(tr.calls)-1)
		}
	})
}
