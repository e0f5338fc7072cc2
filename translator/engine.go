package translator

import (
	"reflect"
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Unit is one thing to build: a feature and its subject. It is comparable; which fields a
// feature uses is up to it.
type Unit struct {
	Feature         *Feature
	Fleet           string
	Namespace, Name string
	Port            int32
	Extra           string
}

// Feature builds one kind of unit.
type Feature struct {
	Name  string
	Build func(*Reader, Unit) Result
}

// Result is what a unit comes to. All of it may be empty.
type Result struct {
	// Key and Output are the resource, or part of one, that was built.
	Key    resource.Key
	Output *resource.Output
	// Status are the conditions computed for one object.
	Status *Status
	// Problems is what is wrong, in the order in which it was found.
	Problems []api.Problem
	// Origins say where Output comes from, in more detail than its Sources.
	Origins Origins
}

// Change is one object that is new or has changed, or (with a nil Value) is gone.
type Change struct {
	Key    api.Key
	Object *api.Object
}

// Rules say what is built; see features.go for the ones of gateway-cp.
type Rules struct {
	// Keep gives what is kept of a value: itself, or one that is smaller and says the same to
	// whoever reads it here. It may be nil.
	Keep func(api.Value) api.Value
	// Lookups gives the index values under which an object is found, beside its key.
	Lookups func(*api.Object) []lookup
	// Always gives the units that are called for whatever objects there are.
	Always func(*Reader) []Unit
	// CalledFor gives the units that an object calls for.
	CalledFor func(*Reader, *api.Object) []Unit
}

// Translator holds the objects and everything built from them. It is not safe for
// concurrent use: one goroutine owns it.
type Translator struct {
	rules   Rules
	objects *objects
	nodes   *nodes
	calls   map[uint32][]uint32 // by root: the nodes of the units that it calls for
	dirty   []*node
	reader  Reader
	built   int
	many    int // from how many nodes on they are built by several goroutines
	// problemsChanged is set when the last Apply made problems appear or vanish.
	problemsChanged bool
	// statuses are those that have changed since they were taken.
	statuses map[api.Key]*Status
}

// New returns an empty translator with the features of gateway-cp.
func New(options ...Option) *Translator {
	var reader Reader
	for _, o := range options {
		o(&reader)
	}
	t := newTranslator(features())
	t.reader = reader
	return t
}

// Option is what holds for everything that is built, whatever the objects say.
type Option func(*Reader)

// ExclusivePorts has Envoy refuse a listener whose port another process has. By default each
// worker of an Envoy opens a socket of its own for a listener (SO_REUSEPORT), which spreads
// connections evenly over many workers, and lets any other Envoy of the same user in as well:
// the kernel then shares out the connections among both, and neither notices.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener.proto (enable_reuse_port)
func ExclusivePorts(r *Reader) { r.exclusivePorts = true }

// BindClusterIPs has Envoys listen on the ports of Services at their cluster IPs.
func BindClusterIPs(r *Reader) { r.bindClusterIPs = true }

func newTranslator(rules Rules) *Translator {
	t := &Translator{
		rules:   rules,
		objects: newObjects(rules),
		nodes:   newNodes(),
		many:    manyNodes,
		calls:   map[uint32][]uint32{},
	}
	t.mark(t.nodes.add(rootUnit(api.Key{})))
	return t
}

// Apply takes a batch of changes, builds what they touch, and returns what came out
// differently. Changes to the same object are applied in order.
func (t *Translator) Apply(changes []Change) resource.ChangeSet {
	for _, c := range changes {
		if !t.objects.set(c.Key, c.Object, t.touch) {
			continue
		}
		n := t.nodes.get(rootUnit(c.Key))
		if n == nil && c.Object != nil {
			n = t.nodes.add(rootUnit(c.Key))
		}
		if n != nil {
			t.mark(n)
		}
	}
	t.built, t.problemsChanged = 0, false
	// Roots first: they decide which units there are.
	roots, units := t.takeDirty()
	var uncalled []*node
	build(t, roots, t.calledFor, func(n *node, asked []uint32, calls []Unit) {
		uncalled = append(uncalled, t.call(n, asked, calls)...)
	})
	_, called := t.takeDirty()
	changed := make(differences, len(units)+len(called))
	for _, n := range uncalled {
		if n.callers == 0 && !n.gone {
			t.drop(n, changed)
		}
	}
	units = slices.DeleteFunc(append(units, called...), func(n *node) bool { return n.gone })
	build(t, units, func(r *Reader, n *node) Result { return n.unit.Feature.Build(r, n.unit) },
		func(n *node, asked []uint32, result Result) { t.adopt(n, asked, result, changed) })
	return changed.changeSet()
}

// Built is the number of units that the last Apply built.
func (t *Translator) Built() int { return t.built }

// ProblemsChanged says whether the last Apply made problems appear or vanish.
func (t *Translator) ProblemsChanged() bool { return t.problemsChanged }

func (t *Translator) touch(c *cell) {
	for _, p := range c.askers {
		t.mark(t.nodes.all.of[p.node])
	}
}

func (t *Translator) mark(n *node) {
	if !n.dirty {
		n.dirty = true
		t.dirty = append(t.dirty, n)
	}
}

// takeDirty gives the nodes to build, the last marked first. They are no longer marked.
func (t *Translator) takeDirty() (roots, units []*node) {
	for _, n := range slices.Backward(t.dirty) {
		if n.dirty = false; n.isRoot() {
			roots = append(roots, n)
		} else {
			units = append(units, n)
		}
	}
	clear(t.dirty)
	t.dirty = t.dirty[:0]
	return roots, units
}

// calledFor finds out what the object of a root calls for now.
func (t *Translator) calledFor(r *Reader, n *node) []Unit {
	key := n.object()
	if key == (api.Key{}) {
		return t.rules.Always(r)
	}
	if object := t.objects.get(key); object != nil {
		return t.rules.CalledFor(r, object)
	}
	return nil
}

// call takes in what a root calls for now, and the cells that it asked for. It returns the units that
// it has stopped calling for and that nobody else calls for at the moment.
func (t *Translator) call(n *node, asked []uint32, calls []Unit) (uncalled []*node) {
	t.connect(n, asked)
	before := t.calls[n.id]
	var now []uint32
	if len(calls) > 0 {
		now = make([]uint32, len(calls))
	}
	for i, u := range calls {
		unit := t.nodes.get(u)
		if unit == nil {
			unit = t.nodes.add(u)
			t.mark(unit)
		}
		unit.callers++
		now[i] = unit.id
	}
	for _, id := range before {
		unit := t.nodes.all.of[id]
		if unit.callers--; unit.callers == 0 {
			uncalled = append(uncalled, unit)
		}
	}
	if t.calls[n.id] = now; now == nil {
		delete(t.calls, n.id)
	}
	if key := n.object(); key != (api.Key{}) && t.objects.get(key) == nil {
		t.nodes.remove(n)
	}
	return uncalled
}

func (t *Translator) drop(n *node, changed differences) {
	t.disconnect(n)
	n.gone = true
	t.nodes.remove(n)
	if n.result == nil {
		return
	}
	t.problemsChanged = t.problemsChanged || len(n.result.problems()) > 0
	if was := n.result.status(); was != nil {
		t.noteStatus(was.Object, nil)
	}
	if n.result.output != nil {
		changed.retract(n.result.key, n.result.output)
	}
}

// adopt takes in what a unit came to, and the cells that it asked for.
func (t *Translator) adopt(n *node, asked []uint32, result Result, changed differences) {
	t.connect(n, asked)
	t.built++
	var before kept
	if n.result != nil {
		before = *n.result
	}
	t.problemsChanged = t.problemsChanged || !slices.Equal(before.problems(), result.Problems)
	switch was := before.status(); {
	case result.Status != nil && (was == nil || !reflect.DeepEqual(was, result.Status)):
		t.noteStatus(result.Status.Object, result.Status)
	case result.Status == nil && was != nil:
		t.noteStatus(was.Object, nil)
	}
	switch {
	case result.Output == nil:
		if before.output != nil {
			changed.retract(before.key, before.output)
		}
	case before.output != nil && before.key == result.Key && before.output.Same(result.Output):
		result.Output = before.output // keep sharing the old bytes
	default:
		if before.output != nil {
			changed.retract(before.key, before.output)
		}
		changed.put(result.Key, result.Output)
	}
	n.result = result.keep()
}

// differences holds what has become of each key in one Apply. A key may move from one unit to
// another, in either order, and come out with the content that it had.
type differences map[resource.Key]difference

type difference struct {
	before, after *resource.Output
}

// retract says that a unit no longer builds a key; another may, or already does.
func (d differences) retract(k resource.Key, before *resource.Output) {
	d[k] = difference{before, d[k].after}
}

func (d differences) put(k resource.Key, after *resource.Output) {
	d[k] = difference{d[k].before, after}
}

// changeSet gives the keys whose content differs, sorted.
func (d differences) changeSet() resource.ChangeSet {
	set := resource.ChangeSet{Entries: make([]resource.Entry, 0, len(d))}
	for k, c := range d {
		if c.before == nil || c.after == nil || !c.before.Same(c.after) {
			set.Entries = append(set.Entries, resource.Entry{Key: k, Output: c.after})
		}
	}
	slices.SortFunc(set.Entries, func(a, b resource.Entry) int { return a.Key.Compare(b.Key) })
	return set
}

func (t *Translator) newReader() *Reader {
	t.reader.objects, t.reader.tracked = t.objects, true
	t.reader.asked = t.reader.asked[:0]
	return &t.reader
}

// results calls f with what every unit came to that came to something.
func (t *Translator) results(f func(*kept)) {
	t.nodes.units(func(n *node) {
		if n.result != nil {
			f(n.result)
		}
	})
}

// Outputs calls f with every resource output that stands, in no particular order.
func (t *Translator) Outputs(f func(resource.Key, *resource.Output)) {
	t.results(func(k *kept) {
		if k.output != nil {
			f(k.key, k.output)
		}
	})
}

// Problems returns everything that is wrong now, sorted, each once. Positions are not filled
// in.
func (t *Translator) Problems() []api.Problem {
	var all []api.Problem
	t.results(func(k *kept) { all = append(all, k.problems()...) })
	slices.SortFunc(all, api.Problem.Compare)
	return slices.Compact(all)
}

// Statuses returns the conditions that stand now, sorted by object.
func (t *Translator) Statuses() []*Status {
	var all []*Status
	t.results(func(k *kept) {
		if status := k.status(); status != nil {
			all = append(all, status)
		}
	})
	slices.SortFunc(all, func(a, b *Status) int { return a.Object.Compare(b.Object) })
	return all
}

// TakeStatuses returns the statuses that have changed since it was called last; nil is none any more.
func (t *Translator) TakeStatuses() map[api.Key]*Status {
	taken := t.statuses
	t.statuses = nil
	return taken
}

func (t *Translator) noteStatus(k api.Key, s *Status) {
	if t.statuses == nil {
		t.statuses = map[api.Key]*Status{}
	}
	t.statuses[k] = s
}

// Object returns an object as the translator has it, or nil.
func (t *Translator) Object(k api.Key) *api.Object { return t.objects.get(k) }
