package lint

import (
	"fmt"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/translator"
)

// virtualHost is a virtual host with the patterns of its matches, in Envoy's order.
type virtualHost struct {
	translator.Host
	patterns []placedPattern
	// by says for each match which earlier one takes all its requests; -1: none.
	by []int
}

// listener gives the listener that the virtual host belongs to.
func (h *virtualHost) listener() *gatewayv1.Listener { return &h.Gateway.Spec.Listeners[h.Listener] }

// secure says whether clients reach it over TLS.
func (h *virtualHost) secure() bool { return h.listener().Protocol == gatewayv1.HTTPSProtocolType }

// String names the virtual host in messages.
func (h *virtualHost) String() string {
	name := "every host"
	if h.Hostname != "" {
		name = h.Hostname
	}
	return fmt.Sprintf("%s on listener %s of Gateway %s/%s", name, h.listener().Name, h.Gateway.Namespace, h.Gateway.Name)
}

// matchID is a match of a route. Rules without matches have one.
type matchID struct {
	route       *gatewayv1.HTTPRoute
	rule, match int
}

func idOf(m *translator.HostMatch) matchID { return matchID{m.Route, m.Rule, m.Match} }

// path is where the match is written; the whole rule when it has just one.
func (m matchID) path() string {
	rule := fmt.Sprintf("spec.rules[%d]", m.rule)
	if len(m.route.Spec.Rules[m.rule].Matches) > 1 {
		return fmt.Sprintf("%s.matches[%d]", rule, m.match)
	}
	return rule
}

// matchPath is where the match itself is written.
func (m matchID) matchPath() string {
	return fmt.Sprintf("spec.rules[%d].matches[%d]", m.rule, m.match)
}

func (m matchID) String() string { return m.path() + " of " + routeKey(m.route).String() }

func routeKey(r *gatewayv1.HTTPRoute) api.Key {
	return api.Key{Kind: api.KindHTTPRoute, Namespace: r.Namespace, Name: r.Name}
}

func gatewayKey(g *gatewayv1.Gateway) api.Key {
	return api.Key{Kind: api.KindGateway, Namespace: g.Namespace, Name: g.Name}
}

// findHosts gives the virtual hosts of the set, once for each listener, whatever the number of its
// addresses.
func (c *shared) findHosts() []virtualHost {
	type place struct {
		gateway  *gatewayv1.Gateway
		listener int
		hostname string
	}
	seen, known := map[place]bool{}, map[matchID]pattern{}
	broken := c.brokenRoutes()
	var hosts []virtualHost
	for _, h := range c.Translator().Hosts() {
		if p := (place{h.Gateway, h.Listener, h.Hostname}); seen[p] {
			continue
		} else {
			seen[p] = true
		}
		v := virtualHost{Host: h, patterns: make([]placedPattern, len(h.Matches))}
		for i := range h.Matches {
			id := idOf(&h.Matches[i])
			p, ok := known[id]
			if !ok {
				p = c.patterns.of(h.Matches[i].Value)
				known[id] = p
			}
			v.patterns[i] = placedPattern{p, i}
		}
		v.by = shadows(c.patterns, v.patterns, func(i int) bool { return broken[routeKey(h.Matches[i].Route)] })
		hosts = append(hosts, v)
	}
	return hosts
}

// brokenRoutes are those of which a match may have been left out by the translator.
func (c *shared) brokenRoutes() map[api.Key]bool {
	broken := map[api.Key]bool{}
	for _, p := range c.said() {
		if p.Object.Kind == api.KindHTTPRoute && p.Reason == api.ReasonInvalidResource {
			broken[p.Object] = true
		}
	}
	return broken
}

// why says what puts one match of a virtual host before another.
func (h *virtualHost) why(first, second int) string {
	a, b := &h.Matches[first], &h.Matches[second]
	p, q := &h.patterns[first], &h.patterns[second]
	lengthOf := func(p *placedPattern) int { return max(len(p.path.value), 1) }
	counts := func(p *placedPattern, on string) (n int) {
		for _, c := range p.conditions {
			if strings.HasPrefix(c.on, on) {
				n++
			}
		}
		return n
	}
	switch {
	case a.Specificity != b.Specificity:
		return "its hostname is more specific"
	case p.path.kind != q.path.kind && p.path.kind == gatewayv1.PathMatchExact:
		return "its path is exact"
	case lengthOf(p) != lengthOf(q):
		return "its path is longer"
	case p.path.kind != q.path.kind:
		return "a prefix goes before a regular expression of the same length"
	case counts(p, "method") != counts(q, "method"):
		return "it asks for a method"
	case counts(p, "header ") != counts(q, "header "):
		return "it asks for more headers"
	case counts(p, "query ") != counts(q, "query "):
		return "it asks for more query parameters"
	case a.Route == b.Route:
		return "it is written first"
	case !a.Route.CreationTimestamp.Equal(&b.Route.CreationTimestamp):
		return "its route is older"
	}
	return "its route comes first by namespace and name"
}
