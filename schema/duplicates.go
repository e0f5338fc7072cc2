package schema

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
)

// written is an object of a kind that gateway-cp does not read, and where it stands. Of those that it
// reads, reading them tells which are there twice.
type written struct {
	gvk schema.GroupVersionKind
	key api.Key // the namespace as written
	at  api.Position
}

// note remembers where an object is written. Names are copied: they may be parts of a file's text.
func (c *Checker) note(o Object) {
	if _, read := api.Lookup(o.GVK); read || o.Key.Name == "" {
		return
	}
	w := written{
		gvk: o.GVK,
		key: api.Key{Kind: o.Key.Kind, Namespace: strings.Clone(o.Key.Namespace), Name: strings.Clone(o.Key.Name)},
		at:  o.Origin.At(""),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written = append(c.written, w)
}

// duplicates reports the objects that are written in more than one place, at all places but the first.
func (c *Checker) duplicates() []api.Problem {
	type object struct {
		kind schema.GroupKind
		key  api.Key
	}
	c.mu.Lock()
	all := c.written
	c.written = nil
	c.mu.Unlock()
	slices.SortFunc(all, func(a, b written) int { return comparePositions(a.at, b.at) })
	first := make(map[object]api.Position, len(all))
	var problems []api.Problem
	for _, w := range all {
		id := object{w.gvk.GroupKind(), identity(w.key, c.isNamespaced(w.gvk))}
		at, before := first[id]
		switch {
		case !before:
			first[id] = w.at
		case at != w.at:
			problems = append(problems, api.Problem{
				Object: id.key, Reason: api.ReasonDuplicateObject, Severity: api.Error,
				Message:  fmt.Sprintf("the object is already in %s; only one of them can be in effect", at),
				Hint:     "remove or rename one of the two",
				Position: w.at,
			})
		}
	}
	return problems
}

// isNamespaced says whether objects of a kind have namespaces. Of one that nobody knows they may have.
func (c *Checker) isNamespaced(gvk schema.GroupVersionKind) bool {
	if k := builtinKind(gvk); k != nil {
		return k.Namespaced
	}
	d := c.definitionOf(gvk.GroupKind())
	return d == nil || d.internal.Spec.Scope != "Cluster"
}
