package xds

import (
	"slices"

	"github.com/gateway-cp/gateway-cp/resource"
)

// An Envoy that ceases to ask for a resource while a response with it is on its way ignores that
// part of the response. If it asks again before the response reaches it, it takes it. Which of
// the two happened, its answer does not say: so until then, and if it has asked again until
// something newer is acknowledged, the Envoy may have what was in the response, or nothing.

// drift notes that the Envoy does not ask any more for a resource which may be on its way.
func (s *session) drift(t resource.Type, id uint32) {
	for _, r := range s.subs[t].inflight {
		for _, c := range r.items {
			if c.id == id && !r.isAdrift(c) {
				r.adrift = append(r.adrift, c)
				c.contents(func(p *content) { s.name(p, 1) })
			}
		}
	}
}

// isAdrift says whether it is not known if the Envoy takes an item.
func (r *response) isAdrift(c *composed) bool { return slices.Contains(r.adrift, c) }

// land ends the drifting of what was in a response that is answered.
func (s *session) land(r *response) {
	sub := s.subs[r.kind]
	for _, c := range r.adrift {
		if sub.wants(c.id) {
			h, _ := s.held(r.kind, c.id)
			h.maybe = append(slices.Clone(h.maybe), c)
			s.setHeld(r.kind, c.id, h)
			sub.touch(c.id)
		}
		c.contents(func(p *content) { s.name(p, -1) })
	}
}
