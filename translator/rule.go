package translator

import (
	"fmt"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// site is where a route answers; redirects depend on it.
type site struct {
	hostname string // of the virtual host
	port     int32  // of the listener
	secure   bool   // HTTPS
}

// compiler translates the rules of one HTTPRoute for one virtual host. What is wrong with them
// does not depend on the virtual host: the route's status unit runs a compiler, too, for that.
type compiler struct {
	r       *Reader
	fleet   fleet
	route   *gatewayv1.HTTPRoute
	site    site
	encoder *encoder
	// split is rescued, or for a status, which weights do not matter to, something that does
	// not read them.
	split func(r *Reader, namespace, service string, port int32) []share

	clusters []share // every one that is named
	problems []api.Problem
	refs     verdict // for the condition ResolvedRefs
	refused  verdict // why rules were refused; nRefused says how many
	nRefused int
}

// compile translates all rules. specificity is that of the route's hostname that answers.
func (c *compiler) compile(specificity int) []entry {
	var entries []entry
	for i := range c.route.Spec.Rules {
		for _, e := range c.rule(i) {
			e.specificity = specificity
			entries = append(entries, e)
		}
	}
	return entries
}

func (c *compiler) problem(path string, reason api.Reason, message, hint string) {
	c.problems = append(c.problems, api.Problem{
		Object: api.Key{Kind: api.KindHTTPRoute, Namespace: c.route.Namespace, Name: c.route.Name},
		Path:   path, Reason: reason, Severity: api.Error, Message: message, Hint: hint,
	})
}

// refuse notes why (a part of) a rule cannot be carried out. Its requests are answered 500: a
// filter that is skipped, or a request that falls through to another rule, might do harm.
func (c *compiler) refuse(reason gatewayv1.RouteConditionReason, path, message, hint string) {
	c.refused.no(string(reason), path+": "+message)
	c.problem(path, api.ReasonUnsupportedField, message, hint)
}

func (c *compiler) rule(i int) []entry {
	rule := &c.route.Spec.Rules[i]
	path := fmt.Sprintf("spec.rules[%d]", i)
	filters, ok := c.ruleFilters(path+".filters", rule.Filters)
	var target target
	if filters.redirect == nil {
		target = c.target(path+".backendRefs", rule)
	}
	matches := rule.Matches
	if len(matches) == 0 {
		matches = make([]gatewayv1.HTTPRouteMatch, 1)
	}
	var entries []entry
	for j := range matches {
		match, err := routeMatch(&matches[j])
		if err != nil {
			c.refuse(gatewayv1.RouteReasonUnsupportedValue, fmt.Sprintf("%s.matches[%d]", path, j), err.Error(), "this match is left out")
			ok = false
			continue
		}
		e := newEntry(c.route, i, j, &matches[j])
		e.routes = c.routes(match, &matches[j], rule, filters, target)
		if e.routes == nil {
			c.refuse(gatewayv1.RouteReasonUnsupportedValue, path+".filters", "ReplacePrefixMatch needs a match with a path of type PathPrefix",
				"requests that match are answered 500")
		}
		if e.routes == nil || !filters.ok {
			ok = false
			e.routes = []*routev3.Route{{Match: match, Action: answer(500)}}
		}
		if err := validRoutes(e.routes); err != nil {
			// Neighbours in the virtual host must not suffer from it.
			c.refused.no(string(gatewayv1.RouteReasonUnsupportedValue), path+": "+err.Error())
			c.problem(path, api.ReasonInvalidResource, "the Envoy route made from it is invalid: "+err.Error(), "this match is left out")
			ok = false
			continue
		}
		entries = append(entries, e)
	}
	if !ok {
		c.nRefused++
	}
	return entries
}

// routes translates one match of a rule: into one route, or several where a Rollout tells requests apart, and
// one before each where a share of the requests is answered 500. It gives nil when the filters do not fit the match.
func (c *compiler) routes(match *routev3.RouteMatch, m *gatewayv1.HTTPRouteMatch, rule *gatewayv1.HTTPRouteRule, filters ruleFilters, t target) []*routev3.Route {
	if filters.redirect != nil {
		redirect, ok := c.redirect(filters.redirect, m)
		if !ok {
			return nil
		}
		route := &routev3.Route{Match: match, Action: &routev3.Route_Redirect{Redirect: redirect}}
		filters.modifyHeaders(route)
		return []*routev3.Route{route}
	}
	if !t.answers() {
		return []*routev3.Route{{Match: match, Action: answer(t.status())}}
	}
	var routes []*routev3.Route
	for _, v := range t.variants(c.site.hostname) {
		route := &routev3.Route{Match: v.narrowed(match)}
		filters.modifyHeaders(route)
		action := c.encoder.forwarding(t.policy())
		action.RequestMirrorPolicies = slices.Clone(filters.mirrors)
		v.route(route, action)
		setTimeouts(action, rule.Timeouts)
		if filters.rewrite != nil && !rewrite(action, filters.rewrite, m) {
			return nil
		}
		route.Action = &routev3.Route_Route{Route: action}
		c.encoder.routePolicy(route, t.policy())
		if t.invalid > 0 {
			failing := proto.Clone(route.Match).(*routev3.RouteMatch)
			failing.RuntimeFraction = t.invalidFraction()
			routes = append(routes, &routev3.Route{Match: failing, Action: answer(500)})
		}
		routes = append(routes, route)
	}
	return routes
}

func validRoutes(routes []*routev3.Route) error {
	for _, r := range routes {
		if err := r.ValidateAll(); err != nil {
			return err
		}
	}
	return nil
}
