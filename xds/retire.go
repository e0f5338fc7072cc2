package xds

import (
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// settleTime is how long an Envoy that came with resources of an earlier stream has to ask
// for all types again, before any cluster is taken away from it.
const settleTime = 5 * time.Second

// mayRemove says whether a resource that the store does not have any more may be taken away
// from this Envoy now. If not yet, it is looked at again when the time has come.
func (s *session) mayRemove(t resource.Type, id uint32) bool {
	switch t {
	case resource.Listener, resource.Scope, resource.VirtualHost:
		return true
	case resource.Cluster:
	default:
		// Envoy drops what it fetched by itself when it has no use for it any more.
		return false
	}
	if s.isNamed(id) || s.unknown > 0 {
		s.retiring.remove(id)
		return false // name and learned look at it again
	}
	at, known := s.retiring.get(id)
	if !known {
		at = s.now().Add(s.drainTime(id))
		if s.alone {
			at = at.Add(settleTime) // its routes are on another stream, and may have to move first
		}
		if at.Before(s.settled) {
			at = s.settled
		}
		s.retiring.put(id, at)
	}
	return !s.now().Before(at)
}

// drainTime is how long a cluster is kept when nothing names it any more. Of one that the Envoy
// has brought along in a version that is not known here, it is not known either.
func (s *session) drainTime(cluster uint32) time.Duration {
	if h, _ := s.held(resource.Cluster, cluster); h.sent != nil {
		return h.sent.head.output.Drain
	}
	return settleTime
}

// wake is when the session has to be looked at again without anything happening; the zero
// time means never.
func (s *session) wake() time.Time {
	var first time.Time
	earlier := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	for _, at := range s.retiring.m {
		earlier(at)
	}
	for _, r := range s.replaced.m {
		earlier(r.ends())
	}
	if at := s.nextRetry(); !at.IsZero() {
		earlier(at)
	}
	if !s.stillWarming.IsZero() {
		earlier(s.stillWarming)
	}
	if !s.patience.IsZero() {
		earlier(s.patience)
	}
	return first
}

// unanswered is since when the Envoy owes an answer; the zero time means that it owes none. It
// does not owe those of clusters, which it withholds for as long as any cluster warms, nor those
// of a type that it does not ask for any more.
func (s *session) unanswered() time.Time {
	var first time.Time
	for t, sub := range s.subs {
		if resource.Type(t) == resource.Cluster || sub == nil || len(sub.inflight) == 0 || !sub.wildcard && sub.names.n == 0 {
			continue
		}
		if at := sub.inflight[0].at; first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// retire has clusters whose drain time has passed looked at again.
func (s *session) retire() {
	now := s.now()
	for id, at := range s.retiring.m {
		if !now.Before(at) {
			s.sub(resource.Cluster).touch(id)
		}
	}
}
