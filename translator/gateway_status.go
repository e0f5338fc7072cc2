package translator

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// gatewayStatus says what has become of a Gateway and each of its listeners. "Programmed" is as
// far as translation knows: the configuration is there to be sent.
var gatewayStatus = &Feature{Name: "gateway status", Build: buildGatewayStatus}

func buildGatewayStatus(r *Reader, u Unit) Result {
	gateway := read[*gatewayv1.Gateway](r, api.KindGateway, u.Namespace, u.Name)
	if gateway == nil {
		return Result{}
	}
	key := api.Key{Kind: api.KindGateway, Namespace: u.Namespace, Name: u.Name}
	p, ours := placementOf(r, gateway)
	if !ours {
		if r.get(api.KindGatewayClass, "", string(gateway.Spec.GatewayClassName)) != nil {
			return Result{}
		}
		return Result{Problems: []api.Problem{{
			Object: key, Path: "spec.gatewayClassName", Reason: api.ReasonGatewayClassNotFound, Severity: api.Error,
			Message: fmt.Sprintf("there is no GatewayClass %s", gateway.Spec.GatewayClassName),
			Hint:    "create it with controllerName " + string(api.ControllerName) + "; until then the Gateway is not served",
		}}}
	}
	s := gatewayVerdicts{gateway: gateway, accepted: p.refused}
	if p.problem != nil {
		p.problem.Object = key
		s.problems = append(s.problems, *p.problem)
	}
	status := &gatewayv1.GatewayStatus{}
	if p.refused.ok() {
		s.fleet = p.fleet.Name
		for _, a := range p.addresses {
			t := gatewayv1.IPAddressType
			status.Addresses = append(status.Addresses, gatewayv1.GatewayStatusAddress{Type: &t, Value: a})
		}
	}
	attached := attachedRoutes(r, gateway)
	for i := range gateway.Spec.Listeners {
		l := &gateway.Spec.Listeners[i]
		status.Listeners = append(status.Listeners, gatewayv1.ListenerStatus{
			Name:           l.Name,
			SupportedKinds: supportedKinds(l),
			AttachedRoutes: attached[i],
			Conditions:     s.listener(r, i),
		})
	}
	status.Conditions = s.conditions()
	return Result{Status: &Status{Object: key, Gateway: status, Fleet: s.fleet}, Problems: s.problems}
}

// attachedRoutes counts the routes attached to each listener. It runs for each change of any
// route of the Gateway, so it only looks at what the routes say themselves.
func attachedRoutes(r *Reader, gateway *gatewayv1.Gateway) []int32 {
	counts := make([]int32, len(gateway.Spec.Listeners))
	for _, o := range r.list(indexRouteParent, gateway.Namespace+"/"+gateway.Name, "") {
		route := o.Value.(*gatewayv1.HTTPRoute)
		for i := range counts {
			if attaches(r, gateway, i, route) {
				counts[i]++
			}
		}
	}
	return counts
}

// gatewayVerdicts collects what is said about a Gateway.
type gatewayVerdicts struct {
	gateway  *gatewayv1.Gateway
	fleet    string
	accepted verdict
	problems []api.Problem

	nAccepted, nProgrammed int
	refusedListener        string // what is wrong with the first listener that is not accepted
}

func (s *gatewayVerdicts) listener(r *Reader, i int) []metav1.Condition {
	l := &s.gateway.Spec.Listeners[i]
	path := fmt.Sprintf("spec.listeners[%d]", i)
	accepted, conflict, rival := unsupported(l), verdict{}, (*gatewayListener)(nil)
	if !s.accepted.ok() {
		accepted.no(string(gatewayv1.ListenerReasonPending), "the Gateway is not accepted: "+s.accepted.message)
	} else {
		all := listenersOn(r, s.fleet, l.Port)
		for _, o := range all {
			if !o.is(s.gateway, i) {
				continue
			}
			if conflict, rival = o.conflict, o.rival; conflict.ok() {
				s.problems = append(s.problems, overruled(all, o)...)
			}
		}
	}
	if !conflict.ok() {
		accepted.no(conflict.reason, conflict.message)
		problem := api.Problem{
			Object: api.Key{Kind: api.KindGateway, Namespace: s.gateway.Namespace, Name: s.gateway.Name},
			Path:   path, Reason: api.ReasonListenerConflict, Severity: api.Error,
			Message: fmt.Sprintf("listener %s of Gateway %s/%s cannot be served: %s", l.Name, s.gateway.Namespace, s.gateway.Name, conflict.message),
			Hint:    "change the port, the hostname or the address of one of the two",
		}
		if rival != nil {
			problem.Other = api.Other{Object: rival.key(), Path: fmt.Sprintf("spec.listeners[%d]", rival.index)}
		}
		s.problems = append(s.problems, problem)
	}
	refs := s.references(r, i)
	programmed := accepted
	if l.Protocol == gatewayv1.HTTPSProtocolType {
		if found, why, _ := certificatesOf(r, s.gateway, i); len(found) == 0 {
			programmed.no(string(gatewayv1.ListenerReasonInvalid), why.message)
		}
	}
	if !programmed.ok() {
		programmed.reason = string(gatewayv1.ListenerReasonInvalid)
	}
	if accepted.ok() {
		s.nAccepted++
	} else if s.refusedListener == "" {
		s.refusedListener = fmt.Sprintf("listener %s: %s", l.Name, accepted.message)
	}
	if programmed.ok() {
		s.nProgrammed++
	}
	conflicted := condition(s.gateway, string(gatewayv1.ListenerConditionConflicted), false, string(gatewayv1.ListenerReasonNoConflicts), "")
	if !conflict.ok() {
		conflicted = condition(s.gateway, conflicted.Type, true, conflict.reason, conflict.message)
	}
	return []metav1.Condition{
		accepted.condition(s.gateway, string(gatewayv1.ListenerConditionAccepted), string(gatewayv1.ListenerReasonAccepted)),
		conflicted,
		refs.condition(s.gateway, string(gatewayv1.ListenerConditionResolvedRefs), string(gatewayv1.ListenerReasonResolvedRefs)),
		programmed.condition(s.gateway, string(gatewayv1.ListenerConditionProgrammed), string(gatewayv1.ListenerReasonProgrammed)),
	}
}

// references says whether all that a listener refers to is there.
func (s *gatewayVerdicts) references(r *Reader, i int) verdict {
	l := &s.gateway.Spec.Listeners[i]
	var refs verdict
	if l.AllowedRoutes != nil {
		for j := range l.AllowedRoutes.Kinds {
			k := l.AllowedRoutes.Kinds[j]
			if isHTTPRoute(k) {
				continue
			}
			message := fmt.Sprintf("routes of kind %s are not supported", k.Kind)
			refs.no(string(gatewayv1.ListenerReasonInvalidRouteKinds), message)
			s.problems = append(s.problems, api.Problem{
				Object: api.Key{Kind: api.KindGateway, Namespace: s.gateway.Namespace, Name: s.gateway.Name},
				Path:   fmt.Sprintf("spec.listeners[%d].allowedRoutes.kinds[%d]", i, j),
				Reason: api.ReasonUnsupportedField, Severity: api.Warning, Message: message, Hint: "use HTTPRoute",
			})
		}
	}
	if l.Protocol == gatewayv1.HTTPSProtocolType {
		_, certificates, problems := certificatesOf(r, s.gateway, i)
		refs.no(certificates.reason, certificates.message)
		s.problems = append(s.problems, problems...)
	}
	return refs
}

func (s *gatewayVerdicts) conditions() []metav1.Condition {
	total := len(s.gateway.Spec.Listeners)
	accepted := s.accepted.condition(s.gateway, string(gatewayv1.GatewayConditionAccepted), string(gatewayv1.GatewayReasonAccepted))
	if s.accepted.ok() && s.nAccepted < total {
		message := fmt.Sprintf("%d of %d listeners are accepted; %s", s.nAccepted, total, s.refusedListener)
		accepted = condition(s.gateway, accepted.Type, s.nAccepted > 0, string(gatewayv1.GatewayReasonListenersNotValid), message)
	}
	programmed := condition(s.gateway, string(gatewayv1.GatewayConditionProgrammed), s.nProgrammed > 0, string(gatewayv1.GatewayReasonProgrammed), "")
	if s.nProgrammed == 0 {
		programmed.Reason = string(gatewayv1.GatewayReasonInvalid)
		programmed.Message = "none of the listeners can be served"
	}
	return []metav1.Condition{accepted, programmed}
}
