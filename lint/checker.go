package lint

import (
	"slices"
	"sync"

	"github.com/gateway-cp/gateway-cp/api"
)

// checker is what one check works with: what all share, and the problems that it has found so far.
type checker struct {
	*shared
	problems []api.Problem
}

// shared is what the checks share: the objects, found in the ways they are asked for. They run at the
// same time, so none changes it.
type shared struct {
	World
	options Options

	objects    map[api.Key]*api.Object
	kinds      map[api.Kind][]*api.Object // sorted by key
	holds      map[kindIn]bool
	namespaces map[string]bool  // those that the set has anything of
	addressed  map[api.Key]bool // Services whose endpoints are written down
	invalid    map[api.Key]bool // those that are in the set but not admitted
	invalidIn  map[kindIn]bool  // where there are such
	promised   map[api.Key]bool // objects that other software makes from what is in the set
	templates  *templates
	patterns   *patterns
	// said is what the translator says, routing the virtual hosts, chains the certificates of listeners, by
	// Secret. They are made when they are first asked for.
	said    func() []api.Problem
	routing func() []virtualHost
	chains  func() map[api.Key]*use
}

// kindIn is a kind in a namespace.
type kindIn struct {
	kind      api.Kind
	namespace string
}

func newShared(w World, o Options) *shared {
	c := &shared{
		World: w, options: o,
		objects: make(map[api.Key]*api.Object, len(w.Objects)), kinds: map[api.Kind][]*api.Object{},
		holds: map[kindIn]bool{}, namespaces: map[string]bool{},
		addressed: map[api.Key]bool{}, invalid: map[api.Key]bool{}, invalidIn: map[kindIn]bool{}, promised: map[api.Key]bool{},
		templates: newTemplates(), patterns: newPatterns(),
	}
	c.said = sync.OnceValue(func() []api.Problem { return w.Translator().Problems() })
	c.routing = sync.OnceValue(c.findHosts)
	c.chains = sync.OnceValue(c.findChains)
	sorted := slices.Clone(w.Objects)
	slices.SortFunc(sorted, func(a, b *api.Object) int { return a.Key.Compare(b.Key) })
	for _, object := range sorted {
		k := object.Key
		c.objects[k] = object
		c.kinds[k.Kind] = append(c.kinds[k.Kind], object)
		c.holds[kindIn{k.Kind, k.Namespace}] = true
		c.namespaces[k.Namespace] = true
		c.templates.addObject(object)
		switch k.Kind {
		case api.KindEndpointSlice:
			if service, ok := targetService(object); ok {
				c.addressed[service] = true
			}
		case api.KindEndpoints:
			c.addressed[api.Key{Kind: api.KindService, Namespace: k.Namespace, Name: k.Name}] = true
		}
	}
	for _, p := range w.Said {
		if p.Severity == api.Error && c.objects[p.Object] == nil {
			c.invalid[p.Object] = true
			c.invalidIn[kindIn{p.Object.Kind, p.Object.Namespace}] = true
		}
	}
	for i := range w.Foreign {
		c.addForeign(&w.Foreign[i])
	}
	c.templates.sort()
	return c
}

// of gives the objects of a kind, sorted by key.
func (c *shared) of(k api.Kind) []*api.Object { return c.kinds[k] }

// add takes a problem in, with its positions, unless its reason is turned off.
func (c *checker) add(p api.Problem) {
	if c.options.Off[p.Reason] {
		return
	}
	p.Position = c.position(p.Object, p.Path)
	if p.Other.Position == (api.Position{}) {
		p.Other.Position = c.position(p.Other.Object, p.Other.Path)
	}
	c.problems = append(c.problems, p)
}

func (c *shared) position(k api.Key, path string) api.Position {
	if o := c.objects[k]; o != nil && o.Origin != nil {
		return o.Origin.At(path)
	}
	return api.Position{}
}
