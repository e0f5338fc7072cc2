package translator

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// The virtual hosts of Gateways: one for each hostname of a listener, so that a request finds
// the listener it belongs to even where no route is attached, and one for each hostname that
// a route answers. httpHost is one on a plain HTTP port, httpsHost one of an HTTPS listener.
var (
	httpHost  = &Feature{Name: "http host", Build: buildHTTPHost}
	httpsHost = &Feature{Name: "https host", Build: buildHTTPSHost}
)

func httpHostUnit(address string, port int32, hostname string) Unit {
	return Unit{Feature: httpHost, Name: address, Port: port, Extra: hostname}
}

func httpsHostUnit(gateway *gatewayv1.Gateway, listener gatewayv1.SectionName, hostname string) Unit {
	return Unit{Feature: httpsHost, Namespace: gateway.Namespace, Name: gateway.Name, Extra: string(listener) + "/" + hostname}
}

func buildHTTPHost(r *Reader, u Unit) Result {
	here := served(listenersOn(r, u.Fleet, u.Port), u.Name)
	owner := ownerOf(here, u.Extra)
	if owner == nil || owner.secure {
		return Result{}
	}
	return buildGatewayHost(r, u.Fleet, listenerName(u.Name, u.Port), owner, u.Extra)
}

func buildHTTPSHost(r *Reader, u Unit) Result {
	section, hostname, _ := strings.Cut(u.Extra, "/")
	l, all := secureListener(r, u, section)
	if l == nil || ownerOf(neighbours(all, l), hostname) != l {
		return Result{}
	}
	return buildGatewayHost(r, u.Fleet, secureRouteName(u.Namespace, u.Name, section), l, hostname)
}

// buildGatewayHost is the virtual host for a hostname that belongs to a listener: the rules of
// all routes attached there that answer it, and 404 for the rest.
func buildGatewayHost(r *Reader, fleetName, routes string, owner *gatewayListener, hostname string) Result {
	attached, named := routesFor(r, owner, hostname)
	if !named && hostname != owner.hostname {
		return Result{} // a less specific virtual host answers
	}
	f, ok := readFleet(r, fleetName)
	if !ok {
		return Result{}
	}
	where := site{hostname: hostname, port: owner.spec().Port, secure: owner.secure}
	host := &routev3.VirtualHost{Name: domain(hostname), Domains: []string{domain(hostname)}}
	e := &encoder{}
	var entries []entry
	var clusters []share
	var sources []api.Key
	for _, a := range attached {
		c := compiler{r: r, fleet: f, route: a.route, site: where, encoder: e, split: rescued}
		entries = append(entries, c.compile(a.specificity)...)
		clusters = append(clusters, c.clusters...)
		sources = append(sources, api.Key{Kind: api.KindHTTPRoute, Namespace: a.route.Namespace, Name: a.route.Name})
	}
	slices.SortStableFunc(entries, entry.compare)
	origins := Origins{Of: []Origin{owner.origin()}}
	for _, e := range entries {
		host.Routes = append(host.Routes, e.routes...)
		for range e.routes {
			origins.Routes = append(origins.Routes, e.origin())
		}
	}
	key := routeKey(fleetName, routes, host.Name)
	result := e.result(key, host, resource.Output{
		Clusters: clusterRefs(clusters),
		Fallback: (&encoder{}).content(key, unavailableHost(host.Name, host.Domains)),
		Sources:  append(sources, owner.key()),
	})
	result.Origins = origins
	return result
}

// attachedRoute is a route with the rank of its hostname that answers.
type attachedRoute struct {
	route       *gatewayv1.HTTPRoute
	specificity int
}

// routesFor gives the routes attached to a listener that answer a hostname, those with the
// most specific hostname first, and whether one of them names just this one.
func routesFor(r *Reader, l *gatewayListener, hostname string) (found []attachedRoute, named bool) {
	parent := l.gateway.Namespace + "/" + l.gateway.Name
	seen := map[*gatewayv1.HTTPRoute]bool{}
	for _, h := range covering(hostname) {
		for _, o := range r.list(indexRouteHost, parent, h) {
			route := o.Value.(*gatewayv1.HTTPRoute)
			if seen[route] || !attaches(r, l.gateway, l.index, route) {
				continue
			}
			seen[route] = true
			found = append(found, attachedRoute{route, specificity(h)})
			named = named || h == hostname
		}
	}
	return found, named
}

// misdirectedHost answers 421 for the hosts that other HTTPS listeners on the port are for. A
// client gets there when it uses a connection, made for another name in the same certificate,
// once more: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20.
//
// Those are the hosts that this listener's own hostname covers, too, and those of the other
// listeners of the Gateway. Strangers' hosts are not there, and get 404.
var misdirectedHost = &Feature{Name: "misdirected host", Build: buildMisdirectedHost}

// misdirectedPart names the virtual host. It cannot be a domain.
const misdirectedPart = "misdirected request"

func buildMisdirectedHost(r *Reader, u Unit) Result {
	l, all := secureListener(r, u, u.Extra)
	if l == nil {
		return Result{}
	}
	var domains []string
	for _, o := range neighbours(all, l) {
		if o.hostname != l.hostname && (o.gateway == l.gateway || covers(l.hostname, o.hostname)) {
			domains = append(domains, domain(o.hostname))
		}
	}
	if len(domains) == 0 {
		return Result{}
	}
	slices.Sort(domains)
	e := &encoder{}
	return e.result(
		routeKey(u.Fleet, secureRouteName(u.Namespace, u.Name, u.Extra), misdirectedPart),
		&routev3.VirtualHost{
			Name:    misdirectedPart,
			Domains: slices.Compact(domains),
			Routes:  []*routev3.Route{{Match: everyPath(), Action: answer(421)}},
		},
		resource.Output{Sources: []api.Key{l.key()}},
	).from(l.origin())
}

// answer is an action that answers by itself.
func answer(status uint32) *routev3.Route_DirectResponse {
	return &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: status}}
}
