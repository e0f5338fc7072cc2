package translator

import (
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

const (
	// indexRouteHost finds HTTPRoutes by a parent Gateway ("namespace/name") and a hostname
	// as the route writes it; the empty one for routes without hostnames.
	indexRouteHost index = "routes by gateway and hostname"
	// indexRouteParent finds HTTPRoutes by a parent Gateway ("namespace/name").
	indexRouteParent index = "routes by gateway"
)

func httpRouteLookups(o *api.Object) []lookup {
	route := o.Value.(*gatewayv1.HTTPRoute)
	var all []lookup
	add := func(l lookup) {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	for i := range route.Spec.ParentRefs {
		gateway, ok := parentGateway(route, &route.Spec.ParentRefs[i])
		if !ok {
			continue
		}
		parent := gateway.Namespace + "/" + gateway.Name
		add(lookup{indexRouteParent, parent, ""})
		for _, h := range route.Spec.Hostnames {
			add(lookup{indexRouteHost, parent, strings.ToLower(string(h))})
		}
		if len(route.Spec.Hostnames) == 0 {
			add(lookup{indexRouteHost, parent, ""})
		}
	}
	return all
}

// parentGateway gives the Gateway that a parentRef names; false when it names something else.
func parentGateway(route *gatewayv1.HTTPRoute, ref *gatewayv1.ParentReference) (api.Key, bool) {
	if valueOr(ref.Group, gatewayv1.GroupName) != gatewayv1.GroupName || valueOr(ref.Kind, "Gateway") != "Gateway" {
		return api.Key{}, false
	}
	return api.Key{
		Kind:      api.KindGateway,
		Namespace: string(valueOr(ref.Namespace, gatewayv1.Namespace(route.Namespace))),
		Name:      string(ref.Name),
	}, true
}

func hostnamesOf(route *gatewayv1.HTTPRoute) []string {
	var all []string
	for _, h := range route.Spec.Hostnames {
		all = append(all, strings.ToLower(string(h)))
	}
	return all
}

// httpRouteCalls gives the units of an HTTPRoute: its status, and the virtual hosts of the
// hostnames that it answers on its Gateways. Whether it is allowed to is found out when they
// are built.
func httpRouteCalls(r *Reader, o *api.Object) []Unit {
	route := o.Value.(*gatewayv1.HTTPRoute)
	units := []Unit{{Feature: httpRouteStatus, Namespace: o.Key.Namespace, Name: o.Key.Name}}
	hostnames := hostnamesOf(route)
	seen := map[Unit]bool{}
	for i := range route.Spec.ParentRefs {
		ref := &route.Spec.ParentRefs[i]
		key, ok := parentGateway(route, ref)
		if !ok {
			continue
		}
		gateway := read[*gatewayv1.Gateway](r, api.KindGateway, key.Namespace, key.Name)
		if gateway == nil {
			continue
		}
		p, ours := placementOf(r, gateway)
		if !ours || !p.refused.ok() {
			continue
		}
		for i := range gateway.Spec.Listeners {
			l := &gateway.Spec.Listeners[i]
			if !refersTo(ref, l) {
				continue
			}
			for _, u := range hostUnits(gateway, l, p.addresses, effective(hostnameOf(l), hostnames)) {
				u.Fleet = p.fleet.Name
				if !seen[u] {
					seen[u] = true
					units = append(units, u)
				}
			}
		}
	}
	return units
}

// hostUnits gives the virtual hosts for hostnames on a listener.
func hostUnits(gateway *gatewayv1.Gateway, l *gatewayv1.Listener, addresses, hostnames []string) []Unit {
	var units []Unit
	for _, h := range hostnames {
		switch l.Protocol {
		case gatewayv1.HTTPProtocolType:
			for _, a := range addresses {
				units = append(units, httpHostUnit(a, l.Port, h))
			}
		case gatewayv1.HTTPSProtocolType:
			units = append(units, httpsHostUnit(gateway, l.Name, h))
		}
	}
	return units
}
