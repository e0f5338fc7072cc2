package translator

import (
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// ruleFilters are the filters of a rule, sorted out.
type ruleFilters struct {
	headers
	redirect *gatewayv1.HTTPRequestRedirectFilter
	rewrite  *gatewayv1.HTTPURLRewriteFilter
	mirrors  []*routev3.RouteAction_RequestMirrorPolicy
	ok       bool // all of them can be carried out
}

func (c *compiler) ruleFilters(path string, filters []gatewayv1.HTTPRouteFilter) (ruleFilters, bool) {
	sorted := ruleFilters{ok: true}
	for i := range filters {
		f := &filters[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case sorted.headers.take(f):
		case f.RequestRedirect != nil:
			sorted.redirect = f.RequestRedirect
		case f.URLRewrite != nil:
			sorted.rewrite = f.URLRewrite
		case f.RequestMirror != nil:
			if m := c.mirror(at+".requestMirror", f.RequestMirror); m != nil {
				sorted.mirrors = append(sorted.mirrors, m)
			}
		default:
			sorted.ok = false
			c.refuse(gatewayv1.RouteReasonUnsupportedValue, at+".type", fmt.Sprintf("filters of type %s are not supported", f.Type),
				"remove it: requests that match this rule are answered 500")
		}
	}
	if sorted.redirect != nil && sorted.rewrite != nil {
		sorted.ok = false
		c.refuse(gatewayv1.RouteReasonIncompatibleFilters, path, "RequestRedirect and URLRewrite cannot be used together", "keep one of the two")
	}
	return sorted, sorted.ok
}

// backendFilters are the filters of a backendRef: those that change headers. A backend with
// another one counts as invalid.
func (c *compiler) backendFilters(path string, filters []gatewayv1.HTTPRouteFilter) (h headers, ok bool) {
	ok = true
	for i := range filters {
		if f := &filters[i]; !h.take(f) {
			ok = false
			c.refuse(gatewayv1.RouteReasonUnsupportedValue, fmt.Sprintf("%s[%d].type", path, i),
				fmt.Sprintf("filters of type %s are not supported for a single backend", f.Type), "move it to the filters of the rule: requests for this backend are answered 500")
		}
	}
	return h, ok
}

// headers are changes to headers of requests and responses.
type headers struct {
	request, response []gatewayv1.HTTPHeaderFilter
}

// take adds a filter if it is one that changes headers.
func (h *headers) take(f *gatewayv1.HTTPRouteFilter) bool {
	switch {
	case f.RequestHeaderModifier != nil:
		h.request = append(h.request, *f.RequestHeaderModifier)
	case f.ResponseHeaderModifier != nil:
		h.response = append(h.response, *f.ResponseHeaderModifier)
	default:
		return false
	}
	return true
}

func (h *headers) modifyHeaders(route *routev3.Route) {
	route.RequestHeadersToAdd, route.RequestHeadersToRemove = headerOptions(h.request)
	route.ResponseHeadersToAdd, route.ResponseHeadersToRemove = headerOptions(h.response)
}

func (h *headers) modifyCluster(w *routev3.WeightedCluster_ClusterWeight) {
	w.RequestHeadersToAdd, w.RequestHeadersToRemove = headerOptions(h.request)
	w.ResponseHeadersToAdd, w.ResponseHeadersToRemove = headerOptions(h.response)
}

func modifiesHeaders(w *routev3.WeightedCluster_ClusterWeight) bool {
	return len(w.RequestHeadersToAdd)+len(w.RequestHeadersToRemove)+len(w.ResponseHeadersToAdd)+len(w.ResponseHeadersToRemove) > 0
}

func headerOptions(filters []gatewayv1.HTTPHeaderFilter) (add []*corev3.HeaderValueOption, remove []string) {
	for i := range filters {
		f := &filters[i]
		add = appendHeaders(add, f.Set, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD)
		add = appendHeaders(add, f.Add, corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD)
		for _, name := range f.Remove {
			if name = strings.ToLower(name); !slices.Contains(remove, name) {
				remove = append(remove, name)
			}
		}
	}
	return add, remove
}

// appendHeaders leaves out names that were there before: of equivalent names the first counts.
func appendHeaders(options []*corev3.HeaderValueOption, list []gatewayv1.HTTPHeader, action corev3.HeaderValueOption_HeaderAppendAction) []*corev3.HeaderValueOption {
	seen := map[string]bool{}
	for _, h := range list {
		name := strings.ToLower(string(h.Name))
		if seen[name] {
			continue
		}
		seen[name] = true
		options = append(options, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{
				Key: name,
				// In Envoy's values a percent sign begins a variable.
				Value: strings.ReplaceAll(h.Value, "%", "%%"),
			},
			AppendAction: action,
		})
	}
	return options
}

// mirror copies requests to a Service; nil when it is invalid, or gets nothing. Of the versions
// of a Rollout the one with the most traffic gets the copies: a copy goes to a single place.
func (c *compiler) mirror(path string, f *gatewayv1.HTTPRequestMirrorFilter) *routev3.RouteAction_RequestMirrorPolicy {
	shares, service, ok := c.backend(path+".backendRef", &f.BackendRef)
	if !ok {
		return nil
	}
	if isExternal(service) {
		c.invalidBackend(path+".backendRef", gatewayv1.RouteReasonUnsupportedValue, api.ReasonUnsupportedField,
			"requests cannot be mirrored to a Service of type ExternalName: copies keep the host of the original", "mirror them to a Service with endpoints")
		return nil
	}
	largest := slices.MaxFunc(shares, func(a, b share) int { return int(a.weight) - int(b.weight) })
	// Requests need not wait until a version that only gets copies is healthy.
	c.clusters = append(c.clusters, share{cluster: largest.cluster})
	policy := &routev3.RouteAction_RequestMirrorPolicy{
		Cluster: largest.cluster,
		// Mirrored requests look like the original ones; by default Envoy adds "-shadow" to the host.
		DisableShadowHostSuffixAppend: true,
	}
	numerator, denominator := uint64(100), uint64(100)
	switch {
	case f.Percent != nil:
		numerator = uint64(max(*f.Percent, 0))
	case f.Fraction != nil:
		numerator, denominator = uint64(max(f.Fraction.Numerator, 0)), uint64(max(valueOr(f.Fraction.Denominator, 100), 1))
	}
	if numerator == 0 {
		return nil
	}
	if numerator < denominator {
		policy.RuntimeFraction = &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{
			Numerator:   uint32(max(numerator*1_000_000/denominator, 1)),
			Denominator: typev3.FractionalPercent_MILLION,
		}}
	}
	return policy
}
