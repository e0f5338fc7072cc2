package xds

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
)

// deltaClient speaks the incremental protocol, and answers when the test says so.
type deltaClient struct {
	f         *fixture
	stream    discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	responses chan *discoveryv3.DeltaDiscoveryResponse
	node      *corev3.Node
	pings     int
	leave     func()
}

func (f *fixture) connect(id string) *deltaClient {
	f.Helper()
	return f.connectAs(&corev3.Node{Id: id, Cluster: "f"})
}

func (f *fixture) connectAs(node *corev3.Node) *deltaClient {
	f.Helper()
	ctx, cancel := context.WithCancel(f.context())
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(f.conn).DeltaAggregatedResources(ctx)
	if err != nil {
		f.Fatal(err)
	}
	c := &deltaClient{f: f, stream: stream, node: node, responses: make(chan *discoveryv3.DeltaDiscoveryResponse, 1000)}
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
	c.leave = func() {
		cancel()
		for range c.responses { // until the stream is over
		}
	}
	return c
}

func (c *deltaClient) send(r *discoveryv3.DeltaDiscoveryRequest) {
	c.f.Helper()
	r.Node, c.node = c.node, nil // with the first request only, as Envoy does
	if err := c.stream.Send(r); err != nil {
		c.f.Fatal(err)
	}
}

// asks subscribes: to everything without names.
func (c *deltaClient) asks(t resource.Type, names ...string) {
	c.f.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: t.URL(), ResourceNamesSubscribe: names})
}

// returns subscribes with what the client has from an earlier stream.
func (c *deltaClient) returns(t resource.Type, versions map[string]string, names ...string) {
	c.f.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: t.URL(), ResourceNamesSubscribe: names, InitialResourceVersions: versions,
	})
}

func (c *deltaClient) drops(t resource.Type, names ...string) {
	c.f.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: t.URL(), ResourceNamesUnsubscribe: names})
}

// gets waits for the next response, which must be of the type and be about exactly these
// resources; those that are removed are written with a minus sign.
func (c *deltaClient) gets(t resource.Type, names ...string) *discoveryv3.DeltaDiscoveryResponse {
	c.f.Helper()
	select {
	case r, ok := <-c.responses:
		if !ok {
			c.f.Fatalf("the stream has ended; want %s %v", t, names)
		}
		var got []string
		for _, res := range r.Resources {
			got = append(got, res.Name)
			if res.Resource.GetTypeUrl() != t.URL() || res.Version == "" {
				c.f.Fatalf("%s has type %s and version %q", res.Name, res.Resource.GetTypeUrl(), res.Version)
			}
		}
		for _, name := range r.RemovedResources {
			got = append(got, "-"+name)
		}
		if r.TypeUrl != t.URL() || !slices.Equal(got, names) {
			c.f.Fatalf("got %s %v, want %s %v", r.TypeUrl, got, t, names)
		}
		return r
	case <-time.After(patience):
		c.f.Fatalf("nothing came; want %s %v; the fleet is %+v", t, names, c.f.server.Fleet())
	}
	return nil
}

func (c *deltaClient) acks(r *discoveryv3.DeltaDiscoveryResponse) {
	c.f.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
}

// takes waits for a response and acknowledges it.
func (c *deltaClient) takes(t resource.Type, names ...string) *discoveryv3.DeltaDiscoveryResponse {
	c.f.Helper()
	r := c.gets(t, names...)
	c.acks(r)
	return r
}

func (c *deltaClient) refuses(r *discoveryv3.DeltaDiscoveryResponse, message string) {
	c.f.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce, ErrorDetail: &status.Status{Code: 3, Message: message},
	})
}

// hearsNothing checks that there is nothing to say: the next answers are those to two
// questions that are asked now. Two, since a response of a later type comes after the first.
func (c *deltaClient) hearsNothing() {
	c.f.Helper()
	for range 2 {
		c.pings++
		name := fmt.Sprint("ping ", c.pings)
		c.asks(resource.Secret, name)
		c.takes(resource.Secret, "-"+name)
	}
}

// versions gives what a client says when it comes back.
func versions(rs ...*discoveryv3.DeltaDiscoveryResponse) map[string]string {
	all := map[string]string{}
	for _, r := range rs {
		for _, res := range r.Resources {
			all[res.Name] = res.Version
		}
	}
	return all
}

// hosts gives the virtual hosts of a scope in a response, as part=revision.
func (c *deltaClient) hosts(r *discoveryv3.DeltaDiscoveryResponse, scope string) string {
	c.f.Helper()
	for _, res := range r.Resources {
		if res.Name != scope {
			continue
		}
		m := &routev3.ScopedRouteConfiguration{}
		if err := proto.Unmarshal(res.Resource.Value, m); err != nil {
			c.f.Fatal(err)
		}
		if m.Name != scope {
			c.f.Fatalf("the scope in the message is %q, want %q", m.Name, scope)
		}
		return hostsOf(m)
	}
	c.f.Fatalf("scope %s is not in %v", scope, r)
	return ""
}

func hostsOf(m *routev3.ScopedRouteConfiguration) string {
	var all []string
	for _, h := range m.GetRouteConfiguration().GetVirtualHosts() {
		all = append(all, h.Name+"="+h.Domains[0])
	}
	return strings.Join(all, " ")
}

// has checks the virtual hosts of a scope in a response.
func (c *deltaClient) has(r *discoveryv3.DeltaDiscoveryResponse, scope, want string) {
	c.f.Helper()
	if got := c.hosts(r, scope); got != want {
		c.f.Fatalf("scope %s has %q, want %q", scope, got, want)
	}
}

// starts connects as Envoy does, and takes clusters with their endpoints, which are in the
// store already.
func (f *fixture) starts(clusters ...string) *deltaClient {
	f.Helper()
	c := f.connect("e")
	c.asks(resource.Cluster)
	first := c.gets(resource.Cluster, clusters...)
	if len(clusters) > 0 {
		c.asks(resource.Endpoint, clusters...)
		c.takes(resource.Endpoint, clusters...)
	}
	c.acks(first)
	return c
}
