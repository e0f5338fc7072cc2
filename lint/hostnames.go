package lint

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// hostnames finds hostnames of attached routes that no listener gives to the route.
func hostnames(c *checker) {
	served := map[api.Key]map[int]bool{} // by route
	ours := map[api.Key]bool{}
	hosts := c.routing()
	for i := range hosts {
		h := &hosts[i]
		ours[gatewayKey(h.Gateway)] = true
		for _, route := range h.Attached {
			key := routeKey(route)
			if served[key] == nil {
				served[key] = map[int]bool{}
			}
			for j, name := range route.Spec.Hostnames {
				if h.Under(string(name)) {
					served[key][j] = true
				}
			}
		}
	}
	excused := c.excused()
	for _, o := range c.of(api.KindHTTPRoute) {
		route := o.Value.(*gatewayv1.HTTPRoute)
		if served[o.Key] == nil || excused[o.Key] || !allParents(route, func(g api.Key) bool { return ours[g] && !excused[g] }) {
			continue
		}
		for j, name := range route.Spec.Hostnames {
			if served[o.Key][j] {
				continue
			}
			c.add(api.Problem{
				Object: o.Key, Path: fmt.Sprintf("spec.hostnames[%d]", j), Reason: api.ReasonHostnameUnserved, Severity: api.Warning,
				Message: fmt.Sprintf("requests to %s do not get here: no listener of the route is for it, or another listener is more so", name),
				Hint:    "correct it, add a listener for it, or attach the route to the listener with the more specific hostname",
			})
		}
	}
}

// excused are routes and Gateways of which the translator has said why they are not served.
func (c *checker) excused() map[api.Key]bool {
	all := map[api.Key]bool{}
	for _, p := range c.said() {
		switch p.Reason {
		case api.ReasonListenerConflict, api.ReasonHostnameMismatch, api.ReasonParentNotFound, api.ReasonRouteNotAllowed:
			all[p.Object] = true
		}
	}
	return all
}

// allParents says whether all that a route refers to are Gateways of which f is true.
func allParents(route *gatewayv1.HTTPRoute, f func(api.Key) bool) bool {
	for _, ref := range route.Spec.ParentRefs {
		if deref(ref.Kind, "Gateway") != "Gateway" || deref(ref.Group, gatewayv1.GroupName) != gatewayv1.GroupName ||
			!f(api.Key{Kind: api.KindGateway, Namespace: deref(ref.Namespace, route.Namespace), Name: string(ref.Name)}) {
			return false
		}
	}
	return true
}
