package translator

import (
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	udpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/udp/udp_proxy/v3"
	inputsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	matcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// What listens on the own addresses and ports of Services. HTTP, where the port says that it is spoken,
// goes through routes, and has what the service listener gives: exact weights, retries on another
// endpoint. All else is passed on byte for byte, or datagram for datagram.
var (
	openingListener = &Feature{Name: "opening", Build: buildOpeningListener}
	openingChain    = &Feature{Name: "filter chain of an opening", Build: buildOpeningChain}
	openingRoutes   = &Feature{Name: "routes of an opening", Build: buildOpeningRoutes}
	openingHost     = &Feature{Name: "virtual host of an opening", Build: buildOpeningHost}
)

// openingPart names the only filter chain, or virtual host, of an opening.
const openingPart = "service"

const (
	// streamIdle in seconds is how long a TCP connection stays open without a byte: connection tracking of
	// clusters is often told to forget it after that time (nf_conntrack_tcp_timeout_established=900).
	streamIdle = 900
	// datagramIdle in seconds is how long a client of a UDP port keeps its endpoint without a datagram:
	// as long as Linux tracks a stream of them.
	datagramIdle = 120
)

func openingKey(u Unit, part string) resource.Key {
	return resource.Key{Type: resource.Listener, Audience: resource.OfFleet(u.Fleet), Name: u.Extra, Part: part}
}

func buildOpeningListener(r *Reader, u Unit) Result {
	o, problems := openingOf(r, u)
	if o == nil {
		return Result{Problems: problems}
	}
	e := &encoder{}
	head := listenerHead(r, o.address, o.port)
	atHome(head, o)
	if o.outside && !o.datagrams() {
		e.acceptProxy(head, o.service.Annotations)
	}
	if o.keepsSource {
		e.keepSource(head)
	}
	out := resource.Output{Sources: []api.Key{o.key()}}
	if o.datagrams() {
		e.datagramListener(head, o, policyOf(r, o.service, o.servicePort()))
		out.Clusters = []resource.ClusterRef{{Name: o.cluster()}}
	}
	return e.result(openingKey(u, ""), head, out, problems...).from(o.origin())
}

// cluster is what bytes or datagrams are passed on to.
func (o *opening) cluster() string {
	return streamClusterName(o.service.Namespace, o.service.Name, o.servicePort(), o.local)
}

func buildOpeningChain(r *Reader, u Unit) Result {
	o, _ := openingOf(r, u)
	if o == nil {
		return Result{}
	}
	f, _ := readFleet(r, u.Fleet)
	e := &encoder{}
	out := resource.Output{Sources: []api.Key{o.key()}}
	chain := &listenerv3.FilterChain{Name: openingPart}
	if o.health() {
		routes := healthRouteName(u.Namespace, u.Name)
		chain.Filters = []*listenerv3.Filter{e.connectionManager(connectionManager{statPrefix: routes, routes: routes})}
		out.Fetches = []resource.Ref{{Type: resource.Route, Name: routes}}
		return e.result(openingKey(u, openingPart), chain, out).from(o.origin())
	}
	stats := hostName(u.Namespace, u.Name, o.servicePort().Port)
	if speaksPlainHTTP(o.servicePort()) {
		chain.Filters = []*listenerv3.Filter{e.connectionManager(connectionManager{
			statPrefix: stats, routes: o.name(), trustedHops: trustedHops(f, o.service.Annotations),
		})}
		out.Fetches = []resource.Ref{{Type: resource.Route, Name: o.name()}}
	} else {
		chain.Filters = []*listenerv3.Filter{e.streamProxy(stats, o, policyOf(r, o.service, o.servicePort()))}
		out.Clusters = []resource.ClusterRef{{Name: o.cluster()}}
	}
	if len(o.from) > 0 { // others find no filter chain: Envoy closes their connections, and counts them
		chain.FilterChainMatch = &listenerv3.FilterChainMatch{SourcePrefixRanges: ranges(o.from)}
	}
	return e.result(openingKey(u, openingPart), chain, out).from(o.origin())
}

// streamProxy passes bytes on.
func (e *encoder) streamProxy(stats string, o *opening, p policy) *listenerv3.Filter {
	proxy := &tcpproxyv3.TcpProxy{
		StatPrefix:       stats,
		ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: o.cluster()},
		HashPolicy:       connectionHash(balancerOf(o.service, p)),
		IdleTimeout:      seconds(streamIdle),
		// An endpoint that refuses the connection has not seen a byte: others may.
		MaxConnectAttempts: wrapperspb.UInt32(uint32(1 + attemptsOf(p))),
	}
	if t := p.Timeout; t != nil && t.TCP != nil && t.TCP.IdleTimeout != nil {
		proxy.IdleTimeout = durationOf(t.TCP.IdleTimeout)
	}
	return &listenerv3.Filter{
		Name:       "envoy.filters.network.tcp_proxy",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: e.any(proxy)},
	}
}

// datagramListener makes a listener pass datagrams on. All of a client's go to one endpoint as long as
// there are any.
func (e *encoder) datagramListener(l *listenerv3.Listener, o *opening, p policy) {
	l.Name = o.name()
	l.Address.GetSocketAddress().Protocol = corev3.SocketAddress_UDP
	l.TcpBacklogSize, l.PerConnectionBufferLimitBytes = nil, nil
	l.EnableReusePort = nil // Envoy wants each worker to have its own socket
	l.UdpListenerConfig = &listenerv3.UdpListenerConfig{}
	route := &matcherv3.Matcher_OnMatch{OnMatch: &matcherv3.Matcher_OnMatch_Action{Action: &xdscorev3.TypedExtensionConfig{
		Name: "route", TypedConfig: e.any(&udpproxyv3.Route{Cluster: o.cluster()}),
	}}}
	matcher := &matcherv3.Matcher{OnNoMatch: route}
	if len(o.from) > 0 {
		matcher = e.onlyFrom(o.from, route)
	}
	l.ListenerFilters = []*listenerv3.ListenerFilter{{
		Name: "envoy.filters.udp_listener.udp_proxy",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: e.any(&udpproxyv3.UdpProxyConfig{
			StatPrefix:     hostName(o.service.Namespace, o.service.Name, o.servicePort().Port),
			IdleTimeout:    seconds(datagramIdle),
			HashPolicies:   datagramHash(balancerOf(o.service, p)),
			RouteSpecifier: &udpproxyv3.UdpProxyConfig_Matcher{Matcher: matcher},
		})},
	}}
}

// onlyFrom takes datagrams from some networks; those of others are dropped, and counted.
func (e *encoder) onlyFrom(from []netip.Prefix, then *matcherv3.Matcher_OnMatch) *matcherv3.Matcher {
	networks := make([]*xdscorev3.CidrRange, len(from))
	for i, p := range from {
		networks[i] = &xdscorev3.CidrRange{AddressPrefix: p.Addr().String(), PrefixLen: wrapperspb.UInt32(uint32(p.Bits()))}
	}
	byAddress := &matcherv3.IPMatcher{RangeMatchers: []*matcherv3.IPMatcher_IPRangeMatcher{{Ranges: networks, OnMatch: then}}}
	return &matcherv3.Matcher{MatcherType: &matcherv3.Matcher_MatcherTree_{MatcherTree: &matcherv3.Matcher_MatcherTree{
		Input: &xdscorev3.TypedExtensionConfig{Name: "source", TypedConfig: e.any(&inputsv3.SourceIPInput{})},
		TreeType: &matcherv3.Matcher_MatcherTree_CustomMatch{CustomMatch: &xdscorev3.TypedExtensionConfig{
			Name: "networks", TypedConfig: e.any(byAddress),
		}},
	}}}
}

func ranges(from []netip.Prefix) []*corev3.CidrRange {
	all := make([]*corev3.CidrRange, len(from))
	for i, p := range from {
		all[i] = &corev3.CidrRange{AddressPrefix: p.Addr().String(), PrefixLen: wrapperspb.UInt32(uint32(p.Bits()))}
	}
	return all
}

func buildOpeningRoutes(r *Reader, u Unit) Result {
	o, _ := openingOf(r, u)
	if o == nil {
		return Result{}
	}
	return routeHead(u.Fleet, o.name(), []api.Key{o.key()}).from(o.origin())
}

// buildOpeningHost takes requests for whatever host: who comes to the port means the Service.
func buildOpeningHost(r *Reader, u Unit) Result {
	o, _ := openingOf(r, u)
	if o == nil {
		return Result{}
	}
	shares := rescued(r, u.Namespace, u.Name, o.servicePort().Port)
	if o.local { // the weights are in its endpoints
		shares = []share{{cluster: o.cluster(), weight: v1alpha1.WeightTotal, policy: policyIn(shares)}}
	}
	name, all := hostName(u.Namespace, u.Name, o.servicePort().Port), []string{"*"}
	e := &encoder{}
	key := routeKey(u.Fleet, o.name(), openingPart)
	routes := e.serviceRoutes(o.service, shares)
	result := e.result(key, &routev3.VirtualHost{Name: name, Domains: all, Routes: routes},
		resource.Output{
			Clusters: clusterRefs(shares),
			Fallback: (&encoder{}).content(key, unavailableHost(name, all)),
			Sources:  []api.Key{o.key()},
		})
	for range routes {
		result.Origins.Routes = append(result.Origins.Routes, o.origin())
	}
	return result
}
