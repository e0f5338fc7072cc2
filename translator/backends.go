package translator

import (
	"fmt"
	"math"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// target is where the requests of a rule go.
type target struct {
	backends []backend // the valid ones, with a weight
	invalid  uint64    // the weights of the invalid ones
}

// backend is a valid backendRef.
type backend struct {
	weight uint64
	shares []share // as the Service's traffic is split now
	policy policy
	hash   *v1alpha1.ConsistentHash // by which a client stays with one endpoint; nil: it does not
	// outside is the name of servers elsewhere: see external.go.
	outside bool
	headers
}

// target resolves the backendRefs of a rule. The share of those that are invalid is answered
// 500: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
func (c *compiler) target(path string, rule *gatewayv1.HTTPRouteRule) target {
	var t target
	for i := range rule.BackendRefs {
		ref := &rule.BackendRefs[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		shares, service, ok := c.backend(at, &ref.BackendObjectReference)
		c.clusters = append(c.clusters, shares...)
		h, supported := c.backendFilters(at+".filters", ref.Filters)
		weight := uint64(max(valueOr(ref.Weight, 1), 0))
		switch {
		case weight == 0:
		case ok && supported:
			policy := policyIn(shares)
			t.backends = append(t.backends, backend{weight, shares, policy, hashOf(balancerOf(service, policy)), isExternal(service), h})
		default:
			t.invalid += weight
		}
	}
	if len(t.backends) == 0 && t.invalid == 0 {
		warning := api.Problem{
			Object: api.Key{Kind: api.KindHTTPRoute, Namespace: c.route.Namespace, Name: c.route.Name},
			Path:   path, Reason: api.ReasonMissingField, Severity: api.Warning,
			Message: "there are no backends, so requests are answered 500",
			Hint:    "name a Service and its port",
		}
		if len(rule.BackendRefs) > 0 {
			warning.Reason = api.ReasonInvalidWeights
			warning.Message = "the weights of all backends are 0, so requests are answered 500"
			warning.Hint = "give at least one backend a weight"
		}
		c.problems = append(c.problems, warning)
	}
	return t
}

// backend resolves a reference to a Service port into its clusters; false when it is invalid.
func (c *compiler) backend(path string, ref *gatewayv1.BackendObjectReference) ([]share, *corev1.Service, bool) {
	if group, kind := valueOr(ref.Group, ""), valueOr(ref.Kind, "Service"); group != "" || kind != "Service" {
		return c.invalidBackend(path+".kind", gatewayv1.RouteReasonInvalidKind, api.ReasonUnsupportedField,
			fmt.Sprintf("%s of group %q is not a kind of backend that is supported", kind, group), "refer to a Service")
	}
	from := api.Key{Kind: api.KindHTTPRoute, Namespace: c.route.Namespace, Name: c.route.Name}
	to := api.Key{
		Kind:      api.KindService,
		Namespace: string(valueOr(ref.Namespace, gatewayv1.Namespace(c.route.Namespace))),
		Name:      string(ref.Name),
	}
	if !mayRefer(c.r, from, to) {
		return c.invalidBackend(path, gatewayv1.RouteReasonRefNotPermitted, api.ReasonRefNotPermitted,
			fmt.Sprintf("no ReferenceGrant permits the use of %s", to), grantHint(from, to))
	}
	service := read[*corev1.Service](c.r, api.KindService, to.Namespace, to.Name)
	switch {
	case service == nil:
		return c.invalidBackend(path+".name", gatewayv1.RouteReasonBackendNotFound, api.ReasonBackendNotFound,
			fmt.Sprintf("there is no %s", to), "create it, or check name and namespace")
	case !c.fleet.servesService(service.Labels):
		return c.invalidBackend(path+".name", gatewayv1.RouteReasonBackendNotFound, api.ReasonBackendNotFound,
			fmt.Sprintf("the serviceSelector of Fleet %q does not select %s", c.fleet.Name, to), "give the Service the labels that the Fleet selects, or change the Fleet")
	}
	port := valueOr(ref.Port, 0)
	if isExternal(service) {
		if back := pointsBack(c.r, c.fleet, service); back != nil {
			return c.invalidBackend(path+".name", gatewayv1.RouteReasonBackendNotFound, api.ReasonExternalNameLoop,
				fmt.Sprintf("%s leads back to this fleet: %s", to, back.message), back.hint)
		}
	}
	if servedPort(service, port) != nil {
		return c.split(c.r, to.Namespace, to.Name, port), service, true
	}
	return c.invalidBackend(path+".port", gatewayv1.RouteReasonBackendNotFound, api.ReasonPortNotFound,
		fmt.Sprintf("%s has no TCP port %d", to, port), "it has "+portList(service))
}

func (c *compiler) invalidBackend(path string, condition gatewayv1.RouteConditionReason, reason api.Reason, message, hint string) ([]share, *corev1.Service, bool) {
	c.refs.no(string(condition), path+": "+message)
	c.problem(path, reason, message, hint)
	return nil, nil, false
}

// portList names the ports of a Service, for people.
func portList(service *corev1.Service) string {
	var list []string
	for _, p := range servedPorts(service) {
		list = append(list, portString(p.Port))
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// answers says whether any request is sent to a backend.
func (t *target) answers() bool { return len(t.weighted()) > 0 }

// status is the answer where no request is sent to a backend: 500, or 503 while a valid
// backend's traffic goes nowhere.
func (t *target) status() uint32 {
	if len(t.backends) > 0 {
		return 503
	}
	return 500
}

// weighted combines the weights of the backends with those of the versions of their Services.
// The sum does not depend on the latter: it stays the same while a rollout moves them.
func (t *target) weighted() []*routev3.WeightedCluster_ClusterWeight {
	const limit = math.MaxUint32 / v1alpha1.WeightTotal
	total := uint64(0)
	for _, b := range t.backends {
		total += b.weight
	}
	var all []*routev3.WeightedCluster_ClusterWeight
	for _, b := range t.backends {
		weight := b.weight
		if total > limit { // Envoy's sum is 32 bits wide
			weight = max(weight*(limit-uint64(len(t.backends)))/total, 1)
		}
		for _, s := range b.shares {
			if s.weight > 0 {
				w := &routev3.WeightedCluster_ClusterWeight{Weight: wrapperspb.UInt32(uint32(weight) * s.weight)}
				b.headers.modifyCluster(w)
				all = append(all, s.weighted(w))
			}
		}
	}
	return all
}

// route sends an action to the backends.
func (t *target) route(action *routev3.RouteAction) {
	all := t.weighted()
	if w := all[0]; len(all) == 1 && !modifiesHeaders(w) {
		action.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: w.Name}
	} else {
		if t.invalid > 0 {
			decorrelate(all)
		}
		action.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: &routev3.WeightedCluster{Clusters: all}}
	}
	if slices.ContainsFunc(t.backends, func(b backend) bool { return b.outside }) {
		addressOutside(action)
	}
	// A client cannot stay with an endpoint of one backend without staying with the backend.
	for _, b := range t.backends {
		if b.hash != nil {
			stick(action, b.hash)
			return
		}
	}
}

// policy is what holds for requests as a whole, whichever backend they go to: that of the first backend that has one.
func (t *target) policy() policy {
	for _, b := range t.backends {
		if b.policy != nil && b.policy != noPolicy {
			return b.policy
		}
	}
	return noPolicy
}

// failureDenominator is the denominator of the share that is answered 500.
const failureDenominator = 1_000_000

// invalidFraction is the share of the requests that are answered 500, exact to 0.0001 %.
func (t *target) invalidFraction() *corev3.RuntimeFractionalPercent {
	total := t.invalid
	for _, b := range t.backends {
		total += b.weight
	}
	return &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{
		Numerator:   uint32((t.invalid*failureDenominator + total/2) / total),
		Denominator: typev3.FractionalPercent_MILLION,
	}}
}

// decorrelate makes the choice of a cluster independent of the choice that was made before it,
// of which requests are answered 500. Envoy makes both from one random number: its remainder by
// failureDenominator, and by the sum of the weights. Were the sum a divisor of the denominator,
// or the other way round, the clusters first in the list would get nothing. So the sum is made
// large and coprime to the denominator (2^6 * 5^6), which moves a share by less than 10^-8.
func decorrelate(all []*routev3.WeightedCluster_ClusterWeight) {
	sum, largest := uint64(0), all[0]
	for _, w := range all {
		sum += uint64(w.Weight.Value)
		if w.Weight.Value > largest.Weight.Value {
			largest = w
		}
	}
	factor := uint32((math.MaxUint32 - 10) / sum)
	for _, w := range all {
		w.Weight.Value *= factor
	}
	for sum *= uint64(factor); sum%2 == 0 || sum%5 == 0; sum++ {
		largest.Weight.Value++
	}
}
