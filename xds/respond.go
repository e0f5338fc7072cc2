package xds

import (
	"maps"
	"slices"

	"github.com/gateway-cp/gateway-cp/resource"
)

// next returns the next response to send, or nil when there is nothing to say for now.
func (s *session) next() *response {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	s.takeNotice()
	s.retryRefused()
	for t := range resource.NumTypes {
		if s.subs[t] == nil || !s.subs[t].asked {
			continue
		}
		if r := s.nextOf(t); r != nil {
			return r
		}
	}
	if s.quiet() && len(s.refused) != s.refusals {
		s.refusals = len(s.refused)
		s.refusalsChanged()
	}
	s.advance()
	if s.idle() {
		s.earlier = nil
	}
	return nil
}

// idle says whether the Envoy has acknowledged everything that is there for it.
func (s *session) idle() bool {
	return s.quiet() && len(s.waiting) == 0 && len(s.refused) == 0
}

// quiet says whether everything has been answered.
func (s *session) quiet() bool {
	for _, sub := range s.subs {
		if sub != nil && sub.asked && sub.busy() {
			return false
		}
	}
	return true
}

// nextOf is next for one type. One response at a time is on its way, and everything that
// happens meanwhile is coalesced; but several for clusters, since Envoy withholds all cluster
// acknowledgements while a single cluster warms.
func (s *session) nextOf(t resource.Type) *response {
	sub := s.subs[t]
	if s.withholds(t) {
		return nil
	}
	if n := len(sub.inflight); n >= maxInflight || n > 0 && t != resource.Cluster {
		return nil
	}
	r := &response{kind: t}
	names, trial := s.due(t)
	isTrial := len(trial) > 0
	gone := func(name string) bool { return s.store.find(s.audiences, t, name) == nil }
	if !isTrial {
		s.fill(r, names, gone)
	}
	if len(r.removed) == 0 {
		s.fill(r, names, func(name string) bool { return !gone(name) })
	}
	s.tried(t, trial, r)
	if len(r.items) == 0 && len(r.removed) == 0 && !sub.greet {
		if isTrial {
			return s.nextOf(t)
		}
		return nil
	}
	sub.greet = false
	s.nonce++
	s.sends++
	r.nonce, r.sent, r.at, r.through = s.nonce, s.sends, s.now(), sub.through
	if len(sub.dirty) == 0 && len(sub.trials) == 0 {
		r.through = s.known
	}
	sub.inflight = append(sub.inflight, r)
	return r
}

// fill adds what is to be said about those of the names that are to be looked at. Removals and
// versions do not share a response: one with removals alone is never refused, so there is no
// doubt about them.
func (s *session) fill(r *response, names []string, look func(name string) bool) {
	sub := s.subs[r.kind]
	size := 0
	for _, name := range names {
		if size > maxResponseBytes && !(s.stateOfWorld && fullState(r.kind)) {
			return // the rest stays dirty
		}
		if h := sub.held[name]; !look(name) || h != nil && h.removing {
			continue // one that is back while its removal is on its way: after the answer
		}
		force := sub.dirty[name]
		delete(sub.dirty, name)
		if sub.wants(name) {
			size += s.add(r, name, force)
		}
	}
}

// due gives the names to look at, sorted: those of the next trial, or all that are dirty.
func (s *session) due(t resource.Type) (names []string, trial []atom) {
	sub := s.subs[t]
	if len(sub.trials) == 0 {
		return slices.Sorted(maps.Keys(sub.dirty)), nil
	}
	trial, sub.trials = sub.trials[0], sub.trials[1:]
	sub.trying = map[atom]struct{}{}
	for _, a := range trial {
		sub.trying[a] = struct{}{}
		names = append(names, a.name)
	}
	slices.Sort(names)
	return slices.Compact(names), trial
}

// add puts what is to be said about one resource into a response, and returns its size.
func (s *session) add(r *response, name string, force bool) int {
	sub := s.subs[r.kind]
	h := sub.held[name]
	c, verdict := s.compose(r.kind, name)
	switch {
	case verdict != deliver && force && r.kind == resource.Endpoint && h != nil && h.sent == nil:
		// There are no endpoints that could be sent: they were refused, or they and their cluster
		// are gone. Envoy is not to wait for them, since no other cluster is acknowledged
		// meanwhile; those that it may have stay.
		return sub.remove(r, name, force)
	case verdict == keep:
		return 0
	case verdict == absent && h == nil && !sub.wildcard:
		return sub.remove(r, name, force) // asked for, and not there
	case verdict == absent && force && h != nil && h.sent != nil:
		c = h.sent // gone from the store, but the Envoy still has what needs it, and asks
	case verdict == absent:
		if h != nil && s.mayRemove(r.kind, name) {
			h.removing = true
			if r.kind == resource.Cluster {
				delete(s.clusters, name) // not warm from here on, should it come back
			}
			r.removed = append(r.removed, name)
		}
		return len(name)
	}
	if len(r.removed) > 0 {
		sub.dirty[name] = force
		return 0
	}
	if h == nil {
		h = &held{}
		sub.held[name] = h
	}
	if r.kind == resource.Cluster {
		delete(s.retiring, name)
	}
	doubtful := len(h.maybe) > 0 && h.sent == h.acked // else what is on its way ends the doubt
	if !force && h.sent != nil && h.sent.version == c.version && !doubtful {
		if h.sent != c && h.sent == h.acked { // the same bytes, perhaps with other references
			s.setAcked(h, c)
			s.setSent(h, c)
		}
		return 0
	}
	s.setSent(h, c)
	s.sending(r.kind, c)
	r.items = append(r.items, c)
	return c.size
}

// remove says that there is no such resource, in a response of removals.
func (s *subscription) remove(r *response, name string, force bool) int {
	if len(r.items) > 0 {
		s.dirty[name] = force
		return 0
	}
	r.removed = append(r.removed, name)
	return len(name)
}

// answer takes in an acknowledgement (empty message) or a refusal of a response. An answer to
// a response speaks for all of the type before it, too: Envoy handles them in order.
func (s *session) answer(t resource.Type, nonce uint64, message string) {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	sub := s.sub(t)
	i := slices.IndexFunc(sub.inflight, func(r *response) bool { return r.nonce == nonce })
	if i < 0 {
		return
	}
	answered := sub.inflight[:i+1]
	sub.inflight = slices.Clone(sub.inflight[i+1:])
	sub.through = max(sub.through, answered[i].through)
	for k, r := range answered {
		s.acquit(r)
		if k == i && message != "" {
			s.refuse(r, message)
		} else {
			s.accept(r)
		}
	}
}

func (s *session) accept(r *response) {
	sub := s.sub(r.kind)
	if r.kind == resource.Cluster {
		s.beSure()
	}
	for _, c := range r.items {
		h := sub.held[c.name]
		if h == nil {
			continue // unsubscribed meanwhile
		}
		s.learn(r.kind, h)
		if h.acked == nil && !s.store.good.empty() {
			sub.touch(c.name) // what was not tried because of that can be now
		}
		s.repeatAll(r, h.acked, c)
		s.setAcked(h, c)
		s.clearDoubt(h)
		s.forgive(r.kind, c)
		s.forgetGood(r.kind, c)
		s.accepted(r, c)
	}
	for _, name := range r.removed {
		if h := sub.held[name]; h != nil && h.removing {
			s.forget(r.kind, name)
			if s.store.has(s.audiences, r.kind, name) {
				sub.touch(name)
			}
		}
	}
}
