package xds

import (
	"slices"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gateway-cp/gateway-cp/resource"
)

// sotwClient speaks the state-of-the-world protocol.
type sotwClient struct {
	f         *fixture
	stream    discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	responses chan *discoveryv3.DiscoveryResponse
	node      *corev3.Node
	names     map[resource.Type][]string
	version   map[resource.Type]string
}

func (f *fixture) connectSOTW(id string) *sotwClient {
	f.Helper()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(f.conn).StreamAggregatedResources(f.context())
	if err != nil {
		f.Fatal(err)
	}
	c := &sotwClient{
		f: f, stream: stream, node: &corev3.Node{Id: id, Cluster: "f"}, responses: make(chan *discoveryv3.DiscoveryResponse, 100),
		names: map[resource.Type][]string{}, version: map[resource.Type]string{},
	}
	go func() {
		defer close(c.responses)
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			c.responses <- r
		}
	}()
	return c
}

func (c *sotwClient) send(r *discoveryv3.DiscoveryRequest) {
	c.f.Helper()
	r.Node, c.node = c.node, nil
	if err := c.stream.Send(r); err != nil {
		c.f.Fatal(err)
	}
}

// asks subscribes to exactly these names of a type, in place of those before.
func (c *sotwClient) asks(t resource.Type, names ...string) {
	c.f.Helper()
	c.names[t] = names
	c.send(&discoveryv3.DiscoveryRequest{TypeUrl: t.URL(), ResourceNames: names, VersionInfo: c.version[t]})
}

func (c *sotwClient) gets(t resource.Type, names ...string) *discoveryv3.DiscoveryResponse {
	c.f.Helper()
	select {
	case r, ok := <-c.responses:
		if !ok {
			c.f.Fatalf("the stream has ended; want %s %v", t, names)
		}
		var got []string
		for _, a := range r.Resources {
			got = append(got, nameIn(c.f, a))
		}
		if r.TypeUrl != t.URL() || !slices.Equal(got, names) || r.VersionInfo == "" {
			c.f.Fatalf("got %s %v version %q, want %s %v", r.TypeUrl, got, r.VersionInfo, t, names)
		}
		return r
	case <-time.After(patience):
		c.f.Fatalf("nothing came; want %s %v", t, names)
	}
	return nil
}

func nameIn(f *fixture, a *anypb.Any) string {
	f.Helper()
	m, err := a.UnmarshalNew()
	if err != nil {
		f.Fatal(err)
	}
	switch m := m.(type) {
	case *clusterv3.Cluster:
		return m.Name
	case *endpointv3.ClusterLoadAssignment:
		return m.ClusterName
	case *listenerv3.Listener:
		return m.Name
	case *routev3.ScopedRouteConfiguration:
		return m.Name + ": " + hostsOf(m)
	}
	f.Fatalf("%T", m)
	return ""
}

func (c *sotwClient) takes(t resource.Type, names ...string) *discoveryv3.DiscoveryResponse {
	c.f.Helper()
	r := c.gets(t, names...)
	c.version[t] = r.VersionInfo
	c.send(&discoveryv3.DiscoveryRequest{
		TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce, VersionInfo: r.VersionInfo, ResourceNames: c.names[t],
	})
	return r
}

func (c *sotwClient) refuses(t resource.Type, r *discoveryv3.DiscoveryResponse) {
	c.f.Helper()
	c.send(&discoveryv3.DiscoveryRequest{
		TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce, VersionInfo: c.version[t], ResourceNames: c.names[t],
		ErrorDetail: &status.Status{Message: "refused"},
	})
}

func TestStateOfTheWorld(t *testing.T) {
	f := newFixture(t)
	f.apply(cluster("a", ""), endpoints("a", ""), cluster("b", ""), endpoints("b", ""), scope("web"), host("web", "p", "1", "a"))
	c := f.connectSOTW("e")
	c.asks(resource.Cluster)
	clusters := c.gets(resource.Cluster, "a", "b")
	c.asks(resource.Endpoint, "a", "b")
	c.takes(resource.Endpoint, "a", "b")
	c.send(&discoveryv3.DiscoveryRequest{TypeUrl: clusters.TypeUrl, ResponseNonce: clusters.Nonce, VersionInfo: clusters.VersionInfo})
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web: p=1")

	f.apply(endpoints("b", "2")) // endpoints come alone, clusters all together
	c.takes(resource.Endpoint, "b")
	f.apply(cluster("c", ""), endpoints("c", ""))
	c.takes(resource.Cluster, "a", "b", "c")
	c.asks(resource.Endpoint, "a", "b", "c")
	c.takes(resource.Endpoint, "c")
	f.apply(gone(key(resource.Cluster, "b")))
	c.takes(resource.Cluster, "a", "c")
	c.asks(resource.Endpoint, "a", "c")
	f.apply(host("web", "q", "1", "missing"))
	c.takes(resource.Scope, "web: p=1 q=503")
	f.apply(host("web", "q", "2"), scope("x"))
	c.refuses(resource.Scope, c.gets(resource.Scope, "web: p=1 q=2", "x: "))
	c.takes(resource.Scope, "web: p=1 q=2") // each by itself
	c.takes(resource.Scope, "web: p=1 q=2", "x: ")
	if e := f.envoy(); e.Protocol != "sotw" {
		t.Errorf("%+v", e)
	}
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
}

// After a restart the server knows a version again if nothing has changed, and says nothing
// new; else routes wait until the clusters are warm, rather than falling back to 503.
func TestStateOfTheWorldComesBack(t *testing.T) {
	world := []resource.Entry{cluster("a", ""), endpoints("a", ""), scope("web"), host("web", "p", "1", "a")}
	f := newFixture(t)
	f.apply(world...)
	c := f.connectSOTW("e")
	c.asks(resource.Cluster)
	r := c.gets(resource.Cluster, "a")
	c.asks(resource.Endpoint, "a")
	c.takes(resource.Endpoint, "a")
	c.version[resource.Cluster] = r.VersionInfo
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web: p=1")

	for _, changed := range []bool{false, true} {
		g := newFixture(t)
		g.apply(world...)
		if changed {
			g.apply(cluster("a", "2"), host("web", "p", "2", "a"))
		}
		back := g.connectSOTW("e")
		back.version = map[resource.Type]string{
			resource.Cluster: c.version[resource.Cluster], resource.Endpoint: c.version[resource.Endpoint],
			resource.Scope: c.version[resource.Scope],
		}
		back.asks(resource.Cluster)
		first := back.gets(resource.Cluster, "a") // all of the type, or they would be gone
		back.asks(resource.Endpoint, "a")
		if changed {
			back.asks(resource.Scope)
			back.takes(resource.Endpoint, "a")
			back.send(&discoveryv3.DiscoveryRequest{TypeUrl: first.TypeUrl, ResponseNonce: first.Nonce, VersionInfo: first.VersionInfo})
			back.takes(resource.Scope, "web: p=2")
		} else {
			back.send(&discoveryv3.DiscoveryRequest{TypeUrl: first.TypeUrl, ResponseNonce: first.Nonce, VersionInfo: first.VersionInfo})
			back.asks(resource.Scope)
			back.takes(resource.Scope, "web: p=1")
			if e := g.envoy(); e.Resources != 0 {
				t.Errorf("%d resources", e.Resources)
			}
		}
		g.eventually("in sync", func() bool { return g.envoy().InSync() })
	}
}

// A client that comes back from before the last response says the version that it acknowledged: a
// cluster that went meanwhile stays until its routes have moved on and its drain time has passed.
func TestStateOfTheWorldComesBackFromBeforeTheLastResponse(t *testing.T) {
	f := newFixture(t)
	f.apply(cluster("a", ""), endpoints("a", ""), drainingCluster("b", time.Minute), endpoints("b", ""), scope("web"), host("web", "p", "1", "b"))
	c := f.connectSOTW("e")
	c.asks(resource.Cluster)
	first := c.gets(resource.Cluster, "a", "b")
	c.asks(resource.Endpoint, "a", "b")
	c.takes(resource.Endpoint, "a", "b")
	c.version[resource.Cluster] = first.VersionInfo
	c.send(&discoveryv3.DiscoveryRequest{TypeUrl: first.TypeUrl, ResponseNonce: first.Nonce, VersionInfo: first.VersionInfo})
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web: p=1")
	f.apply(cluster("c", ""), endpoints("c", ""))
	c.gets(resource.Cluster, "a", "b", "c") // and this is lost
	f.must(c.stream.CloseSend())
	f.eventually("gone", func() bool { return !f.envoy().Connected })
	f.apply(gone(key(resource.Cluster, "b")), gone(key(resource.Endpoint, "b")), host("web", "p", "2", "a"))

	back := f.connectSOTW("e")
	back.version = c.version
	back.asks(resource.Cluster)
	again := back.gets(resource.Cluster, "a", "b", "c")
	back.asks(resource.Endpoint, "a", "b", "c")
	back.takes(resource.Endpoint, "c") // the others it has
	back.send(&discoveryv3.DiscoveryRequest{TypeUrl: again.TypeUrl, ResponseNonce: again.Nonce, VersionInfo: again.VersionInfo})
	back.asks(resource.Scope)
	back.takes(resource.Scope, "web: p=2")
	f.pass(2 * time.Minute)
	back.takes(resource.Cluster, "a", "c")
}

// All clusters come in one response, however large: what is not in it would be gone.
func TestStateOfTheWorldIsNotCut(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		f.apply(endpoints(name, ""), cluster(name, string(make([]byte, 900<<10))))
	}
	c := f.connectSOTW("e")
	c.asks(resource.Cluster)
	c.takes(resource.Cluster, "a", "b", "c", "d", "e", "f")

	d := f.connect("d") // incrementally it is cut, for clients in Go take 4 MiB
	d.asks(resource.Cluster)
	d.takes(resource.Cluster, "a", "b", "c", "d")
	d.takes(resource.Cluster, "e", "f")
}
