package xds

import (
	"slices"

	"github.com/gateway-cp/gateway-cp/resource"
)

// An Envoy that comes back says the versions of what it took as a whole response. What it took of
// a response that it refused, it does not say: of that it says the version before, or nothing. So
// whatever its last stream here left in doubt, unanswered or refused, it may have.

// doubts are versions that an Envoy may have whatever it says, by the numbers of their names.
type doubts map[uint32][]*composed

// doubtsOf gives what the earlier stream left in doubt of a type.
func (s *session) doubtsOf(t resource.Type) doubts {
	if s.earlier == nil || s.earlier.subs[t] == nil {
		return nil
	}
	all := doubts{}
	add := func(c *composed) {
		if !slices.Contains(all[c.id], c) {
			all[c.id] = append(all[c.id], c)
		}
	}
	was := s.earlier.subs[t]
	newest := map[uint32]int{} // how often the newest that was sent was sent
	for _, r := range was.inflight {
		for _, c := range r.items {
			add(c)
			if last, _ := s.earlier.held(t, c.id); last.sent != nil && last.sent.version == c.version {
				newest[c.id]++
			}
		}
	}
	for _, h := range was.others.m {
		for _, c := range h.maybe {
			add(c)
		}
	}
	for id := range all {
		// If the newest that was sent has come, all before it does not matter. That it was sent once
		// before, or is what the Envoy said then, too, says nothing.
		last, _ := s.earlier.held(t, id)
		said := last.unknown
		if last.acked != nil {
			said = last.acked.version
		}
		now, _ := s.held(t, id)
		if now.sent != nil && last.sent != nil && now.sent.version == last.sent.version && last.sent.version != said && newest[id] < 2 {
			delete(all, id)
		}
	}
	return all
}

// inherit notes what an Envoy may have of a resource that it asks for at the start of a stream.
func (s *session) inherit(t resource.Type, id uint32) {
	sub := s.subs[t]
	versions := sub.doubts[id]
	if len(versions) == 0 {
		return
	}
	delete(sub.doubts, id)
	h, _ := s.held(t, id)
	for _, c := range versions {
		if h.sent == nil || h.sent.version != c.version {
			h.maybe = append(slices.Clone(h.maybe), c)
		}
	}
	if len(h.maybe) > 0 {
		s.store.names.use(versions[0].name, s.number)
		s.setHeld(t, id, h)
		sub.touch(id)
	}
}
