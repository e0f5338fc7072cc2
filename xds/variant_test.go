package xds

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gateway-cp/gateway-cp/resource"
)

// variant is one of the four variants of the protocol.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#four-variants
type variant struct{ sotw, separate bool }

var allVariants = []variant{{}, {separate: true}, {sotw: true}, {sotw: true, separate: true}}

func (v variant) String() string {
	s := "delta"
	if v.sotw {
		s = "sotw"
	}
	if v.separate {
		return s + ", separate"
	}
	return s + ", aggregated"
}

// methods of the services of one type each: state of the world, and delta.
var methods = map[resource.Type][2]string{
	resource.Cluster:     {"cluster.v3.ClusterDiscoveryService/StreamClusters", "cluster.v3.ClusterDiscoveryService/DeltaClusters"},
	resource.Endpoint:    {"endpoint.v3.EndpointDiscoveryService/StreamEndpoints", "endpoint.v3.EndpointDiscoveryService/DeltaEndpoints"},
	resource.Secret:      {"secret.v3.SecretDiscoveryService/StreamSecrets", "secret.v3.SecretDiscoveryService/DeltaSecrets"},
	resource.Listener:    {"listener.v3.ListenerDiscoveryService/StreamListeners", "listener.v3.ListenerDiscoveryService/DeltaListeners"},
	resource.Scope:       {"route.v3.ScopedRoutesDiscoveryService/StreamScopedRoutes", "route.v3.ScopedRoutesDiscoveryService/DeltaScopedRoutes"},
	resource.Route:       {"route.v3.RouteDiscoveryService/StreamRoutes", "route.v3.RouteDiscoveryService/DeltaRoutes"},
	resource.VirtualHost: {"", "route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts"},
}

func (v variant) method(t resource.Type) string {
	i := 1
	if v.sotw {
		i = 0
	}
	if v.separate {
		return "/envoy.service." + methods[t][i]
	}
	return "/envoy.service.discovery.v3.AggregatedDiscoveryService/" + [2]string{"StreamAggregatedResources", "DeltaAggregatedResources"}[i]
}

// party is a client that speaks a variant, and answers when the test says so.
type party struct {
	*fixture
	variant
	id      string
	streams map[resource.Type]*partyStream // a single one under 0 if they are aggregated
	names   map[resource.Type][]string
	has     map[resource.Type]map[string]string // name → version, as acknowledged
	version map[resource.Type]string
}

type partyStream struct {
	grpc.ClientStream
	node   *corev3.Node
	got    chan *reply
	err    error // why it ended, once got is closed
	cancel func()
}

// reply is a response of either kind.
type reply struct {
	url, nonce, version string
	names               []string // those that were removed with a minus sign
	versions            map[string]string
	messages            map[string]proto.Message // nil: without a body
	aliases             []string
	from                *corev3.ControlPlane
	ttl                 bool
}

func (f *fixture) newParty(v variant, id string) *party {
	return &party{
		fixture: f, variant: v, id: id, streams: map[resource.Type]*partyStream{}, names: map[resource.Type][]string{},
		has: map[resource.Type]map[string]string{}, version: map[resource.Type]string{},
	}
}

func (p *party) stream(t resource.Type) *partyStream {
	p.Helper()
	if !p.separate {
		t = 0
	}
	if s := p.streams[t]; s != nil {
		return s
	}
	ctx, cancel := context.WithCancel(p.context())
	stream, err := p.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, p.method(t))
	p.must(err)
	s := &partyStream{ClientStream: stream, node: &corev3.Node{Id: p.id, Cluster: "f"}, got: make(chan *reply, 1000), cancel: cancel}
	p.streams[t] = s
	go func() {
		defer close(s.got)
		for {
			r, err := p.receive(stream)
			if err != nil {
				s.err = err
				return
			}
			s.got <- r
		}
	}()
	return s
}

func (p *party) receive(stream grpc.ClientStream) (*reply, error) {
	r := &reply{versions: map[string]string{}, messages: map[string]proto.Message{}}
	if p.sotw {
		m := &discoveryv3.DiscoveryResponse{}
		if err := stream.RecvMsg(m); err != nil {
			return nil, err
		}
		r.url, r.nonce, r.version, r.from = m.TypeUrl, m.Nonce, m.VersionInfo, m.ControlPlane
		for _, a := range m.Resources {
			if err := r.add("", a); err != nil {
				return nil, err
			}
		}
		return r, nil
	}
	m := &discoveryv3.DeltaDiscoveryResponse{}
	if err := stream.RecvMsg(m); err != nil {
		return nil, err
	}
	r.url, r.nonce, r.from = m.TypeUrl, m.Nonce, m.ControlPlane
	for _, res := range m.Resources {
		if err := r.add(res.Name, res.Resource); err != nil {
			return nil, err
		}
		r.versions[res.Name] = res.Version
		r.aliases = append(r.aliases, res.Aliases...)
		r.ttl = r.ttl || res.Ttl != nil
	}
	for _, name := range m.RemovedResources {
		r.names = append(r.names, "-"+name)
	}
	return r, nil
}

// add takes in a resource, whose name is in it.
func (r *reply) add(name string, a *anypb.Any) error {
	if a == nil {
		r.names, r.messages[name] = append(r.names, name), nil
		return nil
	}
	m, err := a.UnmarshalNew()
	if err != nil {
		return err
	}
	own := ""
	switch m := m.(type) {
	case interface{ GetName() string }:
		own = m.GetName()
	case interface{ GetClusterName() string }:
		own = m.GetClusterName()
	}
	if a.TypeUrl != r.url || name != "" && own != name {
		return fmt.Errorf("a resource %q of type %s that calls itself %q, in a response of type %s", name, a.TypeUrl, own, r.url)
	}
	r.names, r.messages[own] = append(r.names, own), m
	return nil
}

// saying is what is common to all requests of both kinds.
type saying struct {
	url              string
	add, drop, names []string
	initial          map[string]string
	version, nonce   string
	refusal          string
}

func (p *party) send(t resource.Type, a saying) {
	p.Helper()
	s := p.stream(t)
	node := s.node
	s.node = nil // with the first request only, as Envoy does
	var detail *status.Status
	if a.refusal != "" {
		detail = &status.Status{Code: 3, Message: a.refusal}
	}
	var m proto.Message = &discoveryv3.DeltaDiscoveryRequest{
		Node: node, TypeUrl: a.url, ResourceNamesSubscribe: a.add, ResourceNamesUnsubscribe: a.drop,
		InitialResourceVersions: a.initial, ResponseNonce: a.nonce, ErrorDetail: detail,
	}
	if p.sotw {
		m = &discoveryv3.DiscoveryRequest{
			Node: node, TypeUrl: a.url, ResourceNames: a.names, VersionInfo: a.version, ResponseNonce: a.nonce, ErrorDetail: detail,
		}
	}
	p.must(s.SendMsg(m))
}

// asks subscribes to names, also "*"; without names to all, in the old way.
func (p *party) asks(t resource.Type, names ...string) {
	p.Helper()
	p.names[t] = append(p.names[t], names...)
	p.send(t, saying{url: t.URL(), add: names, names: p.names[t], version: p.version[t]})
}

// drops ends subscriptions.
func (p *party) drops(t resource.Type, names ...string) {
	p.Helper()
	p.names[t] = slices.DeleteFunc(slices.Clone(p.names[t]), func(n string) bool { return slices.Contains(names, n) })
	p.send(t, saying{url: t.URL(), drop: names, names: p.names[t], version: p.version[t]})
}

// gets waits for the next response of a type, which must be about exactly these names.
func (p *party) gets(t resource.Type, names ...string) *reply {
	p.Helper()
	s := p.stream(t)
	select {
	case r, open := <-s.got:
		if !open {
			p.Fatalf("the stream has ended: %v; want %s %v", s.err, t, names)
		}
		if r.url != t.URL() || !slices.Equal(r.names, names) {
			p.Fatalf("got %s %v, want %s %v", r.url, r.names, t, names)
		}
		if r.nonce == "" {
			p.Fatal("a response without a nonce")
		}
		return r
	case <-time.After(patience):
		p.Fatalf("nothing came; want %s %v", t, names)
	}
	return nil
}

// getsIn is gets with names, divided by spaces, that depend on the variant.
func (p *party) getsIn(t resource.Type, delta, sotw string) *reply {
	p.Helper()
	if p.sotw {
		return p.gets(t, strings.Fields(sotw)...)
	}
	return p.gets(t, strings.Fields(delta)...)
}

func (p *party) acks(t resource.Type, r *reply) {
	p.Helper()
	if p.has[t] == nil {
		p.has[t] = map[string]string{}
	}
	for name, v := range r.versions {
		p.has[t][name] = v
	}
	for _, name := range r.names {
		if gone, ok := strings.CutPrefix(name, "-"); ok {
			delete(p.has[t], gone)
		}
	}
	p.version[t] = r.version
	p.send(t, saying{url: r.url, nonce: r.nonce, version: r.version, names: p.names[t]})
}

func (p *party) takes(t resource.Type, names ...string) *reply {
	p.Helper()
	r := p.gets(t, names...)
	p.acks(t, r)
	return r
}

func (p *party) takesIn(t resource.Type, delta, sotw string) *reply {
	p.Helper()
	r := p.getsIn(t, delta, sotw)
	p.acks(t, r)
	return r
}

func (p *party) refuses(t resource.Type, r *reply) {
	p.Helper()
	p.send(t, saying{url: r.url, nonce: r.nonce, version: p.version[t], names: p.names[t], refusal: "refused"})
}

// hearsNothing ends the streams and checks that nothing more came: the server has then handled
// all that was said on them.
func (p *party) hearsNothing() {
	p.Helper()
	for _, s := range p.streams {
		p.must(s.CloseSend())
		for r := range s.got {
			p.Errorf("got %s %v, want nothing more", r.url, r.names)
		}
		if s.err != io.EOF {
			p.Errorf("the stream has ended with %v", s.err)
		}
	}
}

// leaves breaks the connection, and waits until the server has noticed.
func (p *party) leaves() {
	p.Helper()
	for _, s := range p.streams {
		s.cancel()
		for range s.got { // until it is over
		}
	}
	p.eventually("all streams are over", func() bool { return len(p.server.connected()) == 0 })
}

// back is the same client on new streams, with what it had.
func (p *party) back() *party {
	n := p.newParty(p.variant, p.id)
	n.has, n.version = p.has, p.version
	return n
}

// returns subscribes with what the client has from an earlier stream.
func (p *party) returns(t resource.Type, names ...string) {
	p.Helper()
	p.names[t] = names
	p.send(t, saying{url: t.URL(), add: names, names: names, initial: p.has[t], version: p.version[t]})
}

// ends checks with what the stream of a type has ended.
func (p *party) ends(t resource.Type, message string) {
	p.Helper()
	s := p.stream(t)
	for range s.got {
		p.Error("a response")
	}
	if got := grpcstatus.Convert(s.err).Message(); !strings.Contains(got, message) {
		p.Errorf("the stream has ended with %q, want %q", got, message)
	}
}

// refusals are what the server believes that clients refuse.
func (p *party) refusals() []string {
	all := []string{}
	p.server.EachRefusal(func(_ string, r Refusal) { all = append(all, r.Type.String()+" "+r.Name) })
	return all
}

// subscribed waits until the server has heard to what of a type the client subscribes.
func (p *party) subscribed(t resource.Type, all bool, names int) {
	p.Helper()
	p.eventually("the subscription", func() bool {
		return slices.ContainsFunc(p.server.connected(), func(c *conn) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			sub := c.session.subs[t]
			return sub != nil && sub.wildcard == all && sub.names.n == names
		})
	})
}
