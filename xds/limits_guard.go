package xds

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
)

// guard stands between gRPC and the services. It lets in clients that may be who they say
// they are, keeps them to the limits, and ends the streams of fleets that are gone.
type guard struct {
	limits   Limits
	identity IdentityRule
	refused  *refusedClients

	handshakes atomic.Int64 // that are going on

	mu      sync.Mutex
	clients map[any]*client // see clientKey
	streams map[*guarded]struct{}
	// fleets are those that exist; nil: all do. next are those that will once the next change
	// set has been applied.
	fleets, next map[string]struct{}
	slowed       uint64 // messages that had to wait
}

// guardedKey is where a stream's context has its guarded.
type guardedKey struct{}

// client is what has one certificate that names a node, else what has one connection.
type client struct{ streams int }

func newGuard(log *slog.Logger, now func() time.Time, changed func()) *guard {
	return &guard{
		limits: DefaultLimits(), identity: AnyCertificate(), refused: newRefusedClients(log, now, changed),
		clients: map[any]*client{}, streams: map[*guarded]struct{}{},
	}
}

// intercept is a grpc.StreamServerInterceptor.
func (g *guard) intercept(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	s := newGuarded(g, stream, cancel)
	s.ctx = context.WithValue(ctx, guardedKey{}, s)
	leave, err := g.enter(s)
	if err != nil {
		return s.end(err)
	}
	defer leave()
	return s.end(handler(srv, s))
}

// enter counts a stream of a client, or refuses it.
func (g *guard) enter(s *guarded) (leave func(), err error) {
	key := s.clientKey()
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.clients[key]
	switch {
	case c == nil && g.limits.Clients > 0 && len(g.clients) >= g.limits.Clients:
		return nil, &refusalStatus{ForClients, codes.ResourceExhausted,
			fmt.Sprintf("%d clients are connected, as many as are served (--xds-max-clients)", len(g.clients))}
	case c == nil:
		c = &client{}
		g.clients[key] = c
	case g.limits.StreamsPerClient > 0 && c.streams >= g.limits.StreamsPerClient:
		return nil, &refusalStatus{ForStreams, codes.ResourceExhausted,
			fmt.Sprintf("the client has %d streams open, as many as one may have (--xds-max-streams)", c.streams)}
	}
	c.streams++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.streams, s)
		if c.streams--; c.streams == 0 {
			delete(g.clients, key)
		}
	}, nil
}

// admit lets a stream in that says who it is, or says why not. From then on it is ended when
// its fleet goes.
func (g *guard) admit(s *guarded, n Node) error {
	if err := g.identity.checkClaim(n, s.certified); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.hasFleet(n.Fleet) {
		return unknownFleet(n.Fleet)
	}
	g.streams[s] = struct{}{}
	return nil
}

func (g *guard) hasFleet(name string) bool {
	if g.fleets == nil {
		return true
	}
	_, ok := g.fleets[name]
	return ok
}

// setFleets says which fleets there are after the next change set.
func (g *guard) setFleets(names []string) {
	next := make(map[string]struct{}, len(names))
	for _, n := range names {
		next[n] = struct{}{}
	}
	g.mu.Lock()
	g.next = next
	g.mu.Unlock()
}

// closeFleets ends the streams of fleets that there are no longer, before the removal of their
// resources could reach them. Nothing can be sent on them from here on.
func (g *guard) closeFleets() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next == nil || g.fleets == nil {
		return
	}
	for name := range g.fleets {
		if _, stays := g.next[name]; !stays {
			delete(g.fleets, name)
		}
	}
	for s := range g.streams {
		if !g.hasFleet(s.node.Fleet) {
			s.cancel(unknownFleet(s.node.Fleet))
		}
	}
}

// openFleets lets Envoys of new fleets in, now that there is something for them.
func (g *guard) openFleets() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next != nil {
		g.fleets, g.next = g.next, nil
	}
}

// addressOf is where the client of a stream is.
func addressOf(ctx context.Context) net.Addr {
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr
	}
	return nil
}
