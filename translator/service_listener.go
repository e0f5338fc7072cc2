package translator

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"github.com/gateway-cp/gateway-cp/resource"
)

// serviceListener is the listener on which every Service of a fleet is reachable by its DNS
// names; serviceFilterChain is the only filter chain in it. Both depend on nothing but the
// Fleet: Services come and go in the scopes.
var (
	serviceListener    = &Feature{Name: "service listener", Build: buildServiceListener}
	serviceFilterChain = &Feature{Name: "service filter chain", Build: buildServiceFilterChain}
)

// servicesPart names the filter chain of the service listener.
const servicesPart = "services"

func buildServiceListener(r *Reader, u Unit) Result {
	f, ok := readFleet(r, u.Fleet)
	if !ok {
		return Result{}
	}
	name, _ := f.serviceListener()
	e := &encoder{}
	return e.result(
		resource.Key{Type: resource.Listener, Audience: f.audience(), Name: name},
		listenerHead(r, f.Spec.ServiceListener.Address, f.Spec.ServiceListener.Port),
		fromFleet(f),
	).from(Origin{f.key(), "spec.serviceListener"})
}

func buildServiceFilterChain(r *Reader, u Unit) Result {
	f, ok := readFleet(r, u.Fleet)
	if !ok {
		return Result{}
	}
	name, _ := f.serviceListener()
	out := fromFleet(f)
	out.Fetches = []resource.Ref{{Type: resource.Scope, Name: resource.All}}
	e := &encoder{}
	return e.result(
		resource.Key{Type: resource.Listener, Audience: f.audience(), Name: name, Part: servicesPart},
		&listenerv3.FilterChain{
			Name: servicesPart,
			Filters: []*listenerv3.Filter{e.connectionManager(connectionManager{
				statPrefix: servicesPart, defaultNamespace: f.Spec.DefaultNamespace, trustedHops: trustedHops(f, nil),
			})},
		},
		out,
	).from(Origin{f.key(), "spec.serviceListener"})
}
