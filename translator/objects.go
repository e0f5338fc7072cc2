package translator

import (
	"hash/maphash"
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
)

// lookup is a question that a build can ask: an index and a value in it. The index of an
// object's own key is its kind.
type lookup struct {
	index           index
	namespace, name string
}

// index names a way to find objects.
type index string

func byKey(k api.Key) lookup { return lookup{index(k.Kind), k.Namespace, k.Name} }

// objects holds the objects, found by key and by every value that lookupsOf gives for them, and
// who asked for them.
type objects struct {
	rules Rules
	cells numbered[cell]
	find  table
	seed  maphash.Seed
}

func newObjects(rules Rules) *objects { return &objects{rules: rules, seed: maphash.MakeSeed()} }

// cell finds the number of a lookup's cell. It is false when nobody asks and there is no answer.
func (o *objects) cell(l lookup) (uint32, bool) {
	return o.find.get(l.hash(o.seed), func(id uint32) bool { return o.cells.of[id].lookup == l })
}

// have is cell, and makes it where there is none.
func (o *objects) have(l lookup) uint32 {
	id, ok := o.cell(l)
	if !ok {
		id = o.cells.add(&cell{lookup: l})
		o.find.add(l.hash(o.seed), id, o.rehash)
	}
	return id
}

func (o *objects) rehash(id uint32) uint64 { return o.cells.of[id].lookup.hash(o.seed) }

// forget drops a cell that says nothing.
func (o *objects) forget(id uint32) {
	if c := o.cells.of[id]; c != nil && len(c.objects) == 0 && len(c.askers) == 0 {
		o.find.remove(c.lookup.hash(o.seed), id, o.rehash)
		o.cells.remove(id)
	}
}

// list gives the answer to a lookup.
func (o *objects) list(l lookup) []*api.Object {
	if id, ok := o.cell(l); ok {
		return o.cells.of[id].objects
	}
	return nil
}

func (o *objects) get(k api.Key) *api.Object {
	if found := o.list(byKey(k)); len(found) > 0 {
		return found[0]
	}
	return nil
}

// sameValue is a kept value that may say the same as the one before it, whatever else has changed in
// the object, and wherever it stands: nobody is told of that.
type sameValue interface{ same(api.Value) bool }

// set puts an object in place of the one with the same key (a nil value only removes it) and
// calls touched with the cell of every lookup that answers differently now. It is false when the
// object says what the one before it said.
func (o *objects) set(k api.Key, object *api.Object, touched func(*cell)) (news bool) {
	if object != nil && o.rules.Keep != nil {
		if kept := o.rules.Keep(object.Value); kept != object.Value {
			object = &api.Object{Key: object.Key, Value: kept, Origin: object.Origin}
		}
	}
	old := o.get(k)
	if old != nil && object != nil {
		if s, ok := object.Value.(sameValue); ok && s.same(old.Value) {
			return false
		}
	}
	if old != nil {
		o.remove(byKey(k), k, touched)
		for _, l := range o.rules.Lookups(old) {
			o.remove(l, k, touched)
		}
	}
	if object == nil {
		if id, ok := o.cell(byKey(k)); ok {
			touched(o.cells.of[id])
		}
		return true
	}
	o.insert(byKey(k), object, touched)
	for _, l := range o.rules.Lookups(object) {
		o.insert(l, object, touched)
	}
	return true
}

func (o *objects) insert(l lookup, object *api.Object, touched func(*cell)) {
	c := o.cells.of[o.have(l)]
	i, found := slices.BinarySearchFunc(c.objects, object.Key, func(e *api.Object, k api.Key) int { return e.Key.Compare(k) })
	if !found { // an object may name the same value twice
		c.objects = slices.Insert(c.objects, i, object)
	}
	touched(c)
}

func (o *objects) remove(l lookup, k api.Key, touched func(*cell)) {
	id, ok := o.cell(l)
	if !ok {
		return
	}
	c := o.cells.of[id]
	i, found := slices.BinarySearchFunc(c.objects, k, func(e *api.Object, k api.Key) int { return e.Key.Compare(k) })
	if found {
		c.objects = slices.Delete(c.objects, i, i+1)
	}
	touched(c)
	o.forget(id)
}

// Reader gives objects to one build and remembers what was asked.
type Reader struct {
	objects *objects
	tracked bool
	asked   []uint32 // cells

	// shared says that others read at the same time, so that no cells can be made, and that those without
	// an answer may be gone before all is built. The questions without one are in unanswered.
	shared     bool
	unanswered []lookup

	settings
}

// settings are what holds for everything that is built. They never change.
type settings struct{ exclusivePorts, bindClusterIPs bool }

// get returns the object with this key, or nil.
func (r *Reader) get(kind api.Kind, namespace, name string) *api.Object {
	if found := r.list(index(kind), namespace, name); len(found) > 0 {
		return found[0]
	}
	return nil
}

// list returns the objects that an index holds under a value, sorted by key. The slice
// belongs to the index: it must not be kept or changed.
func (r *Reader) list(i index, namespace, name string) []*api.Object {
	l := lookup{i, namespace, name}
	if !r.tracked {
		return r.objects.list(l)
	}
	if r.shared {
		id, ok := r.objects.cell(l)
		if !ok || len(r.objects.cells.of[id].objects) == 0 {
			r.unanswered = append(r.unanswered, l)
			return nil
		}
		r.asked = addCell(r.asked, id)
		return r.objects.cells.of[id].objects
	}
	id := r.objects.have(l)
	r.asked = addCell(r.asked, id)
	return r.objects.cells.of[id].objects
}

// addCell adds the number of a cell, unless it is there and that is soon found out.
func addCell(asked []uint32, id uint32) []uint32 {
	if len(asked) < 64 && slices.Contains(asked, id) {
		return asked
	}
	return append(asked, id)
}

// count is the length of a list, without asking for it: what is built may not depend on it.
func (r *Reader) count(i index, namespace, name string) int {
	return len(r.objects.list(lookup{i, namespace, name}))
}

// read returns the typed object with this key; the zero value (nil) when there is none.
func read[T api.Value](r *Reader, kind api.Kind, namespace, name string) T {
	o := r.get(kind, namespace, name)
	if o == nil {
		var none T
		return none
	}
	return o.Value.(T)
}
