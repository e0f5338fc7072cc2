package xds

import (
	"slices"

	"github.com/gateway-cp/gateway-cp/resource"
)

// held is a resource that the Envoy has, or has been sent.
type held struct {
	acked *composed // nil: none acknowledged, or unknown
	sent  *composed // the newest that was sent; same as acked when it has been answered
	// unknown is the version that the Envoy reported when it connected, if we do not have the
	// bytes of it.
	unknown  string
	removing bool // its removal has been sent
	// maybe are refused versions: Envoy may have taken some resources of a response that it
	// refused. The next acknowledgement ends the doubt.
	maybe []*composed
}

// holdings are what an Envoy has of one type. Nearly always that is what the store has for it,
// on its way or acknowledged: two bits. Everything else is an exception.
type holdings struct {
	sent   bitset // what the store has was sent
	acked  bitset // and acknowledged; or else nothing is
	others sparse[held]
}

// held returns what the Envoy has of a resource, and whether it has anything.
func (s *session) held(t resource.Type, id uint32) (held, bool) {
	sub := s.subs[t]
	switch {
	case sub == nil:
		return held{}, false
	case sub.acked.has(id):
		now := s.view(t, id)
		return held{acked: now, sent: now}, true
	case sub.sent.has(id):
		return held{sent: s.view(t, id)}, true
	}
	return sub.others.get(id)
}

// setHeld notes what the Envoy has of a resource. It keeps the counts of named clusters right.
func (s *session) setHeld(t resource.Type, id uint32, h held) {
	sub := s.subs[t]
	before, _ := s.held(t, id)
	s.recount(h, before)
	now := s.view(t, id)
	ordinary := now != nil && h.sent == now && (h.acked == now || h.acked == nil) &&
		h.unknown == "" && !h.removing && len(h.maybe) == 0
	if !ordinary {
		sub.sent.remove(id)
		sub.acked.remove(id)
		sub.others.put(id, h)
		return
	}
	sub.others.remove(id)
	sub.sent.add(id)
	if h.acked == now {
		sub.acked.add(id)
	} else {
		sub.acked.remove(id)
	}
}

// keep has a resource that the store changes stay what it is on the Envoy.
func (h *holdings) keep(id uint32, before *composed) {
	if !h.sent.has(id) {
		return
	}
	was := held{sent: before}
	if h.acked.has(id) {
		was.acked = before
	}
	h.sent.remove(id)
	h.acked.remove(id)
	h.others.put(id, was)
}

func (h *holdings) has(id uint32) bool {
	_, other := h.others.get(id)
	return other || h.sent.has(id)
}

// ids gives everything that the Envoy has, in no order.
func (h *holdings) ids(f func(id uint32)) {
	for id := range h.sent.all() {
		f(id)
	}
	for id := range h.others.m {
		f(id)
	}
}

// forget drops a resource that the Envoy does not have any more.
func (s *session) forget(t resource.Type, id uint32) {
	h, ok := s.held(t, id)
	if !ok {
		return
	}
	sub := s.subs[t]
	s.recount(held{}, h)
	sub.sent.remove(id)
	sub.acked.remove(id)
	sub.others.remove(id)
	if h.unknown != "" {
		s.learned(t)
	}
	switch t {
	case resource.Cluster:
		s.retiring.remove(id)
	case resource.Endpoint:
		s.replaced.remove(id)
	}
	s.loosen(id)
}

// learned notes that the bytes of a held resource are known now, or do not matter any more.
func (s *session) learned(t resource.Type) {
	if !countsAsNaming(t) {
		return
	}
	if s.unknown--; s.unknown == 0 {
		clusters := s.sub(resource.Cluster)
		clusters.ids(clusters.touch)
	}
}

// countsAsNaming says whether resources of this type send traffic to clusters.
func countsAsNaming(t resource.Type) bool {
	return t == resource.Listener || t == resource.Scope || t == resource.Route || t == resource.VirtualHost
}

// recount keeps the counts of contents that name each cluster right when what the Envoy has of
// a resource becomes something else.
func (s *session) recount(now, before held) {
	if now.acked == before.acked && now.sent == before.sent && len(now.maybe) == 0 && len(before.maybe) == 0 {
		return
	}
	now.acked.without(before.acked, func(p *content) { s.name(p, 1) })
	now.sent.without(before.sent, func(p *content) { s.name(p, 1) })
	for _, c := range now.maybe {
		c.contents(func(p *content) { s.name(p, 1) })
	}
	before.acked.without(now.acked, func(p *content) { s.name(p, -1) })
	before.sent.without(now.sent, func(p *content) { s.name(p, -1) })
	for _, c := range before.maybe {
		c.contents(func(p *content) { s.name(p, -1) })
	}
}

// name adds to the counts of the clusters that a content names.
func (s *session) name(p *content, by int32) {
	for _, ref := range p.output.Clusters {
		id := s.store.names.find(ref.Name)
		if by > 0 && !s.isNamed(id) {
			id = s.store.names.use(ref.Name, s.number)
			s.retiring.remove(id) // its drain time begins anew when this does not name it any more
		}
		if n := int(id) + 1; n > len(s.named) {
			s.named = append(s.named, make([]int32, n-len(s.named))...)
		}
		if s.named[id] += by; s.named[id] == 0 {
			s.sub(resource.Cluster).touch(id) // it may be time to take it away
			s.loosen(id)
		}
	}
}

// isNamed says whether anything that the Envoy has, or may have, names a cluster.
func (s *session) isNamed(id uint32) bool { return int(id) < len(s.named) && s.named[id] > 0 }

// loosen notes that the session may have no use for a name any more.
func (s *session) loosen(id uint32) { s.loose = append(s.loose, id) }

// maxLoose is how many names a session that is busy may keep without use.
const maxLoose = 1000

// tidy leaves the names that the session has no use for.
func (s *session) tidy() {
	if len(s.loose) == 0 || len(s.loose) < maxLoose && !s.quiet() {
		return
	}
	var awaited, onTheirWay bitset
	s.waits.each(func(_, what ref) { awaited.add(what.id) })
	for _, sub := range s.subs {
		if sub == nil {
			continue
		}
		for _, r := range sub.inflight {
			for _, c := range r.items {
				onTheirWay.add(c.id)
			}
		}
	}
	slices.Sort(s.loose)
	for _, id := range slices.Compact(s.loose) {
		if id != 0 && !awaited.has(id) && !onTheirWay.has(id) && !s.needs(id) {
			s.store.names.leave(id, s.number)
		}
	}
	s.loose = nil
	for id := range onTheirWay.all() {
		if !s.needs(id) {
			s.loosen(id)
		}
	}
}

// needs says whether the session knows anything of a name or wants to know, other than for what
// waits for it.
func (s *session) needs(id uint32) bool {
	if s.isNamed(id) || s.clusters.there.has(id) {
		return true
	}
	for t, sub := range s.subs {
		if _, waits := s.waits.missing[t].get(id); waits {
			return true
		}
		if sub != nil && (sub.names.has(id) || sub.dirty.has(id) || sub.has(id) || sub.wildcard && s.view(resource.Type(t), id) != nil) {
			return true
		}
	}
	return false
}
