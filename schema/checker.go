package schema

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/schema/internal/data"
)

// Object is one object as it is written.
type Object struct {
	GVK schema.GroupVersionKind
	// Key has namespace and name as they are written.
	Key api.Key
	// JSON is the object; it is not changed.
	JSON []byte
	// Content gives the same, decoded, with whole numbers as int64; it is not changed. Copy gives one that
	// may be. They are only called during a visit. They may be nil, and give nil: then JSON is decoded.
	Content, Copy func() map[string]any
	// Into reads the object into one of a Go type, which is empty. It is false where JSON is to be decoded;
	// then there may be something in it. It may be nil, and is only called during a visit.
	Into func(object any) bool
	// Origin finds the lines of fields.
	Origin api.Origin
}

// Channel is a set of CRDs of the Gateway API. https://gateway-api.sigs.k8s.io/concepts/versioning/
type Channel string

const (
	// Experimental has all kinds and fields; it is the default.
	Experimental Channel = "experimental"
	// Standard has those that are stable.
	Standard Channel = "standard"
)

// Unknown says what to make of kinds that have no schema.
type Unknown string

const (
	// Warn gives one warning per kind; it is the default.
	Warn Unknown = "warn"
	// Refuse gives an error per kind.
	Refuse Unknown = "error"
	// Skip says nothing.
	Skip Unknown = "skip"
)

// Options of a Checker.
type Options struct {
	Channel Channel
	Unknown Unknown
}

// Checker checks a set of objects. Its methods may be called by several goroutines.
type Checker struct {
	o Options

	mu       sync.Mutex
	own      map[schema.GroupKind]*crd         // handed in, or among the objects
	embedded map[schema.GroupKind]*crd         // those that were asked for so far
	waiting  []waiting                         // of kinds that are not built in: their CRD may come later
	broken   map[schema.GroupKind]api.Position // CRDs that cannot be used, as far as they say what for
	written  []written                         // to find what is there twice
	problems []api.Problem
}

// waiting is an object, and what is wrong with it unless another CRD for its kind comes.
type waiting struct {
	Object
	crd      *crd // nil: none is known so far, or it is being compiled
	problems []api.Problem
}

// New makes a Checker that knows the kinds of Kubernetes, the Gateway API and gateway-cp.
func New(o Options) *Checker {
	return &Checker{o: o, own: make(map[schema.GroupKind]*crd), embedded: make(map[schema.GroupKind]*crd), broken: make(map[schema.GroupKind]api.Position)}
}

// Visit takes an object of the set that is checked.
func (c *Checker) Visit(o Object) {
	c.note(o)
	c.check(o)
}

// Define takes a CustomResourceDefinition that is not of the set, which may have it once more, and
// checks it as well.
func (c *Checker) Define(o Object) { c.check(o) }

// check checks an object at once if its kind is known; while another goroutine does so with
// the first of a CRD, which takes as long as hundreds, the object waits, and the goroutine does not. One of a kind that is not built
// into Kubernetes is checked again if there turns out to be another CRD, when all are known.
func (c *Checker) check(o Object) {
	if o.GVK.Group == crdGroup && o.GVK.Kind == crdKind && o.GVK.Version == "v1" {
		c.define(o)
		return
	}
	k := builtinKind(o.GVK)
	if k == nil {
		w := waiting{Object: o}
		if d := c.definitionOf(o.GVK.GroupKind()); d != nil && d.versions[o.GVK.Version].begin() {
			w.crd, w.problems = d, d.check(o)
			d.versions[o.GVK.Version].end()
		}
		w.JSON, w.Content, w.Copy, w.Into = bytes.Clone(o.JSON), nil, nil, nil
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting = append(c.waiting, w)
		return
	}
	c.keep(o, checkBuiltin(o, k))
}

// define takes a CustomResourceDefinition. Of two for one kind the one that comes first in the order of
// files and lines counts.
func (c *Checker) define(o Object) {
	d, problems := readCRD(o)
	c.keep(o, problems)
	c.mu.Lock()
	defer c.mu.Unlock()
	if d == nil {
		c.broken[kindDefined(o)] = o.Origin.At("")
		return
	}
	if had := c.own[d.kind]; had == nil || comparePositions(o.Origin.At(""), had.at) < 0 {
		c.own[d.kind] = d
	}
}

// keep notes problems, with their places.
func (c *Checker) keep(o Object, problems []api.Problem) {
	if len(problems) == 0 {
		return
	}
	for i := range problems {
		problems[i].Position = o.Origin.At(problems[i].Path)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, problems...)
}

// Problems gives all that was found, sorted. It is called when all objects have been visited.
func (c *Checker) Problems() []api.Problem {
	c.mu.Lock()
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	unknown := make(map[schema.GroupVersionKind][]Object)
	type task struct {
		object Object
		crd    *crd
	}
	var tasks []task
	for _, w := range waiting {
		switch d := c.definitionOf(w.GVK.GroupKind()); d {
		case nil:
			unknown[w.GVK] = append(unknown[w.GVK], w.Object)
		case w.crd:
			c.keep(w.Object, w.problems)
		default:
			tasks = append(tasks, task{w.Object, d})
		}
	}
	work := make(chan task)
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(tasks)) {
		group.Go(func() {
			for t := range work {
				c.keep(t.object, t.crd.check(t.object))
			}
		})
	}
	for _, t := range tasks {
		work <- t
	}
	close(work)
	group.Wait()
	twice := c.duplicates()
	c.mu.Lock()
	defer c.mu.Unlock()
	problems := slices.Concat(c.problems, twice, c.unknown(unknown))
	slices.SortFunc(problems, api.Problem.Compare)
	return slices.Compact(problems)
}

// definitionOf gives the CRD of a kind; nil when there is none.
func (c *Checker) definitionOf(kind schema.GroupKind) *crd {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.own[kind]; d != nil {
		return d
	}
	if d, asked := c.embedded[kind]; asked {
		return d
	}
	key := "C " + kind.Group + " " + kind.Kind
	var d *crd
	for _, text := range []data.Text{data.Ours, c.gatewayAPI()} {
		if json, ok := text.Find(key); ok {
			d = embeddedCRD([]byte(json))
		}
	}
	c.embedded[kind] = d
	return d
}

func (c *Checker) gatewayAPI() data.Text {
	if c.o.Channel == Standard {
		return data.Standard
	}
	return data.Experimental
}

// checkBuiltin checks an object of a kind that is built into Kubernetes.
func checkBuiltin(o Object, k *kind) []api.Problem {
	r := &report{key: identity(o.Key, k.Namespaced), secret: o.GVK.Group == "" && o.GVK.Kind == "Secret"}
	if !r.age(k, o.GVK) {
		return r.problems
	}
	object, ok := r.content(o)
	if !ok {
		return r.problems
	}
	r.object = object
	if !k.shape.fits(object) {
		r.checkShape(new(path), k.shape, object)
	}
	typesFit := !hasError(r.problems)
	if !slices.ContainsFunc(r.problems, func(p api.Problem) bool { return strings.HasPrefix(p.Path, "metadata") }) {
		r.metadata(object, builtinName(o.GVK), k.Namespaced)
		r.finalizers(object)
	}
	if typesFit {
		r.semantics(o)
	}
	return r.problems
}

// content gives an object to look at.
func (r *report) content(o Object) (object map[string]any, ok bool) {
	if o.Content != nil {
		if object = o.Content(); object != nil {
			return object, true
		}
	}
	return r.read(o.JSON)
}

// copy gives an object to change.
func (r *report) copy(o Object) (object map[string]any, ok bool) {
	if o.Copy != nil {
		if object = o.Copy(); object != nil {
			return object, true
		}
	}
	return r.read(o.JSON)
}

// read reads an object's JSON as Kubernetes does, whole numbers as int64.
func (r *report) read(text []byte) (object map[string]any, ok bool) {
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &object); err != nil {
		r.add(api.Error, "", api.ReasonInvalidYAML, "", err.Error())
		return nil, false
	}
	return object, object != nil
}

func hasError(problems []api.Problem) bool {
	return slices.ContainsFunc(problems, func(p api.Problem) bool { return p.Severity == api.Error })
}

// identity is the key of an object; those without a namespace are in "default".
func identity(key api.Key, namespaced bool) api.Key {
	switch {
	case !namespaced:
		key.Namespace = ""
	case key.Namespace == "":
		key.Namespace = "default"
	}
	return key
}

func comparePositions(a, b api.Position) int {
	return api.Problem{Position: a}.Compare(api.Problem{Position: b})
}
