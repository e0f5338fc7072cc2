package xds

import (
	"context"
	"maps"
	"time"
)

// SetFleets says which fleets there are, "default" included if it shall be. Without a call,
// every fleet is let in. It takes effect with the next Apply, also of nothing: before it the
// streams of fleets that are gone are ended, so that their Envoys keep what they have rather
// than being told that all of it is gone; after it Envoys of new fleets are let in, when there
// is something for them.
func (s *Server) SetFleets(names []string) { s.guard.setFleets(names) }

// RefusedClients gives the clients that were refused in the last ten minutes and have not got
// in since, sorted by node id.
func (s *Server) RefusedClients() []RefusedClient { return s.guard.refused.list(forgetTime) }

// Traffic is what the limits are about.
type Traffic struct {
	Clients, Streams, Handshakes int
	// Expired is how many streams are of Envoys whose certificate has expired since they
	// connected. They stay until their connection ends, and then need a new one.
	Expired int
	// Slowed is how many messages had to wait for Limits.RequestRate.
	Slowed uint64
	// Refused is how often clients were refused.
	Refused map[RefusedFor]uint64
	Limits  Limits
}

// Traffic says how near to the limits the clients are.
func (s *Server) Traffic() Traffic {
	g := s.guard
	t := Traffic{Limits: g.limits, Handshakes: int(g.handshakes.Load())}
	g.mu.Lock()
	t.Clients, t.Streams, t.Slowed = len(g.clients), len(g.streams), g.slowed
	now := s.now()
	for stream := range g.streams {
		if e := stream.certified.expires; !e.IsZero() && e.Before(now) {
			t.Expired++
		}
	}
	g.mu.Unlock()
	g.refused.mu.Lock()
	t.Refused = maps.Clone(g.refused.counts)
	g.refused.mu.Unlock()
	return t
}

// Certificate says which name in its certificate makes an Envoy what it says that it is, and
// until when; empty for one that is believed.
type Certificate struct {
	Name    string
	Expires time.Time
}

// certificateOf gives that of the client of a stream.
func certificateOf(ctx context.Context) Certificate {
	s, ok := ctx.Value(guardedKey{}).(*guarded)
	if !ok {
		return Certificate{}
	}
	for _, id := range s.certified.is {
		if id.allows(s.node) {
			return Certificate{id.name, s.certified.expires}
		}
	}
	return Certificate{Expires: s.certified.expires}
}
