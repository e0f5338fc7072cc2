package xds

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// fixture is a server at a loopback port, with a clock that can be put forward.
type fixture struct {
	*testing.T
	server *Server
	conn   *grpc.ClientConn
	addr   string
	ahead  atomic.Int64 // nanoseconds
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureWith(t, 1000*time.Hour) // tests put the clock forward while something is not answered
}

// newFixtureWith is newFixture with a time that clients have for their answers.
func newFixtureWith(t *testing.T, answerTimeout time.Duration) *fixture {
	t.Helper()
	limits := DefaultLimits()
	limits.AnswerTimeout = answerTimeout
	f := &fixture{T: t, server: NewServer(slog.New(slog.DiscardHandler), WithLimits(limits))}
	f.server.now = func() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(f.server.Options()...)
	f.server.Register(g)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	f.addr = l.Addr().String()
	if f.conn, err = grpc.NewClient(f.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.conn.Close() })
	return f
}

// apply takes in entries as one change set.
func (f *fixture) apply(entries ...resource.Entry) {
	slices.SortFunc(entries, func(a, b resource.Entry) int { return a.Key.Compare(b.Key) })
	f.server.Apply(resource.ChangeSet{Entries: entries})
}

// pass puts the clock forward, and has the sessions look at it.
func (f *fixture) pass(d time.Duration) {
	f.ahead.Add(int64(d))
	for _, c := range f.server.connected() {
		c.session.inbox.ring()
	}
}

// eventually waits until check is true.
func (f *fixture) eventually(what string, check func() bool) {
	f.Helper()
	for end := time.Now().Add(patience); !check(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("%s does not come true; the fleet is %+v", what, f.server.Fleet())
		}
	}
}

// envoy gives the status of the only Envoy.
func (f *fixture) envoy() EnvoyStatus {
	f.Helper()
	all := f.server.Fleet()
	if len(all) != 1 {
		f.Fatalf("there are %d Envoys, want 1: %+v", len(all), all)
	}
	return all[0]
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	f.Cleanup(cancel)
	return ctx
}

var fleetF = resource.OfFleet("f")

func key(t resource.Type, name string) resource.Key {
	k := resource.Key{Type: t, Name: name, Audience: fleetF}
	if t == resource.Endpoint {
		k.Audience = resource.Everyone
	}
	return k
}

func hostKey(scope, part string) resource.Key {
	k := key(resource.Scope, scope)
	k.Part = part
	return k
}

func entry(k resource.Key, m proto.Message, o resource.Output) resource.Entry {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	o.Bytes = b
	return resource.Entry{Key: k, Output: &o}
}

func gone(k resource.Key) resource.Entry { return resource.Entry{Key: k} }

// cluster is a cluster with endpoints of its own name; what differs is in its alternative name.
func cluster(name, revision string) resource.Entry {
	return entry(key(resource.Cluster, name), &clusterv3.Cluster{Name: name, AltStatName: revision}, resource.Output{
		Fetches: []resource.Ref{{Type: resource.Endpoint, Name: name}},
		Sources: []api.Key{{Kind: api.KindService, Namespace: "shop", Name: name}},
	})
}

func checkedCluster(name string) resource.Entry {
	e := cluster(name, "")
	e.Output.HealthChecked = true
	return e
}

func drainingCluster(name string, drain time.Duration) resource.Entry {
	e := cluster(name, "")
	e.Output.Drain = drain
	return e
}

func endpoints(name, revision string) resource.Entry {
	return entry(key(resource.Endpoint, name), &endpointv3.ClusterLoadAssignment{
		ClusterName: name,
		Endpoints:   []*endpointv3.LocalityLbEndpoints{{Priority: uint32(len(revision))}},
	}, resource.Output{})
}

func secret(name, revision string) resource.Entry {
	return entry(key(resource.Secret, name), &tlsv3.Secret{
		Name: name,
		Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: &corev3.DataSource{
			Specifier: &corev3.DataSource_InlineString{InlineString: revision},
		}}},
	}, resource.Output{})
}

func listener(name string, fetches ...resource.Ref) resource.Entry {
	return entry(key(resource.Listener, name), &listenerv3.Listener{Name: name}, resource.Output{Fetches: fetches})
}

func scope(name string) resource.Entry {
	return entry(key(resource.Scope, name), &routev3.ScopedRouteConfiguration{Name: name}, resource.Output{})
}

// host is a virtual host in a scope, with its revision as domain. Until the clusters are warm
// its domain is "503".
func host(scope, part, revision string, clusters ...string) resource.Entry {
	of := func(domain string) *routev3.ScopedRouteConfiguration {
		return &routev3.ScopedRouteConfiguration{RouteConfiguration: &routev3.RouteConfiguration{
			VirtualHosts: []*routev3.VirtualHost{{Name: part, Domains: []string{domain}}},
		}}
	}
	e := entry(hostKey(scope, part), of(revision), resource.Output{
		Sources: []api.Key{{Kind: api.KindService, Namespace: "shop", Name: part}},
	})
	e.Output.Fallback = entry(resource.Key{}, of("503"), resource.Output{}).Output.Bytes
	for _, c := range clusters {
		e.Output.Clusters = append(e.Output.Clusters, resource.ClusterRef{Name: c})
	}
	return e
}

// healthy has a host wait for clusters that pass their checks.
func healthy(e resource.Entry) resource.Entry {
	for i := range e.Output.Clusters {
		e.Output.Clusters[i].Healthy = true
	}
	return e
}
