package admission

import (
	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// defaultHTTPRoute sets what the Gateway API's CRD sets.
func defaultHTTPRoute(h *gatewayv1.HTTPRoute) {
	for i := range h.Spec.ParentRefs {
		def(&h.Spec.ParentRefs[i].Group, gatewayv1.Group(gatewayv1.GroupName))
		def(&h.Spec.ParentRefs[i].Kind, gatewayv1.Kind("Gateway"))
	}
	if len(h.Spec.Rules) == 0 {
		h.Spec.Rules = make([]gatewayv1.HTTPRouteRule, 1)
	}
	for i := range h.Spec.Rules {
		rule := &h.Spec.Rules[i]
		if len(rule.Matches) == 0 {
			rule.Matches = make([]gatewayv1.HTTPRouteMatch, 1)
		}
		for j := range rule.Matches {
			defaultMatch(&rule.Matches[j])
		}
		defaultFilters(rule.Filters)
		for j := range rule.BackendRefs {
			b := &rule.BackendRefs[j]
			defaultBackend(&b.BackendObjectReference)
			def(&b.Weight, 1)
			defaultFilters(b.Filters)
		}
	}
}

func defaultBackend(b *gatewayv1.BackendObjectReference) {
	def(&b.Group, gatewayv1.Group(""))
	def(&b.Kind, gatewayv1.Kind("Service"))
}

// httpRoute follows https://gateway-api.sigs.k8s.io/reference/spec/#httproute and the rules
// in the CRD.
func (r *report) httpRoute(h *gatewayv1.HTTPRoute) {
	r.parentRefs(h.Spec.ParentRefs)
	if h.Spec.UseDefaultGateways != "" && h.Spec.UseDefaultGateways != gatewayv1.GatewayDefaultScopeNone {
		r.warn(spec.Child("useDefaultGateways"), api.ReasonUnsupportedField, "name the Gateway in spec.parentRefs", "there are no default Gateways")
	}
	hostnames := spec.Child("hostnames")
	r.atMost(hostnames, len(h.Spec.Hostnames), 16)
	for i, name := range h.Spec.Hostnames {
		r.hostname(hostnames.Index(i), string(name), true)
	}
	rules := spec.Child("rules")
	r.atMost(rules, len(h.Spec.Rules), 16)
	matches, names := 0, map[gatewayv1.SectionName]int{}
	for i := range h.Spec.Rules {
		rule := &h.Spec.Rules[i]
		matches += len(rule.Matches)
		r.httpRule(rules.Index(i), rule)
		if rule.Name == nil {
			continue
		}
		r.name(rules.Index(i).Child("name"), string(*rule.Name), false)
		if first, again := names[*rule.Name]; again {
			r.duplicate(rules.Index(i).Child("name"), rules.Index(first).Child("name"), "the name %q", *rule.Name)
		} else {
			names[*rule.Name] = i
		}
	}
	if matches > 128 {
		r.fail(rules, api.ReasonInvalidField, "split the route in several", "the rules have %d matches in total; at most 128 are allowed", matches)
	}
}

// parentRefs asks that references to the same parent are told apart by sectionName or port.
func (r *report) parentRefs(refs []gatewayv1.ParentReference) {
	at := spec.Child("parentRefs")
	if len(refs) == 0 {
		r.warn(at, api.ReasonMissingField, "name a Gateway", "the route is attached to nothing and gets no traffic")
	}
	r.atMost(at, len(refs), 32)
	type parent struct {
		group, kind, namespace, name string
	}
	type section struct {
		parent
		section gatewayv1.SectionName
		port    gatewayv1.PortNumber
	}
	parents, sections := map[parent]int{}, map[section]int{}
	for i, ref := range refs {
		r.objectRef(at.Index(i), string(*ref.Group), string(*ref.Kind), string(ref.Name), ref.Namespace)
		if *ref.Group != gatewayv1.GroupName || *ref.Kind != "Gateway" {
			r.warn(at.Index(i).Child("kind"), api.ReasonUnsupportedField, "refer to a Gateway", "a route cannot be attached to a %s", *ref.Kind)
		}
		if ref.SectionName != nil && *ref.SectionName != "" {
			r.name(at.Index(i).Child("sectionName"), string(*ref.SectionName), false)
		}
		if ref.Port != nil {
			r.port(at.Index(i).Child("port"), *ref.Port)
		}
		p := parent{string(*ref.Group), string(*ref.Kind), string(value(ref.Namespace)), string(ref.Name)}
		s := section{p, value(ref.SectionName), value(ref.Port)}
		first, again := parents[p]
		same, duplicate := sections[s]
		switch {
		case duplicate:
			r.duplicate(at.Index(i), at.Index(same), "the parent")
		case again && (s.section == "") != (value(refs[first].SectionName) == ""):
			r.fail(at.Index(i), api.ReasonInvalidField, "give every reference to this parent a sectionName",
				"refers to the same parent as %s, and only one of them has a sectionName", at.Index(first))
		default:
			parents[p], sections[s] = i, i
		}
	}
}

func (r *report) httpRule(at *field.Path, rule *gatewayv1.HTTPRouteRule) {
	matches := at.Child("matches")
	r.atMost(matches, len(rule.Matches), 64)
	for i := range rule.Matches {
		r.match(matches.Index(i), &rule.Matches[i])
	}
	r.filters(at.Child("filters"), rule.Filters, rule.Matches)
	backends := at.Child("backendRefs")
	r.atMost(backends, len(rule.BackendRefs), 16)
	for i := range rule.BackendRefs {
		b := &rule.BackendRefs[i]
		r.backend(backends.Index(i), &b.BackendObjectReference)
		if w := *b.Weight; w < 0 || w > 1_000_000 {
			r.fail(backends.Index(i).Child("weight"), api.ReasonInvalidWeights, "use a weight from 0 to 1000000", "%d is out of range", w)
		}
		r.filters(backends.Index(i).Child("filters"), b.Filters, rule.Matches)
	}
	if i := indexOfRedirect(rule.Filters); i >= 0 && len(rule.BackendRefs) > 0 {
		r.fail(backends, api.ReasonInvalidField, "remove the backendRefs, or the filter", "cannot be used together with the RequestRedirect filter at %s", at.Child("filters").Index(i))
	}
	r.timeouts(at.Child("timeouts"), rule.Timeouts)
	if rule.Retry != nil {
		r.warn(at.Child("retry"), api.ReasonUnsupportedField, "remove it", "has no effect: requests are tried again only when no endpoint can have begun to process them")
	}
	if rule.SessionPersistence != nil {
		r.warn(at.Child("sessionPersistence"), api.ReasonUnsupportedField, "remove it", "requests of one session may reach different endpoints: session persistence is not supported yet")
	}
}

// indexOfRedirect finds a RequestRedirect filter; -1 if there is none.
func indexOfRedirect(filters []gatewayv1.HTTPRouteFilter) int {
	for i := range filters {
		if filters[i].Type == gatewayv1.HTTPRouteFilterRequestRedirect {
			return i
		}
	}
	return -1
}

// backend checks the shape of a reference; the translator says whether what it names is
// there, supported and permitted.
func (r *report) backend(at *field.Path, b *gatewayv1.BackendObjectReference) {
	r.objectRef(at, string(*b.Group), string(*b.Kind), string(b.Name), b.Namespace)
	switch {
	case b.Port != nil:
		r.port(at.Child("port"), *b.Port)
	case *b.Group == "" && *b.Kind == "Service":
		r.missing(at.Child("port"), "give the port of the Service")
	}
}

// timeouts asks that an attempt does not last longer than the request; 0s is no timeout.
func (r *report) timeouts(at *field.Path, t *gatewayv1.HTTPRouteTimeouts) {
	if t == nil {
		return
	}
	valid := true
	read := func(name string, d *gatewayv1.Duration) int64 {
		if d == nil {
			return 0
		}
		parsed, ok := r.duration(at.Child(name), string(*d))
		valid = valid && ok
		return int64(parsed)
	}
	request, backend := read("request", t.Request), read("backendRequest", t.BackendRequest)
	if valid && request != 0 && backend > request {
		r.fail(at.Child("backendRequest"), api.ReasonInvalidField, "use at most the request timeout", "%s is longer than the request timeout of %s", *t.BackendRequest, *t.Request)
	}
}
