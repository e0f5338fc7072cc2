package translator

import (
	"cmp"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// entry is a match of a rule, translated, with all that decides its place in a virtual host:
// Envoy takes the first route that matches.
type entry struct {
	route *gatewayv1.HTTPRoute
	// specificity of the hostname of the route that answers.
	specificity int
	// The match itself.
	exact      bool
	regex      bool
	pathLength int
	method     bool
	headers    int
	parameters int
	rule       int // index in the route
	match      int // index in the rule
	routes     []*routev3.Route
}

func newEntry(route *gatewayv1.HTTPRoute, rule, match int, m *gatewayv1.HTTPRouteMatch) entry {
	kind, path := matchPath(m)
	return entry{
		route: route, rule: rule, match: match,
		exact:      kind == gatewayv1.PathMatchExact,
		regex:      kind == gatewayv1.PathMatchRegularExpression,
		pathLength: len(path),
		method:     m.Method != nil,
		headers:    len(m.Headers),
		parameters: len(m.QueryParams),
	}
}

// compare orders entries by the Gateway API's rules of precedence: the more specific hostname,
// an exact path, the longer prefix, a method, the more headers, the more query parameters; then
// the older route, then the first by namespace and name, then the order in the route. See
// https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule.
//
// The Gateway API leaves the place of regular expressions open. Here they come after exact
// paths and stand among the prefixes by their length in characters, after a prefix of the same
// length: so a rule for everything ("/") does not hide them.
func (e entry) compare(o entry) int {
	return cmp.Or(
		cmp.Compare(o.specificity, e.specificity),
		first(e.exact, o.exact),
		cmp.Compare(o.pathLength, e.pathLength),
		first(o.regex, e.regex),
		first(e.method, o.method),
		cmp.Compare(o.headers, e.headers),
		cmp.Compare(o.parameters, e.parameters),
		compareAge(e.route, o.route),
		cmp.Compare(e.rule, o.rule),
		cmp.Compare(e.match, o.match),
	)
}

// first puts the one that is true before the one that is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
