package lint

import (
	"fmt"
	"regexp"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// neverTrue finds matches that no request meets, given what listeners do with requests before
// they choose a route: docs/edge-defaults.md. Each case has been tried on Envoy 1.40.
func neverTrue(c *checker) {
	for _, o := range c.of(api.KindHTTPRoute) {
		rules := o.Value.(*gatewayv1.HTTPRoute).Spec.Rules
		for i := range rules {
			for j := range rules[i].Matches {
				n := never{c, o.Key, fmt.Sprintf("spec.rules[%d].matches[%d]", i, j)}
				n.match(&rules[i].Matches[j])
			}
		}
	}
}

type never struct {
	*checker
	key  api.Key
	path string
}

func (n *never) add(path, message, hint string) {
	n.checker.add(api.Problem{
		Object: n.key, Path: n.path + path, Reason: api.ReasonMatchNeverTrue, Severity: api.Warning, Message: message, Hint: hint,
	})
}

func (n *never) match(m *gatewayv1.HTTPRouteMatch) {
	if m.Path != nil {
		n.matchPath(n.patterns.path(m.Path))
	}
	if m.Method != nil && *m.Method == gatewayv1.HTTPMethodConnect {
		n.add(".method", "listeners answer CONNECT by themselves, with 404: no such request gets here", "remove it; WebSockets begin with GET")
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		exact := h.Type == nil || *h.Type == gatewayv1.HeaderMatchExact
		if exact && strings.TrimSpace(h.Value) != h.Value {
			n.add(fmt.Sprintf(".headers[%d].value", i), fmt.Sprintf("%q never comes: space around the value of a header does not belong to it", h.Value), "leave the space out")
		}
	}
	for i := range m.QueryParams {
		q := &m.QueryParams[i]
		exact := q.Type == nil || *q.Type == gatewayv1.QueryParamMatchExact
		if exact && strings.ContainsAny(q.Value, " #&") {
			n.add(fmt.Sprintf(".queryParams[%d].value", i),
				fmt.Sprintf("%q never comes: the value is compared as it stands in the URL, where space, '#' and '&' are escaped", q.Value),
				"write the escapes, such as %20; a client may also send '+' for a space")
		}
	}
}

// unreserved are escapes of characters that need none. Envoy decodes them before it compares.
// https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2.2
var unreserved = regexp.MustCompile(`(?i)%(?:2d|2e|3[0-9]|4[1-9a-f]|5[0-9a]|5f|6[1-9a-f]|7[0-9a]|7e)`)

func (n *never) matchPath(p pathPattern) {
	if p.kind == gatewayv1.PathMatchRegularExpression {
		n.expression(p)
		return
	}
	if escape := unreserved.FindString(p.value); escape != "" {
		n.add(".path.value", fmt.Sprintf("%q never comes: %s is decoded before paths are compared", p.value, escape), "write the character itself")
	}
	if strings.Contains(strings.ToLower(p.value), "%5c") {
		n.add(".path.value", fmt.Sprintf("%q never comes: requests with an escaped backslash are redirected to the path without it", p.value), "write '/'")
	}
}

// expression looks at the text that every path begins with which a regular expression takes.
func (n *never) expression(p pathPattern) {
	switch {
	case p.start != "" && !strings.HasPrefix(p.start, "/"):
		n.add(".path.value", fmt.Sprintf("no path begins with %q: the expression is compared with the whole path, from the '/' at its beginning", p.start),
			"begin it with '/', or with .* to find it anywhere")
	case strings.ContainsAny(p.start, "?#"):
		n.add(".path.value", "the expression asks for a '?' or '#', but is compared with the path alone, without the query", "use queryParams for what comes after the '?'")
	}
}

// forwardedProto finds matches on x-forwarded-proto that ask for another scheme than that of
// every listener where they stand: listeners write that header themselves.
func forwardedProto(c *checker) {
	type asked struct{ met bool }
	seen := map[matchID]*asked{}
	var order []matchID
	hosts := c.routing()
	for i := range hosts {
		h := &hosts[i]
		scheme := "http"
		if h.secure() {
			scheme = "https"
		}
		for place := range h.Matches {
			for _, cond := range h.patterns[place].conditions {
				if cond.on != "header x-forwarded-proto" || cond.regex {
					continue
				}
				id := idOf(&h.Matches[place])
				if seen[id] == nil {
					seen[id] = &asked{}
					order = append(order, id)
				}
				seen[id].met = seen[id].met || cond.value == scheme
			}
		}
	}
	for _, id := range order {
		if seen[id].met {
			continue
		}
		n := never{c, routeKey(id.route), id.matchPath()}
		n.add(".headers", "asks for an x-forwarded-proto that none of its listeners writes: http on HTTP listeners, https on HTTPS listeners, whatever the client sends",
			"attach the route to the listener of that scheme (sectionName in parentRefs) instead")
	}
}
