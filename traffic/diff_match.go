package traffic

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
)

// both is what asks for all that two matches do, of which the first has the narrower path.
func both(a, b *routev3.RouteMatch) *routev3.RouteMatch {
	m := proto.Clone(a).(*routev3.RouteMatch)
	for _, h := range b.Headers {
		if !slices.ContainsFunc(m.Headers, func(x *routev3.HeaderMatcher) bool { return proto.Equal(x, h) }) {
			m.Headers = append(m.Headers, h)
		}
	}
	for _, q := range b.QueryParameters {
		if !slices.ContainsFunc(m.QueryParameters, func(x *routev3.QueryParameterMatcher) bool { return proto.Equal(x, q) }) {
			m.QueryParameters = append(m.QueryParameters, q)
		}
	}
	return m
}

// pathWithin says whether every path that the first match takes is plainly taken by the second.
func pathWithin(a, b *routev3.RouteMatch) bool {
	if b.GetPrefix() == "/" {
		return true
	}
	exact, isExact := a.PathSpecifier.(*routev3.RouteMatch_Path)
	switch s := b.PathSpecifier.(type) {
	case *routev3.RouteMatch_Path:
		return isExact && exact.Path == s.Path
	case *routev3.RouteMatch_Prefix:
		return isExact && strings.HasPrefix(exact.Path, s.Prefix) || a.GetPrefix() != "" && strings.HasPrefix(a.GetPrefix(), s.Prefix) ||
			a.GetPathSeparatedPrefix() != "" && strings.HasPrefix(a.GetPathSeparatedPrefix(), s.Prefix)
	case *routev3.RouteMatch_PathSeparatedPrefix:
		for _, p := range []string{a.GetPath(), a.GetPathSeparatedPrefix()} {
			if rest, ok := strings.CutPrefix(p, s.PathSeparatedPrefix); ok && (rest == "" || rest[0] == '/') {
				return true
			}
		}
		return false
	}
	return proto.Equal(onlyPath(a), onlyPath(b))
}

func onlyPath(m *routev3.RouteMatch) *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: m.PathSpecifier}
}

// fits says whether a match takes the request; it is misses without the words.
func (f *flow) fits(m *routev3.RouteMatch, path, query string) bool {
	if !f.pathFits(m, path) {
		return false
	}
	for _, h := range m.Headers {
		values := f.values(h.Name)
		if slices.ContainsFunc(values, func(v string) bool { return f.matchesString(h.GetStringMatch(), v) }) == h.InvertMatch {
			return false
		}
	}
	for _, q := range m.QueryParameters {
		value, present := parameter(query, q.Name)
		if !present || !f.matchesString(q.GetStringMatch(), value) {
			return false
		}
	}
	return true
}
