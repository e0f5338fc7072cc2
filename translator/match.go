package translator

import (
	"fmt"
	"regexp"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// matchPath reads the path of a match; without one, every path matches.
func matchPath(m *gatewayv1.HTTPRouteMatch) (gatewayv1.PathMatchType, string) {
	if m.Path == nil {
		return gatewayv1.PathMatchPathPrefix, "/"
	}
	kind, value := valueOr(m.Path.Type, gatewayv1.PathMatchPathPrefix), valueOr(m.Path.Value, "/")
	if kind == gatewayv1.PathMatchPathPrefix && value != "/" {
		value = strings.TrimSuffix(value, "/") // a trailing slash means nothing
	}
	return kind, value
}

// routeMatch translates a match. It gives an error for what admission refuses.
func routeMatch(m *gatewayv1.HTTPRouteMatch) (*routev3.RouteMatch, error) {
	match := &routev3.RouteMatch{}
	switch kind, path := matchPath(m); kind {
	case gatewayv1.PathMatchExact:
		match.PathSpecifier = &routev3.RouteMatch_Path{Path: path}
	case gatewayv1.PathMatchPathPrefix:
		if path == "/" || path == "" {
			match.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: "/"}
		} else {
			match.PathSpecifier = &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: path}
		}
	case gatewayv1.PathMatchRegularExpression:
		if _, err := regexp.Compile(path); err != nil {
			return nil, err
		}
		match.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: path}}
	default:
		return nil, fmt.Errorf("%q is not a type of path match", kind)
	}
	if m.Method != nil {
		match.Headers = append(match.Headers, headerMatch(":method", exactly(string(*m.Method))))
	}
	seen := map[string]bool{}
	for i := range m.Headers {
		h := &m.Headers[i]
		name := strings.ToLower(string(h.Name))
		if seen[name] {
			continue // the first entry for a header counts
		}
		seen[name] = true
		value, err := stringMatch(string(valueOr(h.Type, gatewayv1.HeaderMatchExact)), h.Value)
		if err != nil {
			return nil, err
		}
		match.Headers = append(match.Headers, headerMatch(name, value))
	}
	seen = map[string]bool{}
	for i := range m.QueryParams {
		q := &m.QueryParams[i]
		if seen[string(q.Name)] {
			continue
		}
		seen[string(q.Name)] = true
		value, err := stringMatch(string(valueOr(q.Type, gatewayv1.QueryParamMatchExact)), q.Value)
		if err != nil {
			return nil, err
		}
		match.QueryParameters = append(match.QueryParameters, &routev3.QueryParameterMatcher{
			Name:                         string(q.Name),
			QueryParameterMatchSpecifier: &routev3.QueryParameterMatcher_StringMatch{StringMatch: value},
		})
	}
	return match, nil
}

func headerMatch(name string, value *matcherv3.StringMatcher) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name:                 name,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: value},
	}
}

func exactly(value string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: value}}
}

// stringMatch translates Exact and RegularExpression, which headers and query parameters have
// in common. A regular expression is RE2 and must match the whole value.
func stringMatch(kind, value string) (*matcherv3.StringMatcher, error) {
	switch kind {
	case "Exact":
		return exactly(value), nil
	case "RegularExpression":
		if _, err := regexp.Compile(value); err != nil {
			return nil, err
		}
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{
			SafeRegex: &matcherv3.RegexMatcher{Regex: value},
		}}, nil
	}
	return nil, fmt.Errorf("%q is not a type of match", kind)
}
