package lint

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// pattern is a match of a route in a form that can be compared: which requests it takes.
type pattern struct {
	path pathPattern
	// conditions on the method, headers and query parameters, sorted, each thing once.
	conditions []condition
}

// pathPattern says which paths are taken. Envoy compares with the normalised path, without the
// query, and always one that begins with "/".
type pathPattern struct {
	kind  gatewayv1.PathMatchType
	value string // without the trailing slash of a prefix; "" is the prefix of everything
	// Of a regular expression: the text that every path begins with which it takes; whether that
	// is all there is to it; and whether it takes every path that begins so.
	start        string
	literal      bool
	everyWithIt  bool
	expression   *regexp.Regexp // for the whole text; nil when it is no regular expression
	unreadableRE bool
}

// condition is one thing that a request must have.
type condition struct {
	on    string // "method", "header x", "query x"
	regex bool
	value string
}

// patterns makes patterns, and keeps the regular expressions in them. Several checks may use it at once.
type patterns struct {
	compiled sync.Map // *regexp.Regexp by what is written
}

func newPatterns() *patterns { return &patterns{} }

// whole gives a regular expression that must match all of a text, as Envoy's do; nil when it is
// none. Admission refuses those.
func (p *patterns) whole(expression string) *regexp.Regexp {
	if known, ok := p.compiled.Load(expression); ok {
		return known.(*regexp.Regexp)
	}
	re, _ := regexp.Compile(`\A(?:` + expression + `)\z`)
	p.compiled.Store(expression, re)
	return re
}

func (p *patterns) of(m *gatewayv1.HTTPRouteMatch) pattern {
	var out pattern
	out.path = p.path(m.Path)
	if m.Method != nil {
		out.conditions = append(out.conditions, condition{on: "method", value: string(*m.Method)})
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		out.add(condition{
			on:    "header " + strings.ToLower(string(h.Name)),
			regex: h.Type != nil && *h.Type == gatewayv1.HeaderMatchRegularExpression, value: h.Value,
		})
	}
	for i := range m.QueryParams {
		q := &m.QueryParams[i]
		out.add(condition{
			on:    "query " + string(q.Name),
			regex: q.Type != nil && *q.Type == gatewayv1.QueryParamMatchRegularExpression, value: q.Value,
		})
	}
	slices.SortFunc(out.conditions, func(a, b condition) int { return cmp.Compare(a.on, b.on) })
	return out
}

// add takes in a condition on a thing that has none yet: the first entry for a name counts.
func (p *pattern) add(c condition) {
	if !slices.ContainsFunc(p.conditions, func(o condition) bool { return o.on == c.on }) {
		p.conditions = append(p.conditions, c)
	}
}

func (p *patterns) path(m *gatewayv1.HTTPPathMatch) pathPattern {
	out := pathPattern{kind: gatewayv1.PathMatchPathPrefix}
	if m == nil {
		return out
	}
	if m.Type != nil {
		out.kind = *m.Type
	}
	if m.Value != nil {
		out.value = *m.Value
	}
	switch out.kind {
	case gatewayv1.PathMatchPathPrefix:
		out.value = strings.TrimSuffix(out.value, "/")
		out.start = out.value
	case gatewayv1.PathMatchRegularExpression:
		out.expression = p.whole(out.value)
		if out.expression == nil {
			out.unreadableRE = true
			return out
		}
		if re, err := regexp.Compile(out.value); err == nil {
			out.start, out.literal = re.LiteralPrefix()
		}
		head, cut := strings.CutSuffix(out.value, ".*")
		out.everyWithIt = cut && regexp.QuoteMeta(head) == head
		if out.everyWithIt {
			out.start = head
		}
	default:
		out.start = out.value
	}
	return out
}

// equal says whether two patterns are written so that they take the same requests.
func (p *pattern) equal(o *pattern) bool {
	return p.path.kind == o.path.kind && p.path.value == o.path.value && slices.Equal(p.conditions, o.conditions)
}

// covers says whether p certainly takes every request that o takes.
func (s *patterns) covers(p, o *pattern) bool {
	return p.path.covers(&o.path) && s.coversConditions(p, o)
}

func (p *pathPattern) covers(o *pathPattern) bool {
	if o.unreadableRE || p.unreadableRE {
		return false
	}
	regex := o.kind == gatewayv1.PathMatchRegularExpression
	switch p.kind {
	case gatewayv1.PathMatchExact:
		return !regex && o.kind == gatewayv1.PathMatchExact && o.value == p.value || regex && o.literal && o.start == p.value
	case gatewayv1.PathMatchPathPrefix:
		if !regex || o.literal {
			return within(o.start, p.value)
		}
		return p.value == "" || strings.HasPrefix(o.start, p.value+"/")
	}
	switch {
	case regex && p.value == o.value:
		return true
	case p.everyWithIt:
		// Every path begins with "/", whether the expression says so or not.
		return p.start == "" || p.start == "/" || strings.HasPrefix(o.start, p.start)
	case o.kind == gatewayv1.PathMatchExact || regex && o.literal:
		return p.expression.MatchString(o.start)
	}
	return false
}

// within says whether a path is a prefix, or below it, by whole segments.
func within(path, prefix string) bool {
	return strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || prefix == "" || path[len(prefix)] == '/')
}

// coversConditions says whether all that p asks for is certain of a request that o takes.
func (s *patterns) coversConditions(p, o *pattern) bool {
	i := 0
	for _, c := range p.conditions {
		for i < len(o.conditions) && o.conditions[i].on < c.on {
			i++
		}
		if i == len(o.conditions) || o.conditions[i].on != c.on || !s.implies(o.conditions[i], c) {
			return false
		}
	}
	return true
}

// implies says whether what meets the condition c certainly meets wider, which is about the same
// thing.
func (s *patterns) implies(c, wider condition) bool {
	switch {
	case c.regex == wider.regex && c.value == wider.value:
		return true
	case !wider.regex:
		return false
	case wider.value == ".*":
		return true
	case c.regex:
		return false
	}
	re := s.whole(wider.value)
	return re != nil && re.MatchString(c.value)
}
