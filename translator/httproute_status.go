package translator

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// httpRouteStatus says what has become of an HTTPRoute at each of its parents, and what is
// wrong with its rules. It does not read what changes often: endpoints and weights.
var httpRouteStatus = &Feature{Name: "http route status", Build: buildHTTPRouteStatus}

func buildHTTPRouteStatus(r *Reader, u Unit) Result {
	route := read[*gatewayv1.HTTPRoute](r, api.KindHTTPRoute, u.Namespace, u.Name)
	if route == nil {
		return Result{}
	}
	s := routeVerdicts{r: r, route: route, key: api.Key{Kind: api.KindHTTPRoute, Namespace: u.Namespace, Name: u.Name}}
	for i := range route.Spec.ParentRefs {
		s.parent(i)
	}
	result := Result{Problems: s.problems}
	if len(s.parents) > 0 {
		result.Status = &Status{Object: s.key, RouteParents: s.parents}
	}
	return result
}

// routeVerdicts collects what is said about a route.
type routeVerdicts struct {
	r        *Reader
	route    *gatewayv1.HTTPRoute
	key      api.Key
	parents  []gatewayv1.RouteParentStatus
	problems []api.Problem
	compiled map[string]*compiler // by fleet
}

func (s *routeVerdicts) problem(path string, reason api.Reason, message, hint string) {
	s.problems = append(s.problems, api.Problem{
		Object: s.key, Path: path, Reason: reason, Severity: api.Error, Message: message, Hint: hint,
	})
}

func (s *routeVerdicts) parent(i int) {
	ref := &s.route.Spec.ParentRefs[i]
	key, ok := parentGateway(s.route, ref)
	if !ok {
		return
	}
	path := fmt.Sprintf("spec.parentRefs[%d]", i)
	gateway := read[*gatewayv1.Gateway](s.r, api.KindGateway, key.Namespace, key.Name)
	if gateway == nil {
		s.problem(path+".name", api.ReasonParentNotFound, fmt.Sprintf("there is no %s", key), "create it, or name another one; until then the route gets no traffic from it")
		return
	}
	p, ours := placementOf(s.r, gateway)
	if !ours {
		return
	}
	var accepted verdict
	if p.refused.ok() {
		accepted = s.attachment(path, gateway, ref)
	} else {
		accepted.no(string(gatewayv1.RouteReasonPending), fmt.Sprintf("%s is not served: %s", key, p.refused.message))
	}
	c := s.rules(p)
	conditions := []metav1.Condition{}
	if n := len(s.route.Spec.Rules); accepted.ok() && c.nRefused > 0 {
		if c.nRefused == n {
			accepted = c.refused
		} else {
			conditions = append(conditions, condition(s.route, string(gatewayv1.RouteConditionPartiallyInvalid), true, c.refused.reason,
				fmt.Sprintf("%d of %d rules are not carried out; %s", c.nRefused, n, c.refused.message)))
		}
	}
	conditions = append([]metav1.Condition{
		accepted.condition(s.route, string(gatewayv1.RouteConditionAccepted), string(gatewayv1.RouteReasonAccepted)),
		c.refs.condition(s.route, string(gatewayv1.RouteConditionResolvedRefs), string(gatewayv1.RouteReasonResolvedRefs)),
	}, conditions...)
	s.parents = append(s.parents, gatewayv1.RouteParentStatus{ParentRef: *ref, ControllerName: api.ControllerName, Conditions: conditions})
}

// attachment says whether the route is attached to any listener that a parentRef means. The
// reason is the one of the listener that comes closest.
func (s *routeVerdicts) attachment(path string, gateway *gatewayv1.Gateway, ref *gatewayv1.ParentReference) verdict {
	var referred, allowed, met []int
	for i := range gateway.Spec.Listeners {
		l := &gateway.Spec.Listeners[i]
		if !refersTo(ref, l) {
			continue
		}
		referred = append(referred, i)
		if !allows(s.r, gateway, l, s.route.Namespace) {
			continue
		}
		allowed = append(allowed, i)
		if meets(hostnameOf(l), s.route) {
			met = append(met, i)
		}
	}
	var v verdict
	fail := func(condition gatewayv1.RouteConditionReason, reason api.Reason, message, hint string) verdict {
		v.no(string(condition), message)
		s.problem(path, reason, message, hint)
		return v
	}
	name := "Gateway " + gateway.Namespace + "/" + gateway.Name
	switch {
	case len(referred) == 0:
		return fail(gatewayv1.RouteReasonNoMatchingParent, api.ReasonParentNotFound,
			fmt.Sprintf("%s has no listener with that name and port", name), "check sectionName and port")
	case len(allowed) == 0:
		return fail(gatewayv1.RouteReasonNotAllowedByListeners, api.ReasonRouteNotAllowed,
			fmt.Sprintf("%s does not allow HTTPRoutes from namespace %s", name, s.route.Namespace), "change allowedRoutes of the listener")
	case len(met) == 0:
		return fail(gatewayv1.RouteReasonNoMatchingListenerHostname, api.ReasonHostnameMismatch,
			fmt.Sprintf("none of the hostnames is one that %s is for", name), "use hostnames that a listener's hostname covers")
	}
	return s.anyOpen(name, gateway, met)
}

// anyOpen asks that one of the listeners is accepted itself. What is wrong with the others is
// the Gateway's problem.
func (s *routeVerdicts) anyOpen(name string, gateway *gatewayv1.Gateway, listeners []int) verdict {
	p, _ := placementOf(s.r, gateway)
	var v verdict
	for _, i := range listeners {
		for _, l := range listenersOn(s.r, p.fleet.Name, gateway.Spec.Listeners[i].Port) {
			if !l.is(gateway, i) {
				continue
			}
			if l.conflict.ok() {
				return verdict{}
			}
			v.no(string(gatewayv1.RouteReasonNoMatchingParent), fmt.Sprintf("%s is not served: %s", l, l.conflict.message))
		}
	}
	v.no(string(gatewayv1.RouteReasonNoMatchingParent), fmt.Sprintf("%s has no listener that is served", name))
	return v
}

// rules runs the compiler for a fleet, once: what is wrong with the rules is the same at every
// parent there.
func (s *routeVerdicts) rules(p placement) *compiler {
	if !p.refused.ok() {
		return &compiler{}
	}
	if c := s.compiled[p.fleet.Name]; c != nil {
		return c
	}
	c := &compiler{r: s.r, fleet: p.fleet, route: s.route, encoder: &encoder{}, split: unsplit}
	c.compile(0)
	s.problems = append(s.problems, c.problems...)
	if s.compiled == nil {
		s.compiled = map[string]*compiler{}
	}
	s.compiled[p.fleet.Name] = c
	return c
}

// unsplit stands in for rescued where weights do not matter, so that they are not read.
func unsplit(_ *Reader, namespace, service string, port int32) []share {
	return []share{{cluster: clusterName(namespace, service, port, ""), weight: v1alpha1.WeightTotal}}
}
