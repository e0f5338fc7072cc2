package lint

import (
	"fmt"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// redirectLoops finds redirects to where the request came from.
func redirectLoops(c *checker) {
	seen := map[matchID]bool{}
	hosts := c.routing()
	for i := range hosts {
		h := &hosts[i]
		for place := range h.Matches {
			id := idOf(&h.Matches[place])
			filter, at := redirectOf(id)
			if filter == nil || seen[id] || h.by[place] >= 0 || !h.returns(place, filter) {
				continue
			}
			seen[id] = true
			p := api.Problem{
				Object: routeKey(id.route), Path: fmt.Sprintf("spec.rules[%d].filters[%d].requestRedirect", id.rule, at),
				Reason: api.ReasonRedirectLoop, Severity: api.Error,
				Message: fmt.Sprintf("redirects requests to %s to themselves: clients give up", h),
				Hint:    "redirect to another scheme, hostname, port or path",
				Other:   api.Other{Object: gatewayKey(h.Gateway), Path: fmt.Sprintf("spec.listeners[%d]", h.Listener)},
			}
			if filter.Scheme != nil {
				p.Hint = "name the listener that the redirect is meant for as sectionName in parentRefs"
			}
			c.add(p)
		}
	}
}

func redirectOf(id matchID) (*gatewayv1.HTTPRequestRedirectFilter, int) {
	for i, f := range id.route.Spec.Rules[id.rule].Filters {
		if f.RequestRedirect != nil {
			return f.RequestRedirect, i
		}
	}
	return nil, 0
}

// returns says whether a request that is redirected comes back to the same match. It keeps
// silent about hostnames under a wildcard: another virtual host may be for them.
func (h *virtualHost) returns(place int, f *gatewayv1.HTTPRequestRedirectFilter) bool {
	own := "http"
	if h.secure() {
		own = "https"
	}
	scheme := deref(f.Scheme, own)
	port := h.listener().Port
	switch {
	case f.Port != nil:
		port = *f.Port
	case f.Scheme != nil && scheme == "https":
		port = 443
	case f.Scheme != nil && scheme == "http":
		port = 80
	}
	if scheme != own || port != h.listener().Port || deref(f.Hostname, h.Hostname) != h.Hostname {
		return false
	}
	p := &h.patterns[place]
	for _, c := range p.conditions { // a client may come back with another method or query
		if c.on == "method" && c.value != string(gatewayv1.HTTPMethodGet) || strings.HasPrefix(c.on, "query ") {
			return false
		}
	}
	switch {
	case f.Path == nil:
		return true
	case f.Path.ReplaceFullPath != nil:
		path, _, _ := strings.Cut(*f.Path.ReplaceFullPath, "?")
		return h.firstFor(path) == place
	case f.Path.ReplacePrefixMatch != nil:
		return p.path.kind == gatewayv1.PathMatchPathPrefix && p.path.value == strings.TrimSuffix(*f.Path.ReplacePrefixMatch, "/")
	}
	return false
}

// firstFor gives the first match that a path may meet, whatever else it asks for.
func (h *virtualHost) firstFor(path string) int {
	wanted := pathPattern{kind: gatewayv1.PathMatchExact, value: path, start: path}
	for i := range h.patterns {
		if p := &h.patterns[i]; p.path.unreadableRE || p.path.covers(&wanted) {
			return i
		}
	}
	return -1
}
