package xds

import (
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/gateway-cp/gateway-cp/resource"
)

// ident names a resource for one audience.
type ident struct {
	kind     resource.Type
	audience resource.Audience
	name     string
}

// store holds the newest version of every resource, encoded once for all Envoys.
type store struct {
	mu        sync.RWMutex
	resources map[ident]*stored
	names     map[audienceType]map[string]struct{} // for wildcard subscriptions
	applied   uint64                               // how many change sets
	good      *lastGood
}

type audienceType struct {
	kind     resource.Type
	audience resource.Audience
}

// stored is a resource in the making; whole is nil while it has no head.
type stored struct {
	head  *content
	parts []*content
	whole *composed
}

func newStore() *store {
	return &store{
		resources: map[ident]*stored{},
		names:     map[audienceType]map[string]struct{}{},
		good:      &lastGood{log: slog.New(slog.DiscardHandler), parts: map[resource.Key]*content{}},
	}
}

// apply takes in a change set and returns its number and the resources that are different now.
func (s *store) apply(set resource.ChangeSet) (number uint64, changed []ident) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied++
	for entries := set.Entries; len(entries) > 0; {
		id := ident{entries[0].Key.Type, entries[0].Key.Audience, entries[0].Key.Name}
		n := 1
		for n < len(entries) && id == (ident{entries[n].Key.Type, entries[n].Key.Audience, entries[n].Key.Name}) {
			n++
		}
		if s.update(id, entries[:n]) {
			changed = append(changed, id)
		}
		entries = entries[n:]
	}
	return s.applied, changed
}

// current is the number of the newest change set.
func (s *store) current() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.applied
}

func (s *store) update(id ident, entries []resource.Entry) bool {
	r := s.resources[id]
	if r == nil {
		r = &stored{}
		s.resources[id] = r
	}
	parts := slices.Clone(r.parts) // whole may share the slice
	for _, e := range entries {
		switch {
		case e.Key.Part == "" && e.Output == nil:
			r.head = nil
		case e.Key.Part == "":
			r.head = newContent("", e.Output)
		default:
			parts = putPart(parts, e)
		}
	}
	r.parts = parts
	before := r.whole
	at := audienceType{id.kind, id.audience}
	if r.head == nil {
		r.whole = nil
		delete(s.names[at], id.name)
		if len(parts) == 0 {
			delete(s.resources, id)
		}
		return before != nil
	}
	if s.names[at] == nil {
		s.names[at] = map[string]struct{}{}
	}
	s.names[at][id.name] = struct{}{}
	r.whole = compose(id.name, r.head, r.parts)
	return true
}

func putPart(parts []*content, e resource.Entry) []*content {
	i, found := slices.BinarySearchFunc(parts, e.Key.Part, func(p *content, key string) int { return strings.Compare(p.part, key) })
	switch {
	case e.Output == nil && found:
		return slices.Delete(parts, i, i+1)
	case e.Output == nil:
		return parts
	case found:
		parts[i] = newContent(e.Key.Part, e.Output)
		return parts
	}
	return slices.Insert(parts, i, newContent(e.Key.Part, e.Output))
}

// find returns the resource as the narrowest of the audiences sees it, or nil. The audiences
// are ordered from narrow to wide. The caller holds the lock.
func (s *store) find(audiences []resource.Audience, t resource.Type, name string) *composed {
	_, whole := s.locate(audiences, t, name)
	return whole
}

// locate is find, and says which of the audiences it is.
func (s *store) locate(audiences []resource.Audience, t resource.Type, name string) (resource.Audience, *composed) {
	for _, a := range audiences {
		if r := s.resources[ident{t, a, name}]; r != nil && r.whole != nil {
			return a, r.whole
		}
	}
	return resource.Audience{}, nil
}

// hasPart says whether there is a part.
func (s *store) hasPart(k resource.Key) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.resources[ident{k.Type, k.Audience, k.Name}]
	return r != nil && slices.ContainsFunc(r.parts, func(c *content) bool { return c.part == k.Part })
}

// each calls f with the name of every resource of a type that the audiences see. The caller
// holds the lock.
func (s *store) each(audiences []resource.Audience, t resource.Type, f func(name string)) {
	for _, a := range audiences {
		for name := range s.names[audienceType{t, a}] {
			f(name)
		}
	}
}
