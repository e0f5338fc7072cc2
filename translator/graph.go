package translator

import (
	"hash/maphash"
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// There are some hundred thousand questions asked among ten thousand Services. So who asked what
// is noted with numbers in place of pointers: half the memory, and nothing for the garbage
// collector to follow.

// node is a tracked computation: of a unit, or of what an object calls for (a root).
type node struct {
	unit Unit // of a root: see rootUnit
	// asked is what the last build asked.
	asked []edge
	// result is what a unit came to last; nil when that is nothing.
	result  *kept
	id      uint32
	callers int32 // how many roots call for the unit
	dirty   bool
	gone    bool
}

// kept is a Result in memory: most are an output and nothing more.
type kept struct {
	key    resource.Key
	output *resource.Output
	more   *more
}

type more struct {
	status   *Status
	problems []api.Problem
	origins  Origins
}

// keep gives what is kept of a result; nil when that is nothing.
func (r *Result) keep() *kept {
	k := &kept{key: r.Key, output: r.Output}
	if r.Status != nil || len(r.Problems) > 0 || len(r.Origins.Of) > 0 || len(r.Origins.Routes) > 0 {
		k.more = &more{r.Status, r.Problems, r.Origins}
	} else if r.Output == nil {
		return nil
	}
	return k
}

func (k *kept) problems() []api.Problem {
	if k.more == nil {
		return nil
	}
	return k.more.problems
}

func (k *kept) status() *Status {
	if k.more == nil {
		return nil
	}
	return k.more.status
}

// cell is what there is to know about a lookup: the answer, and the nodes whose last build asked.
type cell struct {
	lookup  lookup
	objects []*api.Object // sorted by key
	askers  []place
}

// edge and place are the two ends of a question. Each knows the other's place, so that one can be
// taken out without a search.
type edge struct{ cell, place uint32 }

type place struct{ node, edge uint32 }

// root is the feature of what an object, or (without a kind in Extra) nothing, calls for.
var root = &Feature{Name: "object"}

func rootUnit(k api.Key) Unit {
	return Unit{Feature: root, Namespace: k.Namespace, Name: k.Name, Extra: string(k.Kind)}
}

func (n *node) isRoot() bool { return n.unit.Feature == root }

// object is that of a root.
func (n *node) object() api.Key {
	return api.Key{Kind: api.Kind(n.unit.Extra), Namespace: n.unit.Namespace, Name: n.unit.Name}
}

func (u *Unit) hash(seed maphash.Seed) uint64 {
	h := maphash.String(seed, u.Feature.Name)
	h = h*31 + maphash.String(seed, u.Namespace)
	h = h*31 + maphash.String(seed, u.Name)
	h = h*31 + maphash.String(seed, u.Extra)
	h = h*31 + maphash.String(seed, u.Fleet)
	return h*31 + uint64(u.Port)
}

func (l *lookup) hash(seed maphash.Seed) uint64 {
	h := maphash.String(seed, string(l.index))
	h = h*31 + maphash.String(seed, l.namespace)
	return h*31 + maphash.String(seed, l.name)
}

// nodes are all nodes, found by their units.
type nodes struct {
	all  numbered[node]
	find table
	seed maphash.Seed
}

func newNodes() *nodes { return &nodes{seed: maphash.MakeSeed()} }

func (s *nodes) is(u *Unit) func(uint32) bool {
	return func(id uint32) bool { return s.all.of[id].unit == *u }
}

// get gives the node of a unit, or nil.
func (s *nodes) get(u Unit) *node {
	id, ok := s.find.get(u.hash(s.seed), s.is(&u))
	if !ok {
		return nil
	}
	return s.all.of[id]
}

func (s *nodes) add(u Unit) *node {
	n := &node{unit: u}
	n.id = s.all.add(n)
	s.find.add(u.hash(s.seed), n.id, s.rehash)
	return n
}

func (s *nodes) remove(n *node) {
	s.find.remove(n.unit.hash(s.seed), n.id, s.rehash)
	s.all.remove(n.id)
}

func (s *nodes) rehash(id uint32) uint64 { return s.all.of[id].unit.hash(s.seed) }

// units calls f with the node of every unit, in no particular order.
func (s *nodes) units(f func(*node)) {
	for _, n := range s.all.of {
		if n != nil && !n.isRoot() {
			f(n)
		}
	}
}

// numbered gives numbers to things. Those of removed ones are used again.
type numbered[T any] struct {
	of   []*T
	free []uint32
}

func (s *numbered[T]) add(t *T) uint32 {
	if last := len(s.free) - 1; last >= 0 {
		id := s.free[last]
		s.free = s.free[:last]
		s.of[id] = t
		return id
	}
	s.of = append(s.of, t)
	return uint32(len(s.of) - 1)
}

func (s *numbered[T]) remove(id uint32) {
	s.of[id] = nil
	s.free = append(s.free, id)
}

// table finds numbers by hashes. It takes 8 bytes a number or less, where a map takes the key and
// as much again.
type table struct {
	slots []uint32 // a number and 1; 0 is free
	count int
}

// get finds the number that has the hash and is the one.
func (t *table) get(hash uint64, is func(uint32) bool) (uint32, bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	mask := uint64(len(t.slots) - 1)
	for at := spread(hash) & mask; t.slots[at] != 0; at = (at + 1) & mask {
		if id := t.slots[at] - 1; is(id) {
			return id, true
		}
	}
	return 0, false
}

// add puts a number in that is not there.
func (t *table) add(hash uint64, id uint32, hashOf func(uint32) uint64) {
	if 4*(t.count+1) > 3*len(t.slots) {
		before := t.slots
		t.slots = make([]uint32, max(16, 2*len(before)))
		for _, slot := range before {
			if slot != 0 {
				t.put(hashOf(slot-1), slot)
			}
		}
	}
	t.put(hash, id+1)
	t.count++
}

func (t *table) put(hash uint64, slot uint32) {
	mask := uint64(len(t.slots) - 1)
	at := spread(hash) & mask
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.slots[at] = slot
}

// remove takes a number out that is there, and moves those behind it up, so that they are found.
func (t *table) remove(hash uint64, id uint32, hashOf func(uint32) uint64) {
	mask := uint64(len(t.slots) - 1)
	at := spread(hash) & mask
	for t.slots[at] != id+1 {
		at = (at + 1) & mask
	}
	for next := (at + 1) & mask; t.slots[next] != 0; next = (next + 1) & mask {
		// It may move to the gap unless its own place lies behind that.
		if home := spread(hashOf(t.slots[next]-1)) & mask; (next-home)&mask >= (next-at)&mask {
			t.slots[at] = t.slots[next]
			at = next
		}
	}
	t.slots[at] = 0
	t.count--
}

// spread makes the low bits of a hash depend on all of them.
func spread(hash uint64) uint64 { return hash ^ hash>>32 }

// connect makes the node an asker of exactly these cells.
func (t *Translator) connect(n *node, asked []uint32) {
	same := len(n.asked) == len(asked)
	for i := 0; same && i < len(n.asked); i++ {
		same = n.asked[i].cell == asked[i]
	}
	if same {
		return
	}
	before := t.objects.part(t.nodes, n)
	n.asked = make([]edge, len(asked))
	for i, id := range asked {
		c := t.objects.cells.of[id]
		n.asked[i] = edge{id, uint32(len(c.askers))}
		c.askers = append(c.askers, place{n.id, uint32(i)})
	}
	t.objects.tidy(before)
}

func (t *Translator) disconnect(n *node) { t.objects.tidy(t.objects.part(t.nodes, n)) }

// part ends that the node asks anything, and gives what it asked, for tidy.
func (o *objects) part(all *nodes, n *node) (asked []edge) {
	for _, e := range n.asked {
		c := o.cells.of[e.cell]
		last := len(c.askers) - 1
		moved := c.askers[last]
		c.askers[e.place] = moved
		all.all.of[moved.node].asked[moved.edge].place = e.place
		c.askers = c.askers[:last]
		if cap(c.askers) > 16 && last < cap(c.askers)/4 {
			c.askers = slices.Clone(c.askers)
		}
	}
	asked, n.asked = n.asked, nil
	return asked
}

// tidy forgets the lookups that nobody asks any more and that have no answer.
func (o *objects) tidy(edges []edge) {
	for _, e := range edges {
		o.forget(e.cell)
	}
}
