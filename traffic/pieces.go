package traffic

import (
	"fmt"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Piece is the smallest thing that Envoy can be given without: a cluster, the endpoints of
// one, a secret, the head of a listener or of a route configuration, a filter chain, a virtual
// host without its routes, a route.
type Piece struct {
	Key  resource.Key // of the output that it is from
	Host string       // name of the virtual host; empty for what is none, and not in one
	// Route is the index in the virtual host; -1 for what is no route.
	Route int
	// From are the fields that it comes from, Sources the objects that have a part in the output.
	From    []Origin
	Sources []api.Key
	// Message is the resource without the pieces that are pieces of their own. It must not be
	// changed.
	Message proto.Message
}

// ComesFrom says whether an object has a part in the piece.
func (p Piece) ComesFrom(k api.Key) bool {
	if p.Route < 0 && slices.Contains(p.Sources, k) {
		return true
	}
	return slices.ContainsFunc(p.From, func(o Origin) bool { return o.Object == k })
}

// String names a piece.
func (p Piece) String() string {
	name := p.Key.Type.String() + " " + p.Key.Name
	if p.Key.Part != "" {
		name += " (" + p.Key.Part + ")"
	}
	if p.Route >= 0 {
		name += fmt.Sprintf(" route %d", p.Route)
	}
	return name
}

// Pieces takes what one Envoy would be sent apart. What refers to something comes after it:
// clusters, endpoints, secrets, listeners, filter chains, route configurations, virtual hosts
// and routes.
func Pieces(t *Translation, of Viewer) ([]Piece, error) {
	var all []Piece
	for _, e := range t.Entries(of) {
		from := t.From(e.Key)
		add := func(m proto.Message) {
			all = append(all, Piece{Key: e.Key, Route: -1, From: from, Sources: e.Output.Sources, Message: m})
		}
		m := empty(e.Key.Type)
		if err := proto.Unmarshal(e.Output.Bytes, m); err != nil {
			return nil, fmt.Errorf("decode the %s %s: %w", e.Key.Type, e.Key.Name, err)
		}
		var hosts []*routev3.VirtualHost
		switch m := m.(type) {
		case *listenerv3.Listener:
			for _, c := range m.FilterChains {
				add(c)
			}
		case *routev3.ScopedRouteConfiguration:
			hosts = m.GetRouteConfiguration().GetVirtualHosts()
		case *routev3.RouteConfiguration:
			hosts = m.VirtualHosts
		}
		if e.Key.Part == "" {
			add(m)
		}
		all = append(all, hostPieces(t, e, hosts)...)
	}
	return all, nil
}

func hostPieces(t *Translation, e resource.Entry, hosts []*routev3.VirtualHost) []Piece {
	var all []Piece
	from, routes := t.From(e.Key), t.RouteFrom(e.Key)
	for _, h := range hosts {
		bare := proto.Clone(h).(*routev3.VirtualHost)
		bare.Routes = nil
		all = append(all, Piece{Key: e.Key, Host: h.Name, Route: -1, From: from, Sources: e.Output.Sources, Message: bare})
		for i, r := range h.Routes {
			piece := Piece{Key: e.Key, Host: h.Name, Route: i, From: from, Message: r}
			if len(routes) > 0 {
				piece.From, routes = routes[:1], routes[1:]
			}
			all = append(all, piece)
		}
	}
	return all
}

func empty(t resource.Type) proto.Message {
	switch t {
	case resource.Cluster:
		return &clusterv3.Cluster{}
	case resource.Endpoint:
		return &endpointv3.ClusterLoadAssignment{}
	case resource.Secret:
		return &tlsv3.Secret{}
	case resource.Listener:
		return &listenerv3.Listener{}
	case resource.Scope:
		return &routev3.ScopedRouteConfiguration{}
	case resource.Route:
		return &routev3.RouteConfiguration{}
	}
	return nil
}

// Join puts pieces together again to the resources that an Envoy is sent, in the order of the
// pieces. Pieces whose resource is not among them are put into one that has its name only.
func Join(pieces []Piece) []proto.Message {
	var all []proto.Message
	at := map[resource.Ref]proto.Message{}
	hosts := map[hostKey]*routev3.VirtualHost{}
	for _, p := range pieces {
		ref := resource.Ref{Type: p.Key.Type, Name: p.Key.Name}
		whole := at[ref]
		if whole == nil {
			whole = named(ref)
			at[ref], all = whole, append(all, whole)
		}
		host := hosts[hostKey{p.Key, p.Host}]
		if host == nil && p.Host != "" {
			host = &routev3.VirtualHost{Name: p.Host}
			hosts[hostKey{p.Key, p.Host}] = host
			addHost(whole, host)
		}
		switch m := p.Message.(type) {
		case *listenerv3.FilterChain:
			l := whole.(*listenerv3.Listener)
			l.FilterChains = append(l.FilterChains, m)
		case *routev3.VirtualHost:
			host.Reset()
			proto.Merge(host, m)
		case *routev3.Route:
			host.Routes = append(host.Routes, m)
		default:
			proto.Reset(whole)
			proto.Merge(whole, m)
		}
	}
	return all
}

func addHost(whole proto.Message, h *routev3.VirtualHost) {
	switch m := whole.(type) {
	case *routev3.RouteConfiguration:
		m.VirtualHosts = append(m.VirtualHosts, h)
	case *routev3.ScopedRouteConfiguration:
		if m.RouteConfiguration == nil {
			m.RouteConfiguration = &routev3.RouteConfiguration{}
		}
		m.RouteConfiguration.VirtualHosts = append(m.RouteConfiguration.VirtualHosts, h)
	}
}

// named gives an empty resource with a name.
func named(ref resource.Ref) proto.Message {
	m := empty(ref.Type)
	switch m := m.(type) {
	case *clusterv3.Cluster:
		m.Name = ref.Name
	case *endpointv3.ClusterLoadAssignment:
		m.ClusterName = ref.Name
	case *tlsv3.Secret:
		m.Name = ref.Name
	case *listenerv3.Listener:
		m.Name = ref.Name
	case *routev3.ScopedRouteConfiguration:
		m.Name = ref.Name
	case *routev3.RouteConfiguration:
		m.Name = ref.Name
	}
	return m
}
