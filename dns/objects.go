package dns

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/gateway-cp/gateway-cp/api"
)

// name names a Service, or an object of another kind.
type name struct{ namespace, name string }

func nameOf(k api.Key) name { return name{k.Namespace, k.Name} }

// pair is a label with its value, in a namespace.
type pair struct{ namespace, key, value string }

// byLabel holds objects of one kind, found by their labels.
type byLabel[T api.Value] struct {
	all   map[name]T
	pairs map[pair]map[string]T // by the object's name
}

func newByLabel[T api.Value]() byLabel[T] {
	return byLabel[T]{all: map[name]T{}, pairs: map[pair]map[string]T{}}
}

// set puts an object in the place of the one with its name; without there, it only removes that.
// It returns the labels of both.
func (b *byLabel[T]) set(n name, object T, there bool) (before, after map[string]string) {
	if old, ok := b.all[n]; ok {
		before = old.GetLabels()
		for k, v := range before {
			p := pair{n.namespace, k, v}
			if delete(b.pairs[p], n.name); len(b.pairs[p]) == 0 {
				delete(b.pairs, p)
			}
		}
		delete(b.all, n)
	}
	if !there {
		return before, nil
	}
	b.all[n] = object
	after = object.GetLabels()
	for k, v := range after {
		p := pair{n.namespace, k, v}
		if b.pairs[p] == nil {
			b.pairs[p] = map[string]T{}
		}
		b.pairs[p][n.name] = object
	}
	return before, after
}

// selected gives the objects of a namespace that a selector matches, sorted by name. An empty
// selector matches nothing, as for Services. It looks at those with the rarest of the labels.
func (b *byLabel[T]) selected(namespace string, selector map[string]string) []T {
	var rarest map[string]T
	first := true
	for k, v := range selector {
		if of := b.pairs[pair{namespace, k, v}]; first || len(of) < len(rarest) {
			rarest, first = of, false
		}
	}
	all := labels.SelectorFromSet(selector)
	var found []T
	for _, n := range slices.Sorted(maps.Keys(rarest)) {
		if all.Matches(labels.Set(rarest[n].GetLabels())) {
			found = append(found, rarest[n])
		}
	}
	return found
}

// selectors finds Services by what they select. Each is under one label of its selector: whatever
// it selects has that.
type selectors struct {
	under map[pair]map[name]map[string]string
}

func newSelectors() selectors { return selectors{under: map[pair]map[name]map[string]string{}} }

func firstPair(namespace string, selector map[string]string) pair {
	key := slices.Min(slices.Collect(maps.Keys(selector)))
	return pair{namespace, key, selector[key]}
}

func (s *selectors) add(n name, selector map[string]string) {
	if len(selector) == 0 {
		return
	}
	p := firstPair(n.namespace, selector)
	if s.under[p] == nil {
		s.under[p] = map[name]map[string]string{}
	}
	s.under[p][n] = selector
}

func (s *selectors) remove(n name, selector map[string]string) {
	if len(selector) == 0 {
		return
	}
	p := firstPair(n.namespace, selector)
	if delete(s.under[p], n); len(s.under[p]) == 0 {
		delete(s.under, p)
	}
}

// each calls f with the Services of a namespace that select something with these labels.
func (s *selectors) each(namespace string, l map[string]string, f func(name)) {
	for k, v := range l {
		for n, selector := range s.under[pair{namespace, k, v}] {
			if labels.SelectorFromSet(selector).Matches(labels.Set(l)) {
				f(n)
			}
		}
	}
}
