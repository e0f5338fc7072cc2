package xds

import (
	"slices"

	"github.com/gateway-cp/gateway-cp/resource"
)

// next returns the next response to send, or nil when there is nothing to say for now.
func (s *session) next() *response {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	s.known = s.store.applied
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
	if s.idle() && s.earlier != nil {
		s.store.dismiss(s.earlier)
		s.earlier = nil
		for _, sub := range s.subs {
			if sub != nil {
				sub.doubts = nil
			}
		}
	}
	s.tidy()
	return nil
}

// idle says whether the Envoy has acknowledged everything that is there for it.
func (s *session) idle() bool {
	return s.quiet() && s.waits.empty() && len(s.refused) == 0
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
	// A trial that has to wait for another goes to the end: each is looked at once.
	for range len(s.subs[t].trials) + 1 {
		if r, more := s.tryNext(t); r != nil || !more {
			return r
		}
	}
	return nil
}

// tryNext is nextOf for one trial, and says whether another may have something to send.
func (s *session) tryNext(t resource.Type) (r *response, more bool) {
	sub := s.subs[t]
	if s.withholds(t) {
		return nil, false
	}
	if n := len(sub.inflight); n >= maxInflight || n > 0 && t != resource.Cluster {
		return nil, false
	}
	r = &response{kind: t}
	ids, trial := s.due(t)
	isTrial := len(trial) > 0
	gone := func(id uint32) bool { return s.view(t, id) == nil }
	if !isTrial {
		s.fill(r, ids, gone)
	}
	if len(r.removed) == 0 {
		s.fill(r, ids, func(id uint32) bool { return !gone(id) })
	}
	r.again = s.isRetry(trial)
	s.tried(t, trial, r)
	if len(r.items) == 0 && len(r.removed) == 0 && len(r.none) == 0 && !sub.greet {
		return nil, isTrial
	}
	sub.greet = false
	s.nonce++
	s.sends++
	r.nonce, r.sent, r.at, r.through = s.nonce, s.sends, s.now(), sub.through
	if sub.dirty.n == 0 && len(sub.trials) == 0 {
		r.through = s.known
	}
	sub.inflight = append(sub.inflight, r)
	return r, false
}

// fill adds what is to be said about those of the resources that are to be looked at. Removals and
// versions do not share a response: one with removals alone is never refused, so there is no
// doubt about them.
func (s *session) fill(r *response, ids []uint32, look func(id uint32) bool) {
	sub := s.subs[r.kind]
	size := 0
	for _, id := range ids {
		if size > maxResponseBytes && !(s.stateOfWorld && fullState(r.kind)) {
			return // the rest stays dirty
		}
		if h, _ := sub.others.get(id); !look(id) || h.removing {
			continue // one that is back while its removal is on its way: after the answer
		}
		if force := sub.clean(id); sub.wants(id) {
			size += s.add(r, id, force)
		}
	}
}

// due gives what to look at: the resources of the next trial, or all that are dirty.
func (s *session) due(t resource.Type) (ids []uint32, trial []atom) {
	sub := s.subs[t]
	if len(sub.trials) == 0 {
		return slices.AppendSeq(make([]uint32, 0, sub.dirty.n), sub.dirty.all()), nil
	}
	trial, sub.trials = sub.trials[0], sub.trials[1:]
	sub.trying = map[atom]struct{}{}
	for _, a := range trial {
		sub.trying[a] = struct{}{}
		ids = append(ids, s.store.names.find(a.name))
	}
	slices.Sort(ids)
	return slices.Compact(ids), trial
}

// add puts what is to be said about one resource into a response, and returns its size.
func (s *session) add(r *response, id uint32, force bool) int {
	sub := s.subs[r.kind]
	h, has := s.held(r.kind, id)
	c, verdict := s.compose(r.kind, id)
	switch {
	case verdict != deliver && force && r.kind == resource.Endpoint && has && h.sent == nil:
		// There are no endpoints that could be sent: they were refused, or they and their cluster
		// are gone. Envoy is not to wait for them, since no other cluster is acknowledged
		// meanwhile; those that it may have stay.
		return s.remove(r, id, force)
	case verdict == keep:
		return 0
	case verdict == absent && !has && (!sub.wildcard || force):
		return s.isNone(r, id, force)
	case verdict == absent && has && s.mayRemove(r.kind, id):
		if len(r.items) > 0 {
			sub.putBack(id, force)
			return 0
		}
		h.removing = true
		s.setHeld(r.kind, id, h)
		if r.kind == resource.Cluster {
			s.clusters.remove(id) // not warm from here on, should it come back
		}
		name := s.store.names.of(id)
		r.removed = append(r.removed, name)
		return len(name)
	case verdict == absent && force && h.sent != nil:
		c = h.sent // gone from the store, but the Envoy still has what needs it, and asks
	case verdict == absent && force && h.unknown == "":
		return s.isNone(r, id, force) // it may have it, or not
	case verdict == absent:
		s.loosen(id)
		return 0
	}
	if len(r.removed) > 0 {
		sub.putBack(id, force)
		return 0
	}
	if r.kind == resource.Cluster && verdict == deliver {
		s.retiring.remove(id)
	}
	doubtful := len(h.maybe) > 0 && h.sent == h.acked // else what is on its way ends the doubt
	if !force && h.sent != nil && h.sent.version == c.version && !doubtful {
		if h.sent != c && h.sent == h.acked { // the same bytes, perhaps with other references
			h.acked, h.sent = c, c
			s.setHeld(r.kind, id, h)
		}
		return 0
	}
	h.sent = c
	s.setHeld(r.kind, id, h)
	s.sending(r.kind, c)
	r.items = append(r.items, c)
	return c.size
}

// remove says that there is no such resource, in a response of removals.
func (s *session) remove(r *response, id uint32, force bool) int {
	if len(r.items) > 0 {
		s.subs[r.kind].putBack(id, force)
		return 0
	}
	name := s.store.names.of(id)
	r.removed = append(r.removed, name)
	return len(name)
}

// putBack leaves a resource to the next response.
func (s *subscription) putBack(id uint32, force bool) {
	s.touch(id)
	if force {
		s.force(id)
	}
}

// answer takes in an acknowledgement (empty message) or a refusal of a response. An answer to
// a response speaks for all of the type before it, too: Envoy handles them in order.
func (s *session) answer(t resource.Type, nonce uint64, message string) {
	sub := s.sub(t)
	i := slices.IndexFunc(sub.inflight, func(r *response) bool { return r.nonce == nonce })
	if i < 0 {
		return
	}
	answered := sub.inflight[:i+1]
	sub.inflight = slices.Clone(sub.inflight[i+1:])
	sub.through = max(sub.through, answered[i].through)
	s.heard = max(s.heard, answered[i].sent)
	for k, r := range answered {
		s.acquit(r)
		if k == i && message != "" {
			s.refuse(r, message)
		} else {
			s.accept(r)
		}
		s.endRetries(r, k == i && message != "")
		s.land(r)
	}
}

func (s *session) accept(r *response) {
	sub := s.sub(r.kind)
	if r.kind == resource.Cluster {
		s.beSure()
	}
	for _, c := range r.items {
		h, ok := s.held(r.kind, c.id)
		if !ok || r.isAdrift(c) {
			continue // unsubscribed meanwhile
		}
		if h.unknown != "" {
			h.unknown = ""
			s.learned(r.kind)
		}
		if h.acked == nil && c != s.view(r.kind, c.id) {
			sub.touch(c.id) // what was not tried because of that can be now
		}
		s.repeatAll(r, h.acked, c)
		h.acked, h.maybe = c, nil
		s.setHeld(r.kind, c.id, h)
		s.forgive(r.kind, c)
		s.forgetGood(r.kind, c)
		s.accepted(r, c)
	}
	for _, name := range r.removed {
		id := s.store.names.find(name)
		if h, ok := s.held(r.kind, id); ok && h.removing {
			s.forget(r.kind, id)
			if s.view(r.kind, id) != nil {
				sub.touch(id)
			}
		}
	}
}
