package lint

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// What is open that most likely should not be.

// openListeners finds listeners for more than one hostname that take routes from everybody.
func openListeners(c *checker) {
	seen := map[api.Problem]bool{}
	hosts := c.routing()
	for i := range hosts {
		h := &hosts[i]
		hostname := hostnameOf(h.listener())
		if routesFrom(h.listener()) != gatewayv1.NamespacesFromAll || hostname != "" && !strings.HasPrefix(hostname, "*.") {
			continue
		}
		what := "every hostname"
		if hostname != "" {
			what = "every hostname under " + hostname
		}
		p := api.Problem{
			Object: gatewayKey(h.Gateway), Path: fmt.Sprintf("spec.listeners[%d].allowedRoutes.namespaces.from", h.Listener),
			Reason: api.ReasonListenerOpenToAll, Severity: api.Warning,
			Message: fmt.Sprintf("whoever may create an HTTPRoute in any namespace can answer for %s", what),
			Hint:    "use from: Selector with the namespaces that need it, or give the listener the hostnames it is for",
		}
		if !seen[p] {
			seen[p] = true
			c.add(p)
		}
	}
}

// sends says whether a rule sends requests to backends.
func sends(id matchID) bool {
	redirect, _ := redirectOf(id)
	return redirect == nil && len(id.route.Spec.Rules[id.rule].BackendRefs) > 0
}

// catchAlls finds routes for every host and path beside routes that name their hosts.
func catchAlls(c *checker) {
	type listener struct {
		gateway *gatewayv1.Gateway
		index   int
	}
	// A route that names its hosts, on each listener.
	named := map[listener]*gatewayv1.HTTPRoute{}
	hosts := c.routing()
	for i := range hosts {
		for _, route := range hosts[i].Attached {
			if l := (listener{hosts[i].Gateway, hosts[i].Listener}); len(route.Spec.Hostnames) > 0 && named[l] == nil {
				named[l] = route
			}
		}
	}
	seen := map[matchID]bool{}
	for i := range hosts {
		h := &hosts[i]
		other := named[listener{h.Gateway, h.Listener}]
		if h.Hostname != "" || other == nil {
			continue
		}
		for place := range h.Matches {
			id, p := idOf(&h.Matches[place]), &h.patterns[place]
			everything := p.path.kind == gatewayv1.PathMatchPathPrefix && p.path.value == "" && len(p.conditions) == 0
			if !everything || h.by[place] >= 0 || seen[id] || !sends(id) {
				continue
			}
			seen[id] = true
			c.add(api.Problem{
				Object: routeKey(id.route), Path: id.path(), Reason: api.ReasonCatchAllRoute, Severity: api.Warning,
				Message: fmt.Sprintf("answers every path of every host that no other route on listener %s of %s is for", h.listener().Name, gatewayKey(h.Gateway)),
				Hint:    fmt.Sprintf("give the route its hostnames, as %s does, so that other hosts are answered 404", routeKey(other)),
				Other:   api.Other{Object: gatewayKey(h.Gateway), Path: fmt.Sprintf("spec.listeners[%d]", h.Listener)},
			})
		}
	}
}

// plainHTTP finds routes that answer a hostname over HTTPS and over plain HTTP alike.
func plainHTTP(c *checker) {
	type site struct {
		gateway  *gatewayv1.Gateway
		hostname string
	}
	secure := map[site]*virtualHost{}
	hosts := c.routing()
	for i := range hosts {
		if h := &hosts[i]; h.secure() {
			secure[site{h.Gateway, h.Hostname}] = h
		}
	}
	seen := map[*gatewayv1.HTTPRoute]bool{}
	for i := range hosts {
		h := &hosts[i]
		other := secure[site{h.Gateway, h.Hostname}]
		if h.secure() || other == nil {
			continue
		}
		both := map[*gatewayv1.HTTPRoute]bool{}
		for _, route := range other.Attached {
			both[route] = true
		}
		for place := range h.Matches {
			id := idOf(&h.Matches[place])
			// An authority proves who owns a host over plain HTTP: RFC 8555, section 8.3.
			acme := within(h.patterns[place].path.start, "/.well-known/acme-challenge")
			if seen[id.route] || h.by[place] >= 0 || acme || !sends(id) || !both[id.route] {
				continue
			}
			seen[id.route] = true
			c.add(api.Problem{
				Object: routeKey(id.route), Path: "spec.parentRefs", Reason: api.ReasonPlainHTTPAnswered, Severity: api.Warning,
				Message: fmt.Sprintf("requests to %s are answered in plain text, although listener %s serves the host over HTTPS", h, other.listener().Name),
				Hint:    fmt.Sprintf("add sectionName: %s, and a route that redirects on listener %s", other.listener().Name, h.listener().Name),
				Other:   api.Other{Object: gatewayKey(h.Gateway), Path: fmt.Sprintf("spec.listeners[%d]", h.Listener)},
			})
		}
	}
}

// internal are words in the names of ports that are not for clients.
var internal = []string{"admin", "metrics", "debug", "pprof", "management", "actuator", "prometheus"}

// adminPorts finds routes to ports that are for those who run the software. The only port of a
// Service is what the Service is for.
func adminPorts(c *checker) {
	seen := map[*gatewayv1.HTTPRoute]bool{}
	hosts := c.routing()
	for i := range hosts {
		for _, route := range hosts[i].Attached {
			if !seen[route] {
				seen[route] = true
				c.adminPort(route)
			}
		}
	}
}

func (c *checker) adminPort(route *gatewayv1.HTTPRoute) {
	for i := range route.Spec.Rules {
		for j := range route.Spec.Rules[i].BackendRefs {
			ref := &route.Spec.Rules[i].BackendRefs[j].BackendObjectReference
			o := c.objects[serviceKey(route, ref)]
			if o == nil || ref.Port == nil || deref(ref.Kind, "Service") != "Service" {
				continue
			}
			ports := o.Value.(*corev1.Service).Spec.Ports
			n := slices.IndexFunc(ports, func(p corev1.ServicePort) bool { return p.Port == *ref.Port && p.Protocol == corev1.ProtocolTCP })
			if n < 0 || len(ports) < 2 || !slices.ContainsFunc(strings.Split(ports[n].Name, "-"), func(word string) bool { return slices.Contains(internal, word) }) {
				continue
			}
			c.add(api.Problem{
				Object: routeKey(route), Path: fmt.Sprintf("spec.rules[%d].backendRefs[%d].port", i, j),
				Reason: api.ReasonAdminPortExposed, Severity: api.Warning,
				Message: fmt.Sprintf("port %d of %s is named %q: it can be reached through a Gateway", ports[n].Port, o.Key, ports[n].Name),
				Hint:    "refer to the port that is meant for clients",
				Other:   api.Other{Object: o.Key, Path: fmt.Sprintf("spec.ports[%d]", n)},
			})
		}
	}
}
