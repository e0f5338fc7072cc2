package xds

import (
	"log/slog"
	"sync"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Memory keeps what Envoys have in place of parts that they refuse, over a restart of this
// process. An Envoy says the version of what it has, and cannot say its content.
type Memory interface {
	// Recall calls f with everything that is kept.
	Recall(f func(resource.Key, *resource.Output)) error
	// Keep keeps an output under the key of a part; nil forgets it. It has reached the disk
	// when Keep returns without an error.
	Keep(resource.Key, *resource.Output) error
}

// lastGood holds, for parts that some Envoy refuses or that are invalid, what stands in for
// them: the last good version, the fallback, or (without bytes) nothing. It is safe for
// concurrent use.
type lastGood struct {
	log    *slog.Logger
	mu     sync.RWMutex
	parts  map[resource.Key]*content
	memory Memory // nil: for as long as the process lives
	pruned bool   // of what is not there any more since the last run
}

// Remember has the server use a memory. It is called once, before anything is applied.
func (s *Server) Remember(m Memory) error {
	g := s.store.good
	g.memory = m
	return m.Recall(func(k resource.Key, o *resource.Output) { g.parts[k] = newContent(k.Part, o) })
}

func (g *lastGood) get(k resource.Key) *content {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.parts[k]
}

func (g *lastGood) empty() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.parts) == 0
}

// put keeps a content, or with nil forgets what is kept.
func (g *lastGood) put(k resource.Key, c *content) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out *resource.Output
	before := g.parts[k]
	switch {
	case c == nil && before == nil || c != nil && before != nil && before.hash == c.hash:
		return
	case c == nil:
		delete(g.parts, k)
	default:
		g.parts[k], out = c, c.output
	}
	if g.memory == nil {
		return
	}
	if err := g.memory.Keep(k, out); err != nil {
		g.log.Error("what Envoys have in place of a refused part would be lost by a restart", "resource", k.Name, "part", k.Part, "error", err)
	}
}

// prune forgets what a change set takes away; after the first, which is everything there is,
// all that is not there.
func (g *lastGood) prune(set resource.ChangeSet, there func(resource.Key) bool) {
	var gone []resource.Key
	g.mu.Lock()
	if !g.pruned {
		for k := range g.parts {
			if !there(k) {
				gone = append(gone, k)
			}
		}
	}
	g.pruned = true
	g.mu.Unlock()
	if !g.empty() {
		for _, e := range set.Entries {
			if e.Output == nil && e.Key.Part != "" {
				gone = append(gone, e.Key)
			}
		}
	}
	for _, k := range gone {
		g.put(k, nil)
	}
}

// keyOf is the key of a part as the store has it. The caller holds the store's lock.
func (s *session) keyOf(of of, part string) resource.Key {
	audience := s.store.locate(s.audiences, of.kind, of.name)
	return resource.Key{Type: of.kind, Audience: audience, Name: of.name, Part: part}
}

// good is what stands in for a part since before the Envoy connected, or nil.
func (s *session) good(of of, part string) *content {
	if s.store.good.empty() {
		return nil
	}
	return s.store.good.get(s.keyOf(of, part))
}

// isThere is false for what stands for the absence of a part.
func (c *content) isThere() bool { return c != nil && len(c.output.Bytes) > 0 }

// withGood is a resource as an Envoy has it that refuses what the store has something else
// for; nil if that is nothing.
func (s *session) withGood(t resource.Type, target *composed) *composed {
	var parts []*content
	differs := false
	for _, p := range target.parts {
		use := p
		if good := s.good(of{ref{t, target.id}, target.name}, p.part); good != nil {
			use, differs = good, true
		}
		if use.isThere() {
			parts = append(parts, use)
		}
	}
	if !differs {
		return nil
	}
	return compose(target.id, target.name, target.head, parts)
}

// keepGood remembers what an Envoy has in place of a part that it has just refused.
func (s *session) keepGood(a atom) {
	id := s.store.names.find(a.name)
	p := s.view(a.kind, id).get(a.part)
	if a.part == "" || p == nil || p.hash != a.hash {
		return
	}
	k := s.keyOf(of{ref{a.kind, id}, a.name}, a.part)
	use := p.fallback
	if h, _ := s.held(a.kind, id); h.acked.get(a.part) != nil {
		use = h.acked.get(a.part)
	} else if s.store.good.get(k) != nil {
		return
	}
	if use == nil {
		use = newContent(a.part, &resource.Output{})
	}
	s.store.good.put(k, use)
}

// forgetGood forgets what stood in for parts that an Envoy has accepted.
func (s *session) forgetGood(t resource.Type, c *composed) {
	if len(c.parts) == 0 || s.store.good.empty() {
		return
	}
	target := s.view(t, c.id)
	for _, p := range c.parts {
		if want := target.get(p.part); want != nil && want.hash == p.hash {
			s.store.good.put(s.keyOf(of{ref{t, c.id}, c.name}, p.part), nil)
		}
	}
}
