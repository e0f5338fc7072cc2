package xds

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	"google.golang.org/grpc"

	"github.com/gateway-cp/gateway-cp/resource"
)

// forgetTime is how long an Envoy that has disconnected is remembered.
const forgetTime = 10 * time.Minute

// Server serves the fleet. It is safe for concurrent use.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	loadv3.UnimplementedLoadReportingServiceServer
	metricsv3.UnimplementedMetricsServiceServer

	// Answered, when set, is called with how long it took from a change until an Envoy of the
	// fleet had answered it. Set it before the first Envoy connects; it must not block.
	Answered func(fleet string, took time.Duration)

	log        *slog.Logger
	now        func() time.Time
	store      *store
	identifier string // who we are: see WithIdentifier
	closing    chan struct{}
	close      func()

	mu    sync.Mutex
	conns map[*conn]struct{}
	gone  map[string]*conn // by keyOf: the last stream of those without an open one

	observed observed
	load     load
	measures measures
	guard    *guard
}

// Option is a setting of a Server.
type Option func(*Server)

// WithLimits sets limits other than DefaultLimits.
func WithLimits(l Limits) Option { return func(s *Server) { s.guard.limits = l } }

// WithIdentity sets where certificates carry who an Envoy is; without it: AnyCertificate.
func WithIdentity(r IdentityRule) Option { return func(s *Server) { s.guard.identity = r } }

// WithIdentifier sets who the control plane says it is in every response, so that an Envoy shows
// which replica it is connected to; without it: gateway-cp.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/base.proto#config-core-v3-controlplane
func WithIdentifier(name string) Option { return func(s *Server) { s.identifier = name } }

// NewServer returns a server without resources. It serves Envoys of every fleet (node.cluster),
// until SetFleets says which there are. Without a log (nil) it says nothing.
func NewServer(log *slog.Logger, options ...Option) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		log:        log,
		now:        time.Now,
		store:      newStore(),
		identifier: "gateway-cp",
		closing:    make(chan struct{}),
		conns:      map[*conn]struct{}{},
		gone:       map[string]*conn{},
		observed:   newObserved(),
		load:       newLoad(),
		measures:   newMeasures(),
	}
	s.store.good.log = log
	s.close = sync.OnceFunc(func() { close(s.closing) })
	s.guard = newGuard(log, func() time.Time { return s.now() }, s.observed.refused)
	for _, o := range options {
		o(s)
	}
	return s
}

// Options are the gRPC server options that Register's server must have.
func (s *Server) Options() []grpc.ServerOption {
	return append(s.guard.limits.options(),
		grpc.ForceServerCodecV2(newCodec()),
		// A thousand connections that are nearly always silent need no read buffers of 32 KiB each.
		grpc.ReadBufferSize(4<<10),
		// Windows that grow would let each of a thousand Envoys that come back at once lay down
		// all that it has to say, long before its turn comes. Its reports need not wait behind that.
		grpc.InitialWindowSize(64<<10), grpc.InitialConnWindowSize(256<<10),
		grpc.StreamInterceptor(s.guard.intercept),
	)
}

// Register adds the services: ADS, one for each type of resource, load reporting and metrics.
func (s *Server) Register(g grpc.ServiceRegistrar) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(g, s)
	s.registerSeparate(g)
	loadv3.RegisterLoadReportingServiceServer(g, s)
	metricsv3.RegisterMetricsServiceServer(g, s)
}

// Close ends all streams. Envoys keep what they have, and come back.
func (s *Server) Close() { s.close() }

// Apply takes in a change set and tells the Envoys that it concerns. It returns the number of
// the change set: see EnvoyStatus.Applied. Of entries with the same key the last one counts.
func (s *Server) Apply(set resource.ChangeSet) uint64 {
	set = set.Sorted()
	s.guard.closeFleets()
	defer s.guard.openFleets()
	if len(set.Entries) == 0 {
		return s.store.current()
	}
	number := s.store.apply(set, s.now())
	s.store.good.prune(set, s.store.hasPart)
	return number
}

// DeltaAggregatedResources serves one Envoy incrementally.
func (s *Server) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return s.serve(stream, delta{}, nil)
}

// StreamAggregatedResources serves one client with the state of the world.
func (s *Server) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return s.serve(stream, sotw{}, nil)
}

func (s *Server) join(c *conn, node Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var earlier *session
	if before := s.gone[c.keyOf(node.ID)]; before != nil {
		earlier = before.session
		delete(s.gone, c.keyOf(node.ID))
	}
	c.session = newSession(s.store, node, s.now, earlier)
	c.session.warmed = s.observed.add
	c.session.refusalsChanged = s.observed.refused
	if s.Answered != nil {
		c.session.answered = func(took time.Duration) { s.Answered(node.Fleet, took) }
	}
	_, c.session.stateOfWorld = c.protocol.(sotw)
	c.session.alone = c.only != nil
	s.conns[c] = struct{}{}
	s.meetTwin(c)
	s.observed.all()
	s.log.Info("envoy connected", "envoy", node.ID, "fleet", node.Fleet, "from", c.peer, "version", node.Version)
}

func (s *Server) leave(c *conn) {
	if c.session == nil {
		return
	}
	c.mu.Lock()
	c.ended = s.now()
	id := c.session.node.ID
	c.mu.Unlock()
	s.mu.Lock()
	delete(s.conns, c)
	open, key := false, c.keyOf(id)
	for other := range s.conns {
		open = open || other.keyOf(other.session.node.ID) == key
	}
	if open {
		s.store.dismiss(c.session)
	} else {
		s.gone[key] = c
	}
	s.forgetGone(s.now())
	s.mu.Unlock()
	s.observed.all()
	if open {
		s.log.Info("one of several streams with the same node id has ended", "envoy", id, "from", c.peer)
		return
	}
	s.log.Info("envoy disconnected", "envoy", id, "from", c.peer)
}

// forgetGone forgets Envoys that have been gone for long, and then the one that has been gone
// longest if they are more than may be connected at once: a client may make up ids. The caller
// holds the server's lock.
func (s *Server) forgetGone(now time.Time) {
	oldest, at := "", now
	for id, c := range s.gone {
		switch ended := c.endedAt(); {
		case ended.Before(now.Add(-forgetTime)):
			s.forgetEnvoy(id)
		case !ended.After(at):
			oldest, at = id, ended
		}
	}
	if len(s.gone) > cmp.Or(s.guard.limits.Clients, DefaultLimits().Clients) {
		s.forgetEnvoy(oldest)
	}
}

func (s *Server) forgetEnvoy(id string) {
	s.store.dismiss(s.gone[id].session)
	delete(s.gone, id)
}

// endedAt is when the stream ended.
func (c *conn) endedAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// nodeOf reads who an Envoy says it is. An Envoy without a cluster is of the fleet "default".
func nodeOf(n *corev3.Node) Node {
	version := n.GetUserAgentName()
	if b := n.GetUserAgentBuildVersion().GetVersion(); b != nil {
		version += " " + itoa(b.MajorNumber) + "." + itoa(b.MinorNumber) + "." + itoa(b.Patch)
	} else if v := n.GetUserAgentVersion(); v != "" {
		version += " " + v
	}
	return Node{
		ID:      n.GetId(),
		Fleet:   cmp.Or(n.GetCluster(), "default"),
		Zone:    n.GetLocality().GetZone(),
		Name:    n.GetMetadata().GetFields()["node"].GetStringValue(),
		Version: version,
	}
}

// connected returns the open streams, ordered by node id.
func (s *Server) connected() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.conns), func(a, b *conn) int {
		return cmp.Compare(a.session.node.ID, b.session.node.ID)
	})
}
