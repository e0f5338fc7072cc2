package traffic

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
)

// misses gives everything about a request that a match does not take; none: it matches.
// The path is looked at without the query; of a header that is there several times one value is
// enough; of a query parameter the first counts, as it is written
// (RouteEntryImplBase::matchRoute).
func (f *flow) misses(m *routev3.RouteMatch) []string {
	var all []string
	path, query := splitQuery(f.path)
	if want, ok := f.matchesPath(m, path); !ok {
		all = append(all, "the path "+path+" is not "+want)
	}
	for _, h := range m.Headers {
		values := f.values(h.Name)
		matches := slices.ContainsFunc(values, func(v string) bool { return f.matchesString(h.GetStringMatch(), v) })
		if matches != h.InvertMatch {
			continue
		}
		what := "header " + h.Name
		if h.Name == ":method" {
			what = "the method"
		}
		switch {
		case h.Name == ":method":
			all = append(all, fmt.Sprintf("the method %s is not %s", f.request.Method, h.GetStringMatch().GetExact()))
		case len(values) == 0:
			all = append(all, fmt.Sprintf("there is no %s (%s is asked for)", what, describeString(h.GetStringMatch())))
		default:
			all = append(all, fmt.Sprintf("%s is %s, not %s", what, quoted(values), describeString(h.GetStringMatch())))
		}
	}
	for _, q := range m.QueryParameters {
		value, present := parameter(query, q.Name)
		switch {
		case !present:
			all = append(all, fmt.Sprintf("there is no query parameter %s (%s is asked for)", q.Name, describeString(q.GetStringMatch())))
		case !f.matchesString(q.GetStringMatch(), value):
			all = append(all, fmt.Sprintf("query parameter %s is %q, not %s", q.Name, value, describeString(q.GetStringMatch())))
		}
	}
	return all
}

func quoted(values []string) string {
	var all []string
	for _, v := range values {
		all = append(all, strconv.Quote(v))
	}
	return strings.Join(all, " and ")
}

// matchesPath says whether a path matches, and what is asked for.
func (f *flow) matchesPath(m *routev3.RouteMatch, path string) (want string, ok bool) {
	return describePath(m), f.pathFits(m, path)
}

func (f *flow) pathFits(m *routev3.RouteMatch, path string) bool {
	switch s := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Path:
		return path == s.Path
	case *routev3.RouteMatch_Prefix:
		return strings.HasPrefix(path, s.Prefix)
	case *routev3.RouteMatch_PathSeparatedPrefix:
		rest, found := strings.CutPrefix(path, s.PathSeparatedPrefix)
		return found && (rest == "" || rest[0] == '/')
	case *routev3.RouteMatch_SafeRegex:
		return f.model.regexes.match(s.SafeRegex.Regex, path)
	}
	return false
}

func describePath(m *routev3.RouteMatch) string {
	switch s := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Path:
		return s.Path
	case *routev3.RouteMatch_Prefix:
		if s.Prefix == "/" {
			return "every path"
		}
		return s.Prefix + "…"
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return s.PathSeparatedPrefix + " or below it"
	case *routev3.RouteMatch_SafeRegex:
		return "what " + s.SafeRegex.Regex + " matches as a whole"
	}
	return "a kind of path that is not known"
}

func (f *flow) matchesString(m *matcherv3.StringMatcher, value string) bool {
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		return value == p.Exact
	case *matcherv3.StringMatcher_SafeRegex:
		return f.model.regexes.match(p.SafeRegex.Regex, value)
	}
	return false
}

func describeString(m *matcherv3.StringMatcher) string {
	if r := m.GetSafeRegex(); r != nil {
		return "what " + r.Regex + " matches as a whole"
	}
	return fmt.Sprintf("%q", m.GetExact())
}

// regexes holds the regular expressions that were needed: routes are asked over and over.
type regexes struct{ compiled sync.Map } // of func() (*regexp.Regexp, error) by pattern

// match matches the whole value, as Envoy does. RE2, which Envoy uses, is what Go's regular
// expressions come from; of what is not UTF-8 it matches nothing.
func (r *regexes) match(pattern, value string) bool {
	once, _ := r.compiled.LoadOrStore(pattern, sync.OnceValues(func() (*regexp.Regexp, error) {
		return regexp.Compile(`\A(?:` + pattern + `)\z`)
	}))
	re, err := once.(func() (*regexp.Regexp, error))()
	return err == nil && utf8.ValidString(value) && re.MatchString(value)
}

// parameter gives the first value of a query parameter. Nothing is decoded: Envoy compares
// names and values as they are written.
func parameter(query, name string) (string, bool) {
	query = strings.TrimPrefix(query, "?")
	for _, p := range strings.Split(query, "&") {
		if key, value, _ := strings.Cut(p, "="); key == name && p != "" {
			return value, true
		}
	}
	return "", false
}

// describeMatch says what a match asks for.
func describeMatch(m *routev3.RouteMatch) string {
	all := []string{describePath(m)}
	for _, h := range m.Headers {
		if h.Name == ":method" {
			all = append([]string{h.GetStringMatch().GetExact()}, all...)
			continue
		}
		all = append(all, "header "+h.Name+" is "+describeString(h.GetStringMatch()))
	}
	for _, q := range m.QueryParameters {
		all = append(all, "query parameter "+q.Name+" is "+describeString(q.GetStringMatch()))
	}
	return strings.Join(all, ", ")
}

// fraction is the share of the matching requests that a route takes.
func fraction(m *routev3.RouteMatch) float64 {
	p := m.GetRuntimeFraction().GetDefaultValue()
	if p == nil {
		return 1
	}
	denominator := map[typev3.FractionalPercent_DenominatorType]float64{
		typev3.FractionalPercent_HUNDRED: 100, typev3.FractionalPercent_TEN_THOUSAND: 10_000, typev3.FractionalPercent_MILLION: 1_000_000,
	}[p.Denominator]
	return min(float64(p.Numerator)/denominator, 1)
}
