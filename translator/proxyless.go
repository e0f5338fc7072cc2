package translator

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Programs that use gRPC's own xDS client dial a Service without an Envoy in between
// (xds:///web.shop:80). Such a client asks for a listener with the name that it dials, follows it
// to a route configuration, and that to the clusters and endpoints that Envoys have:
// https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md
//
// The listeners and routes have an audience of their own, since an Envoy asks for all listeners
// and refuses a second one of this kind.
var (
	proxylessListener = &Feature{Name: "proxyless gRPC listener", Build: buildProxylessListener}
	proxylessRoutes   = &Feature{Name: "proxyless gRPC routes", Build: buildProxylessRoutes}
)

// proxylessCalls gives, for each port that speaks gRPC, the routes and a listener for every DNS
// form of the Service's name.
func proxylessCalls(f fleet, service *corev1.Service) []Unit {
	var units []Unit
	for _, port := range servedPorts(service) {
		if !speaksGRPC(port) {
			continue
		}
		subject := Unit{Namespace: service.Namespace, Name: service.Name, Port: port.Port}.in(f)
		units = append(units, subject.of(proxylessRoutes))
		for _, form := range dnsForms(f, service) {
			subject.Extra = form
			units = append(units, subject.of(proxylessListener))
		}
	}
	return units
}

// speaksGRPC says whether a port may be one that gRPC clients dial: one that is said to speak HTTP/2
// without TLS or, where nothing is said, one that is called grpc, or grpc- and something.
func speaksGRPC(port *corev1.ServicePort) bool {
	if port.AppProtocol != nil {
		return speaksHTTP2(port.AppProtocol)
	}
	return port.Name == "grpc" || strings.HasPrefix(port.Name, "grpc-")
}

// buildProxylessListener reads nothing: what is behind a name is in the routes.
func buildProxylessListener(_ *Reader, u Unit) Result {
	routes := proxylessRouteName(u.Namespace, u.Name, u.Port)
	e := &encoder{}
	name := proxylessListenerName(u.Extra, u.Port)
	return e.result(
		resource.Key{Type: resource.Listener, Audience: resource.OfProxyless(u.Fleet), Name: name},
		&listenerv3.Listener{
			Name: name,
			ApiListener: &listenerv3.ApiListener{ApiListener: e.any(&hcmv3.HttpConnectionManager{
				StatPrefix: routes, // Envoy's validation wants one; gRPC does not read it
				RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
					ConfigSource: overADS(), RouteConfigName: routes,
				}},
				HttpFilters: []*hcmv3.HttpFilter{{
					Name:       "envoy.filters.http.router",
					ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: e.any(&routerv3.Router{})},
				}},
			})},
		},
		resource.Output{
			Fetches: []resource.Ref{{Type: resource.Route, Name: routes}},
			Sources: []api.Key{serviceKey(u)},
		},
	)
}

// buildProxylessRoutes splits the traffic as every other way to the Service does. A client looks for
// the host that it has as its authority, which an application may choose: the listener has already
// said which Service is meant.
//
// There is no time limit and no retry policy: a client has its deadlines, and tries again by itself
// what has certainly not been processed.
func buildProxylessRoutes(r *Reader, u Unit) Result {
	shares := onlySplit(splitOf(r, u.Namespace, u.Name, u.Port))
	t := target{backends: []backend{{weight: 1, shares: shares}}}
	var routes []*routev3.Route
	for _, v := range t.variants("") {
		action := &routev3.RouteAction{Timeout: seconds(0)}
		route := &routev3.Route{Match: v.narrowed(everyPath()), Action: &routev3.Route_Route{Route: action}}
		if v.target.answers() {
			v.target.route(action)
		} else {
			route = unavailableRoute(route.Match) // to gRPC: UNAVAILABLE
		}
		routes = append(routes, route)
	}
	name := proxylessRouteName(u.Namespace, u.Name, u.Port)
	e := &encoder{}
	return e.result(
		resource.Key{Type: resource.Route, Audience: resource.OfProxyless(u.Fleet), Name: name},
		&routev3.RouteConfiguration{
			Name: name,
			VirtualHosts: []*routev3.VirtualHost{{
				Name:    hostName(u.Namespace, u.Name, u.Port),
				Domains: []string{"*"},
				Routes:  routes,
			}},
		},
		resource.Output{Clusters: clusterRefs(shares), Sources: []api.Key{serviceKey(u)}},
	)
}

// onlySplit takes away what a client does not do: copying requests, and choosing among clusters by a hash. Calls with
// the metadata that a Rollout asks for go where it says.
func onlySplit(shares []share) []share {
	for i := range shares {
		shares[i].mirror, shares[i].copies, shares[i].stickiness = nil, "", nil
	}
	return shares
}

// weighLocalities has gRPC spread requests evenly over endpoints: it refuses a locality without a
// name, takes one without a weight for none, and chooses the locality first. Envoy reads weights of
// localities only in clusters that ask for it, which ours do not.
// https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md#clusterloadassignment-proto
func weighLocalities(a *endpointv3.ClusterLoadAssignment) {
	for _, locality := range a.Endpoints {
		if locality.Locality == nil {
			locality.Locality = &corev3.Locality{}
		}
		var takeNew uint32
		for _, e := range locality.LbEndpoints {
			if e.HealthStatus != corev3.HealthStatus_DRAINING {
				takeNew++
			}
		}
		if takeNew > 0 { // 0 is not valid
			locality.LoadBalancingWeight = wrapperspb.UInt32(takeNew)
		}
	}
}
