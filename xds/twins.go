package xds

import (
	"context"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc/peer"
)

// Two open streams with the same node id are two Envoys that were given the same id by mistake,
// or one Envoy that came back before its lost connection was noticed. It is the former once both
// have said something since, or when a lost connection would have been noticed. What the elder
// says within twinDelay may have been on its way.

// twinPatience is how long it takes at most until a lost connection is noticed: see Options.
const twinPatience = 45 * time.Second

const twinDelay = time.Second

// twins gives the node ids that several Envoys have.
func (s *Server) twins(now time.Time) map[string]bool {
	var twins map[string]bool
	youngest := map[string]*conn{}
	for _, c := range s.connected() {
		if c.only != nil || c.session.node.Proxyless() {
			continue // it has many streams
		}
		id := c.session.node.ID
		other := youngest[id]
		youngest[id] = c
		if other == nil {
			continue
		}
		older, younger := other, c
		if younger.since.Before(older.since) {
			older, younger = younger, older
			youngest[id] = younger
		}
		if older.lastHeard().After(younger.since.Add(twinDelay)) || now.Sub(younger.since) > twinPatience {
			if twins == nil {
				twins = map[string]bool{}
			}
			twins[id] = true
		}
	}
	return twins
}

// Twins gives the ids that several connected Envoys have, sorted, and where each connects from.
func (s *Server) Twins() (ids []string, peers map[string][]string) {
	twins := s.twins(s.now())
	if len(twins) == 0 {
		return nil, nil
	}
	peers = map[string][]string{}
	for _, c := range s.connected() {
		if id := c.session.node.ID; twins[id] {
			peers[id] = append(peers[id], c.peer)
		}
	}
	return slices.Sorted(maps.Keys(twins)), peers
}

// meetTwin notes that a stream has begun while others of the same node id are open. The caller
// holds the server's lock.
func (s *Server) meetTwin(c *conn) {
	met := false
	for other := range s.conns {
		if other == c || c.only != nil || other.only != nil || c.session.node.Proxyless() || other.session.node.ID != c.session.node.ID {
			continue
		}
		met = true
		other.mu.Lock()
		other.watched = c.since
		other.mu.Unlock()
	}
	if met {
		time.AfterFunc(twinPatience+time.Second, s.observed.refused)
	}
}

// hear notes that a stream's client has said something. The caller holds the conn's lock.
func (s *Server) hear(c *conn) {
	c.heard = s.now()
	if !c.watched.IsZero() && c.heard.After(c.watched.Add(twinDelay)) {
		c.watched = time.Time{}
		s.observed.refused()
	}
}

func (c *conn) lastHeard() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

// sessionsOf gives the sessions that a message of another service comes from: the same
// connection's if that can be told, else all of the node id.
func (s *Server) sessionsOf(id, peer string) []*session {
	var of []*session
	for _, c := range s.connsOf(id, peer) {
		of = append(of, c.session)
	}
	return of
}

// connsOf are the streams of these sessions.
func (s *Server) connsOf(id, peer string) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var of, same []*conn
	for c := range s.conns {
		if c.session.node.ID != id {
			continue
		}
		of = append(of, c)
		if c.peer == peer {
			same = append(same, c)
		}
	}
	if len(same) > 0 {
		return same
	}
	return of
}

// peerOf is the address that a stream comes from; several Unix sockets have the same.
func peerOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	if p.Addr.Network() == "unix" {
		return "unix socket"
	}
	return p.Addr.String()
}

// known gives the open streams, and of each Envoy that is gone the last, if that ended a short
// while ago.
func (s *Server) known(now time.Time) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetGone(now)
	return slices.AppendSeq(slices.Collect(maps.Keys(s.conns)), maps.Values(s.gone))
}
