package translator

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// A Rollout may have some requests go to a version whatever its weight, have some copied to a version, and have
// each user stay with one. So one match may become several routes, tried in this order: requests that
// go to a version, requests that are copied, and all others; each of these, where users are known by a
// cookie, for those who have it and for those who get it now. Where nothing of it is asked for, there is one route.

// mirrorSuffix ends the name of the cluster that copies go to. It has the version's endpoints and counts of its
// own, so that copies are no part of what users have asked and got.
const mirrorSuffix = "/mirror"

// variant is one of the routes that a match becomes.
type variant struct {
	headers []*routev3.HeaderMatcher // that requests have beside what the match asks for
	target  target
	mirrors []*routev3.RouteAction_RequestMirrorPolicy
	user    userHash
}

// variants are the routes to a target, in Envoy's order. The hostname is that of the virtual host; empty, or with a
// wildcard, where it stands for several.
func (t *target) variants(hostname string) []variant {
	var all []variant
	for _, m := range t.matches() {
		headers, ok := matchersOf(m, hostname)
		if !ok {
			continue
		}
		all = append(all, byCookie(variant{headers: headers, target: t.pinned(m)})...)
		if len(headers) == 0 {
			return all // nothing is left for others
		}
	}
	for _, m := range t.copied() {
		all = append(all, byCookie(variant{headers: []*routev3.HeaderMatcher{methodsMatch(m.methods)}, target: *t, mirrors: m.policies})...)
	}
	return append(all, byCookie(variant{target: *t})...)
}

// narrowed is the match of a variant.
func (v *variant) narrowed(match *routev3.RouteMatch) *routev3.RouteMatch {
	if len(v.headers) == 0 {
		return match
	}
	m := proto.Clone(match).(*routev3.RouteMatch)
	m.Headers = append(m.Headers, v.headers...)
	return m
}

// route has a route go where the variant does.
func (v *variant) route(route *routev3.Route, action *routev3.RouteAction) {
	v.target.route(action)
	v.user.stick(route, action)
	action.RequestMirrorPolicies = append(action.RequestMirrorPolicies, v.mirrors...)
}

// matches are the requests that go to a version of a backend whatever the weights, each once.
func (t *target) matches() []v1alpha1.RequestMatch {
	var all []v1alpha1.RequestMatch
	for _, b := range t.backends {
		for _, s := range b.shares {
			for _, m := range s.matches {
				if !slices.ContainsFunc(all, func(o v1alpha1.RequestMatch) bool { return reflect.DeepEqual(o, m) }) {
					all = append(all, m)
				}
			}
		}
	}
	return all
}

// pinned is the target of requests with a match: of the backends that know it, the version that is shown.
func (t *target) pinned(m v1alpha1.RequestMatch) target {
	p := target{invalid: t.invalid, backends: slices.Clone(t.backends)}
	for i, b := range p.backends {
		for _, s := range b.shares {
			if slices.ContainsFunc(s.matches, func(o v1alpha1.RequestMatch) bool { return reflect.DeepEqual(o, m) }) {
				p.backends[i].shares = []share{{cluster: s.cluster, weight: v1alpha1.WeightTotal, policy: s.policy}}
				break
			}
		}
	}
	return p
}

// matchersOf is a match as Envoy has it; false: no request for the hostname meets it.
func matchersOf(m v1alpha1.RequestMatch, hostname string) ([]*routev3.HeaderMatcher, bool) {
	var all []*routev3.HeaderMatcher
	for _, h := range m.Headers {
		value := exactly(h.Value)
		if h.Type == v1alpha1.MatchRegex {
			value = like(h.Value)
		}
		all = append(all, headerMatch(strings.ToLower(h.Name), value))
	}
	for _, c := range m.Cookies {
		value := regexp.QuoteMeta(c.Value)
		if c.Type == v1alpha1.MatchRegex {
			value = "(?:" + c.Value + ")"
		}
		all = append(all, cookieMatch(c.Name, value))
	}
	switch {
	case len(m.Hosts) == 0 || slices.Contains(m.Hosts, hostname):
		return all, true
	case hostname != "" && !strings.HasPrefix(hostname, "*"):
		return nil, false
	}
	hosts := make([]string, len(m.Hosts))
	for i, h := range m.Hosts {
		hosts[i] = regexp.QuoteMeta(h)
	}
	return append(all, headerMatch(":authority", like("(?i)(?:"+strings.Join(hosts, "|")+")(?::[0-9]+)?"))), true
}

func like(regex string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: regex}}}
}

// cookieMatch asks for a cookie whose value a regular expression matches. Envoy has a matcher for cookies of its
// own, which older ones ignore: then every request would match.
func cookieMatch(name, value string) *routev3.HeaderMatcher {
	return headerMatch("cookie", like(`(?:.*;)?\s*`+regexp.QuoteMeta(name)+`="?`+value+`"?\s*(?:;.*)?`))
}

// copies are requests with some methods that are copied.
type copies struct {
	methods  []string
	policies []*routev3.RouteAction_RequestMirrorPolicy
}

// safeMethods change nothing: https://www.rfc-editor.org/rfc/rfc9110#name-safe-methods.
var safeMethods = []string{"GET", "HEAD", "OPTIONS"}

// copied are the requests to copy. With several backends none are: Envoy would copy those for the others, too.
func (t *target) copied() []copies {
	if len(t.backends) != 1 {
		return nil
	}
	var all []copies
	for _, s := range t.backends[0].shares {
		if s.mirror == nil {
			continue
		}
		percent, err := s.mirror.Percent.Weight()
		if err != nil || percent == 0 { // admission refuses what is not a percentage
			continue
		}
		methods := s.mirror.Methods
		if len(methods) == 0 {
			methods = safeMethods
		}
		policy := &routev3.RouteAction_RequestMirrorPolicy{Cluster: s.copies, DisableShadowHostSuffixAppend: true}
		if percent < v1alpha1.WeightTotal {
			policy.RuntimeFraction = &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{
				Numerator: uint32(percent), Denominator: typev3.FractionalPercent_TEN_THOUSAND,
			}}
		}
		all = append(all, copies{methods, []*routev3.RouteAction_RequestMirrorPolicy{policy}})
	}
	return all
}

func methodsMatch(methods []string) *routev3.HeaderMatcher {
	if len(methods) == 1 {
		return headerMatch(":method", exactly(methods[0]))
	}
	return headerMatch(":method", like(strings.Join(methods, "|")))
}

// userHash says what chooses the version of a user; the zero value: chance.
type userHash struct {
	by     *v1alpha1.Stickiness
	cookie bool // the request has the cookie
}

// requestID is a header that Envoy gives every request before it looks for a route, and that no client can choose
// at the edge. It becomes the cookie of a user without one, so that the version of the first
// request follows from the same value as that of all others.
const requestID = "x-request-id"

// byCookie takes a variant apart by whether requests have the cookie, where that matters.
func byCookie(v variant) []variant {
	by := v.target.stickiness()
	if by == nil || by.Cookie == nil {
		v.user = userHash{by: by}
		return []variant{v}
	}
	known := v
	known.headers = append(slices.Clone(v.headers), cookieMatch(by.Cookie.Name, `[^;"]+`))
	known.user, v.user = userHash{by, true}, userHash{by: by}
	return []variant{known, v}
}

// stickiness is that of the first backend whose traffic is split; nil: none is, or it does not matter which
// version a user gets.
func (t *target) stickiness() *v1alpha1.Stickiness {
	for _, b := range t.backends {
		weighted := 0
		for _, s := range b.shares {
			if s.weight > 0 {
				weighted++
			}
		}
		if weighted > 1 && b.shares[0].stickiness != nil {
			return b.shares[0].stickiness
		}
	}
	return nil
}

// stick has the user choose among clusters, and gives one without the cookie theirs. Envoy takes the remainder
// of a hash by the sum of the weights, which stays the same while they move: a range of it that grows loses nobody.
func (u userHash) stick(route *routev3.Route, action *routev3.RouteAction) {
	if u.by == nil {
		return
	}
	policy := &routev3.RouteAction_HashPolicy{}
	switch {
	case u.by.Cookie == nil:
		policy.PolicySpecifier = hashedHeader(strings.ToLower(u.by.Header))
	case u.cookie:
		policy.PolicySpecifier = &routev3.RouteAction_HashPolicy_Cookie_{Cookie: &routev3.RouteAction_HashPolicy_Cookie{Name: u.by.Cookie.Name}}
	default:
		policy.PolicySpecifier = hashedHeader(requestID)
		route.ResponseHeadersToAdd = append(route.ResponseHeadersToAdd, &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: "set-cookie", Value: setCookie(u.by.Cookie)},
			AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
		})
	}
	action.HashPolicy = []*routev3.RouteAction_HashPolicy{policy}
	byHash(action)
}

func hashedHeader(name string) *routev3.RouteAction_HashPolicy_Header_ {
	return &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{HeaderName: name}}
}

func setCookie(c *v1alpha1.StickyCookie) string {
	value := strings.ReplaceAll(c.Name, "%", "%%") + "=%REQ(" + requestID + ")%; Path=/"
	if c.TTL != nil {
		value += fmt.Sprintf("; Max-Age=%d", max(int64(c.TTL.Seconds()), 1))
	}
	return value + "; HttpOnly; SameSite=Lax"
}
