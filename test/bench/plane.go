package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// gateway is gateway-cp's translation and xDS server.
type gateway struct {
	crowd      crowd
	translator *translator.Translator
	server     *xds.Server
}

func newGateway(c crowd, options ...xds.Option) (*gateway, error) {
	g := &gateway{crowd: c, translator: translator.New(), server: xds.NewServer(slog.New(slog.DiscardHandler), options...)}
	var changes []translator.Change
	for i := range c.services {
		s, err := object(c.service(i))
		if err != nil {
			return nil, err
		}
		e, err := object(c.slice(i, 0))
		if err != nil {
			return nil, err
		}
		changes = append(changes, translator.Change{Key: s.Key, Object: s}, translator.Change{Key: e.Key, Object: e})
	}
	g.server.Apply(g.translator.Apply(changes))
	return g, nil
}

// changed makes the change of a Service's endpoints ready: an object as it comes from a source.
func (g *gateway) changed(service, nth int) ([]translator.Change, error) {
	o, err := object(g.crowd.slice(service, nth))
	if err != nil {
		return nil, err
	}
	return []translator.Change{{Key: o.Key, Object: o}}, nil
}

// apply takes in a change, and fails unless exactly one endpoint assignment is built.
func (g *gateway) apply(changes []translator.Change) error {
	set := g.translator.Apply(changes)
	if n := g.translator.Built(); n != 1 || len(set.Entries) != 1 || set.Entries[0].Key.Type != resource.Endpoint {
		return fmt.Errorf("%s: built %d outputs, of which %d changed; want one endpoint assignment", g.crowd, n, len(set.Entries))
	}
	g.server.Apply(set)
	return nil
}

// assignments are what the translation gives for a crowd, as go-control-plane takes them.
func assignments(g *gateway) (map[string]types.Resource, error) {
	all := map[string]types.Resource{}
	var failed error
	g.translator.Outputs(func(k resource.Key, o *resource.Output) {
		if k.Type != resource.Endpoint {
			return
		}
		m := &endpointv3.ClusterLoadAssignment{}
		if err := proto.Unmarshal(o.Bytes, m); err != nil {
			failed = err
		}
		all[k.Name] = m
	})
	return all, failed
}

// linear is go-control-plane's linear cache: resources of one type, each by itself.
type linear struct {
	crowd crowd
	cache *cachev3.LinearCache
	all   map[string]types.Resource
}

func newLinear(c crowd, all map[string]types.Resource) *linear {
	return &linear{c, cachev3.NewLinearCache(resource.Endpoint.URL(), cachev3.WithInitialResources(all)), all}
}

func (l *linear) change(nth int) error {
	name := l.crowd.cluster(l.crowd.services / 2)
	return l.cache.UpdateResource(name, moved(l.all[name], nth))
}

// snapshot is go-control-plane's snapshot cache: all resources of an Envoy at once.
type snapshot struct {
	crowd crowd
	cache cachev3.SnapshotCache
	all   []types.Resource
	at    int // the one that changes
	sets  int
}

// constant is the hash of every node, so that all share a snapshot.
type constant struct{ cachev3.IDHash }

const everybody = "everybody"

func (constant) ID(*core) string { return everybody }

func newSnapshot(c crowd, all map[string]types.Resource) (*snapshot, error) {
	s := &snapshot{crowd: c, cache: cachev3.NewSnapshotCache(true, constant{}, nil)}
	name := c.cluster(c.services / 2)
	for k, r := range all {
		if k == name {
			s.at = len(s.all)
		}
		s.all = append(s.all, r)
	}
	return s, s.change(0)
}

func (s *snapshot) change(nth int) error {
	s.all[s.at] = moved(s.all[s.at], nth)
	s.sets++
	snap, err := cachev3.NewSnapshot(fmt.Sprint(s.sets), map[string][]types.Resource{resource.Endpoint.URL(): s.all})
	if err != nil {
		return err
	}
	return s.cache.SetSnapshot(context.Background(), everybody, snap)
}

// moved is an assignment with another address for its last endpoint.
func moved(r types.Resource, nth int) types.Resource {
	m := proto.CloneOf(r.(*endpointv3.ClusterLoadAssignment))
	locality := m.Endpoints[len(m.Endpoints)-1]
	last := locality.LbEndpoints[len(locality.LbEndpoints)-1]
	last.GetEndpoint().Address.GetSocketAddress().Address = fmt.Sprintf("10.0.1.%d", 100+nth%100)
	return m
}

// serve serves something on loopback, and connects to it.
func serve(options []grpc.ServerOption, register func(*grpc.Server)) (*grpc.ClientConn, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s := grpc.NewServer(options...)
	register(s)
	go func() { _ = s.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		s.Stop()
		return nil, nil, err
	}
	return conn, func() { _ = conn.Close(); s.Stop() }, nil
}

func registerCache(c cachev3.Cache) func(*grpc.Server) {
	return func(s *grpc.Server) {
		discoveryv3.RegisterAggregatedDiscoveryServiceServer(s, serverv3.NewServer(context.Background(), c, nil))
	}
}
