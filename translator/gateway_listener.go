package translator

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	inspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// What opens a port for Gateways: the head of the listener and its filter chains. All plain
// HTTP listeners on an address and port share one filter chain, and one route configuration
// with the name of the listener. Each HTTPS listener has a filter chain of its own, found by
// the server name that the client asks for, and its own route configuration.
var (
	gatewayListenerHead = &Feature{Name: "gateway listener", Build: buildGatewayListenerHead}
	httpFilterChain     = &Feature{Name: "http filter chain", Build: buildHTTPFilterChain}
	httpsFilterChain    = &Feature{Name: "https filter chain", Build: buildHTTPSFilterChain}
	httpRouteHead       = &Feature{Name: "http routes", Build: buildHTTPRouteHead}
	httpsRouteHead      = &Feature{Name: "https routes", Build: buildHTTPSRouteHead}
)

// httpPart names the filter chain of all plain HTTP listeners on a port.
const httpPart = "http"

// secureExtra packs the listener and the address of an HTTPS filter chain into Unit.Extra.
func secureExtra(listener gatewayv1.SectionName, address string) string {
	return string(listener) + "@" + address
}

// listenerKey is the key of the listener on an address and port, or of a filter chain in it.
func listenerKey(fleet, address string, port int32, part string) resource.Key {
	return resource.Key{Type: resource.Listener, Audience: resource.OfFleet(fleet), Name: listenerName(address, port), Part: part}
}

// buildGatewayListenerHead gives nothing while the listener would have no filter chain: Envoy
// refuses a listener without any.
func buildGatewayListenerHead(r *Reader, u Unit) Result {
	here := served(listenersOn(r, u.Fleet, u.Port), u.Name)
	if !slices.ContainsFunc(here, func(l *gatewayListener) bool { return opens(r, l) }) {
		return Result{}
	}
	e := &encoder{}
	head := listenerHead(r, u.Name, u.Port)
	e.acceptProxy(head, here[0].gateway.Annotations)
	if here[0].secure {
		head.ListenerFilters = append(head.ListenerFilters, &listenerv3.ListenerFilter{
			Name:       "envoy.filters.listener.tls_inspector",
			ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: e.any(&inspectorv3.TlsInspector{})},
		})
	}
	return e.result(listenerKey(u.Fleet, u.Name, u.Port, ""), head, resource.Output{Sources: gatewaysOf(here)}).from(originsOf(here)...)
}

// opens says whether a listener has all that its filter chain needs.
func opens(r *Reader, l *gatewayListener) bool {
	if !l.secure {
		return true
	}
	certificates, _, _ := certificatesOf(r, l.gateway, l.index)
	return len(certificates) > 0
}

// gatewaysOf gives the Gateways of listeners, each once.
func gatewaysOf(all []*gatewayListener) []api.Key {
	var keys []api.Key
	for _, l := range all {
		if k := l.key(); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func buildHTTPFilterChain(r *Reader, u Unit) Result {
	here := served(listenersOn(r, u.Fleet, u.Port), u.Name)
	if len(here) == 0 || here[0].secure {
		return Result{}
	}
	e := &encoder{}
	name := listenerName(u.Name, u.Port)
	f, _ := readFleet(r, u.Fleet)
	return e.result(listenerKey(u.Fleet, u.Name, u.Port, httpPart),
		&listenerv3.FilterChain{
			Name: httpPart,
			Filters: []*listenerv3.Filter{e.connectionManager(connectionManager{
				statPrefix: httpPart + "_" + portString(u.Port), routes: name, trustedHops: trustedHops(f, here[0].gateway.Annotations),
			})},
		},
		resource.Output{
			Fetches: []resource.Ref{{Type: resource.Route, Name: name}},
			Sources: gatewaysOf(here),
		},
	).from(originsOf(here)...)
}

func buildHTTPSFilterChain(r *Reader, u Unit) Result {
	section, address, _ := strings.Cut(u.Extra, "@")
	l, here := secureListener(r, u, section)
	if l == nil || !slices.Contains(served(here, address), l) {
		return Result{}
	}
	certificates, _, _ := certificatesOf(r, l.gateway, l.index)
	if len(certificates) == 0 {
		return Result{}
	}
	e := &encoder{}
	routes := secureRouteName(u.Namespace, u.Name, section)
	context := &tlsv3.CommonTlsContext{AlpnProtocols: []string{"h2", "http/1.1"}}
	fetches := []resource.Ref{{Type: resource.Route, Name: routes}}
	sources := []api.Key{l.key()}
	for _, c := range certificates {
		name := secretName(c.Namespace, c.Name)
		context.TlsCertificateSdsSecretConfigs = append(context.TlsCertificateSdsSecretConfigs,
			&tlsv3.SdsSecretConfig{Name: name, SdsConfig: overADS()})
		fetches = append(fetches, resource.Ref{Type: resource.Secret, Name: name})
		sources = append(sources, c)
	}
	f, _ := readFleet(r, u.Fleet)
	chain := &listenerv3.FilterChain{
		Name: routes,
		Filters: []*listenerv3.Filter{e.connectionManager(connectionManager{
			statPrefix: "https_" + portString(u.Port), routes: routes, trustedHops: trustedHops(f, l.gateway.Annotations),
		})},
		TransportSocket: &corev3.TransportSocket{
			Name:       "envoy.transport_sockets.tls",
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: e.any(&tlsv3.DownstreamTlsContext{CommonTlsContext: context})},
		},
	}
	if l.hostname != "" {
		chain.FilterChainMatch = &listenerv3.FilterChainMatch{ServerNames: []string{l.hostname}}
	}
	return e.result(listenerKey(u.Fleet, address, u.Port, routes), chain, resource.Output{Fetches: fetches, Sources: sources}).from(l.origin())
}

// secureListener gives the HTTPS listener that a unit is about, if it is served, and all
// listeners with its port.
func secureListener(r *Reader, u Unit, section string) (*gatewayListener, []*gatewayListener) {
	gateway := read[*gatewayv1.Gateway](r, api.KindGateway, u.Namespace, u.Name)
	if gateway == nil {
		return nil, nil
	}
	for i := range gateway.Spec.Listeners {
		if string(gateway.Spec.Listeners[i].Name) != section {
			continue
		}
		all := listenersOn(r, u.Fleet, gateway.Spec.Listeners[i].Port)
		for _, l := range all {
			if l.is(gateway, i) && l.secure && l.conflict.ok() {
				return l, all
			}
		}
	}
	return nil, nil
}

func buildHTTPRouteHead(r *Reader, u Unit) Result {
	here := served(listenersOn(r, u.Fleet, u.Port), u.Name)
	if len(here) == 0 || here[0].secure {
		return Result{}
	}
	return routeHead(u.Fleet, listenerName(u.Name, u.Port), gatewaysOf(here)).from(originsOf(here)...)
}

func buildHTTPSRouteHead(r *Reader, u Unit) Result {
	l, _ := secureListener(r, u, u.Extra)
	if l == nil {
		return Result{}
	}
	return routeHead(u.Fleet, secureRouteName(u.Namespace, u.Name, u.Extra), []api.Key{l.key()}).from(l.origin())
}

// routeHead is a route configuration without its virtual hosts.
func routeHead(fleet, name string, sources []api.Key) Result {
	e := &encoder{}
	return e.result(routeKey(fleet, name, ""), &routev3.RouteConfiguration{
		Name: name,
		// The Gateway API selects routes by the host alone, whatever the port in it.
		IgnorePortInHostMatching: true,
		// Parts come when their clusters are warm; one that does not must not refuse the others.
		ValidateClusters: wrapperspb.Bool(false),
	}, resource.Output{Sources: sources})
}

func routeKey(fleet, name, part string) resource.Key {
	return resource.Key{Type: resource.Route, Audience: resource.OfFleet(fleet), Name: name, Part: part}
}
