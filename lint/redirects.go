package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// redirectLoops finds redirects that lead back to where the request came from, at once or by way of others.
func redirectLoops(c *checker) {
	seen := map[matchID]bool{}
	hosts := c.routing()
	for i := range hosts {
		h := &hosts[i]
		for place := range h.Matches {
			id := idOf(&h.Matches[place])
			filter, at := redirectOf(id)
			if filter == nil || seen[id] || h.by[place] >= 0 {
				continue
			}
			round := h.round(place)
			if round == nil {
				continue
			}
			for _, other := range round {
				seen[idOf(&h.Matches[other])] = true // the same fault
			}
			p := api.Problem{
				Object: routeKey(id.route), Path: fmt.Sprintf("spec.rules[%d].filters[%d].requestRedirect", id.rule, at),
				Reason: api.ReasonRedirectLoop, Severity: api.Error,
				Message: fmt.Sprintf("redirects requests to %s to themselves: clients give up", h),
				Hint:    "redirect to another scheme, hostname, port or path",
				Other:   api.Other{Object: gatewayKey(h.Gateway), Path: fmt.Sprintf("spec.listeners[%d]", h.Listener)},
			}
			if len(round) > 1 {
				next := idOf(&h.Matches[round[1]])
				p.Message = fmt.Sprintf("redirects requests to %s in circles, by way of %s of HTTPRoute %s/%s: clients give up", h, next.path(), next.route.Namespace, next.route.Name)
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

// mostRedirects is how many redirects browsers follow: https://fetch.spec.whatwg.org/#http-redirect-fetch
const mostRedirects = 20

// round follows a request that meets a match through the redirects of the virtual host. When there is no end to
// them, and the match itself is met again, it gives the matches on the way, which begin with it; else nil.
func (h *virtualHost) round(place int) []int {
	through := []int{place}
	at, path, back := place, "", false
	if p := h.patterns[place].path; p.kind != gatewayv1.PathMatchRegularExpression {
		path = cmp.Or(p.value, "/")
	}
	for range mostRedirects {
		f, _ := redirectOf(idOf(&h.Matches[at]))
		if f == nil || !h.stays(at, f) || at != place && len(h.patterns[at].conditions) > 0 {
			return nil
		}
		switch p := &h.patterns[at].path; {
		case f.Path == nil && at == place:
			return through
		case f.Path == nil:
			return nil // that one is told by itself
		case f.Path.ReplaceFullPath != nil:
			path, _, _ = strings.Cut(*f.Path.ReplaceFullPath, "?")
		case f.Path.ReplacePrefixMatch == nil || p.kind != gatewayv1.PathMatchPathPrefix || path == "":
			return nil
		default:
			path = cmp.Or(strings.TrimSuffix(*f.Path.ReplacePrefixMatch, "/")+strings.TrimPrefix(path, p.value), "/")
		}
		if at = h.firstFor(path); at < 0 {
			return nil
		}
		back = back || at == place
		if !back && !slices.Contains(through, at) {
			through = append(through, at)
		}
	}
	if !back {
		return nil
	}
	return through
}

// stays says whether a request that is redirected comes back to the virtual host. It keeps
// silent about hostnames under a wildcard: another virtual host may be for them.
func (h *virtualHost) stays(place int, f *gatewayv1.HTTPRequestRedirectFilter) bool {
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
	for _, c := range h.patterns[place].conditions { // a client may come back with another method or query
		if c.on == "method" && c.value != string(gatewayv1.HTTPMethodGet) || strings.HasPrefix(c.on, "query ") {
			return false
		}
	}
	return true
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
