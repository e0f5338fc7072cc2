package translator

import (
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

// objects holds the objects, found by key and by every value that lookupsOf gives for them.
type objects struct {
	lookups func(*api.Object) []lookup // the index values of an object, beside its key
	found   map[lookup][]*api.Object   // sorted by key
}

func newObjects(lookups func(*api.Object) []lookup) *objects {
	return &objects{lookups: lookups, found: map[lookup][]*api.Object{}}
}

func (o *objects) get(k api.Key) *api.Object {
	if f := o.found[byKey(k)]; len(f) > 0 {
		return f[0]
	}
	return nil
}

// set puts an object in place of the one with the same key (a nil value only removes it) and
// calls touched with every lookup that answers differently now.
func (o *objects) set(k api.Key, object *api.Object, touched func(lookup)) {
	if old := o.get(k); old != nil {
		o.remove(byKey(k), k)
		for _, l := range o.lookups(old) {
			o.remove(l, k)
			touched(l)
		}
	}
	if object != nil {
		o.insert(byKey(k), object)
		for _, l := range o.lookups(object) {
			o.insert(l, object)
			touched(l)
		}
	}
	touched(byKey(k))
}

func (o *objects) insert(l lookup, object *api.Object) {
	list := o.found[l]
	i, found := slices.BinarySearchFunc(list, object.Key, func(e *api.Object, k api.Key) int { return e.Key.Compare(k) })
	if found { // an object may name the same value twice
		return
	}
	o.found[l] = slices.Insert(list, i, object)
}

func (o *objects) remove(l lookup, k api.Key) {
	list := o.found[l]
	i, found := slices.BinarySearchFunc(list, k, func(e *api.Object, k api.Key) int { return e.Key.Compare(k) })
	if !found {
		return
	}
	if len(list) == 1 {
		delete(o.found, l)
		return
	}
	o.found[l] = slices.Delete(list, i, i+1)
}

// Reader gives objects to one build and remembers what was asked.
type Reader struct {
	objects *objects
	asked   []lookup

	exclusivePorts bool // never changes
}

// get returns the object with this key, or nil.
func (r *Reader) get(kind api.Kind, namespace, name string) *api.Object {
	k := api.Key{Kind: kind, Namespace: namespace, Name: name}
	r.ask(byKey(k))
	return r.objects.get(k)
}

// list returns the objects that an index holds under a value, sorted by key. The slice
// belongs to the index: it must not be kept or changed.
func (r *Reader) list(i index, namespace, name string) []*api.Object {
	l := lookup{i, namespace, name}
	r.ask(l)
	return r.objects.found[l]
}

// count is the length of a list, without asking for it: what is built may not depend on it.
func (r *Reader) count(i index, namespace, name string) int {
	return len(r.objects.found[lookup{i, namespace, name}])
}

func (r *Reader) ask(l lookup) {
	if len(r.asked) < 64 && slices.Contains(r.asked, l) {
		return
	}
	r.asked = append(r.asked, l)
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
