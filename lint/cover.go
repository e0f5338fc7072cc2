package lint

import (
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// coverIndex finds, among patterns that come earlier, one that takes all requests of a later
// one, without looking at each. A pattern is kept under its path and the rarest of its
// conditions: whatever it covers has a path below and that condition, too.
type coverIndex struct {
	patterns *patterns
	kept     map[coverKey][]*placedPattern
	// counts of the keys of conditions, of all patterns that will be looked at.
	counts map[string]int
}

type coverKey struct {
	kind      gatewayv1.PathMatchType
	path      string // empty for regular expressions
	condition string
}

// placedPattern is a pattern with its place among the matches of a virtual host.
type placedPattern struct {
	pattern
	place int
}

// longestSearch bounds the search under one key. Only regular expressions come near to it; what is
// not looked at is not reported.
const longestSearch = 128

func newCoverIndex(p *patterns, all []placedPattern) *coverIndex {
	x := &coverIndex{patterns: p, kept: map[coverKey][]*placedPattern{}, counts: map[string]int{}}
	for i := range all {
		for _, c := range all[i].conditions {
			x.counts[c.key()]++
		}
	}
	return x
}

// key is the text that a condition is found by. Regular expressions on one thing share a key,
// since a value does not say which of them it meets.
func (c condition) key() string {
	if c.regex {
		return c.on + " ~"
	}
	return c.on + " =" + c.value
}

func (x *coverIndex) keep(p *placedPattern) {
	k := coverKey{kind: p.path.kind, path: p.path.value}
	if p.path.kind == gatewayv1.PathMatchRegularExpression {
		k.path = ""
	}
	for i, c := range p.conditions {
		key := c.key()
		if i == 0 || x.counts[key] < x.counts[k.condition] {
			k.condition = key
		}
	}
	x.kept[k] = append(x.kept[k], p)
}

// covering gives the earliest pattern kept that takes all requests of p, or nil.
func (x *coverIndex) covering(p *placedPattern) *placedPattern {
	conditions := []string{""}
	for _, c := range p.conditions {
		conditions = append(conditions, c.key())
		if any := c.on + " ~"; !c.regex && x.counts[any] > 0 {
			conditions = append(conditions, any)
		}
	}
	var found *placedPattern
	look := func(kind gatewayv1.PathMatchType, path string) {
		for _, c := range conditions {
			list := x.kept[coverKey{kind, path, c}]
			for _, o := range list[:min(len(list), longestSearch)] {
				if found != nil && found.place < o.place {
					break
				}
				if x.patterns.covers(&o.pattern, &p.pattern) {
					found = o
					break
				}
			}
		}
	}
	look(gatewayv1.PathMatchRegularExpression, "")
	if p.path.kind == gatewayv1.PathMatchExact || p.path.literal {
		look(gatewayv1.PathMatchExact, p.path.start)
	}
	for prefix := p.path.start; ; {
		look(gatewayv1.PathMatchPathPrefix, prefix)
		i := strings.LastIndexByte(prefix, '/')
		if i < 0 {
			break
		}
		prefix = prefix[:i]
	}
	return found
}

// shadows gives for each of the patterns of a virtual host, in Envoy's order, the place of an
// earlier one that takes all its requests, or -1. Those that ignore names take part without
// taking anything from others.
func shadows(p *patterns, all []placedPattern, ignore func(place int) bool) []int {
	x := newCoverIndex(p, all)
	by := slices.Repeat([]int{-1}, len(all))
	for i := range all {
		if o := x.covering(&all[i]); o != nil {
			by[i] = o.place
			continue // what covers it covers all that it could cover
		}
		if !ignore(i) {
			x.keep(&all[i])
		}
	}
	return by
}
