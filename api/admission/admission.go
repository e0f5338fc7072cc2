package admission

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Admit sets defaults in value, in place, and gives its problems in the order of
// api.Problem.Compare, with Object filled in and Position left empty. An object with a
// problem of severity Error must not be used.
//
// Defaults: apiVersion and kind of the Go type, the namespace "default" for an object of a
// namespaced kind without one (and none for the others), and those of the kind. Admitting
// an object again changes nothing and gives the same problems, save that the clock moves
// on: a certificate that is no longer (or not yet) valid is a warning.
func Admit(value api.Value) []api.Problem {
	return admit(value, time.Now())
}

// HasError says whether any of the problems has severity Error.
func HasError(problems []api.Problem) bool {
	return slices.ContainsFunc(problems, func(p api.Problem) bool { return p.Severity == api.Error })
}

func admit(value api.Value, now time.Time) []api.Problem {
	info, ok := api.KindOf(value)
	if !ok || isNil(value) {
		return []api.Problem{{
			Reason: api.ReasonUnknownKind, Severity: api.Error,
			Message: "objects of this kind are not read",
			Hint:    "see api.Kinds for the kinds that are",
		}}
	}
	value.GetObjectKind().SetGroupVersionKind(info.GVK)
	if api.ClusterScoped(info.Kind) {
		value.SetNamespace("")
	} else if value.GetNamespace() == "" {
		value.SetNamespace(metav1.NamespaceDefault)
	}
	key, _ := api.KeyOf(value)
	r := &report{key: key}
	r.metadata(info.Kind, value)
	r.kind(value, now)
	slices.SortStableFunc(r.problems, api.Problem.Compare)
	return r.problems
}

// kind sets the defaults of the kind, then checks the object.
func (r *report) kind(value api.Value, now time.Time) {
	switch v := value.(type) {
	case *corev1.Service:
		defaultService(v)
		r.service(v)
	case *discoveryv1.EndpointSlice:
		defaultEndpointSlice(v)
		r.endpointSlice(v)
	//lint:ignore SA1019 hand-written manifests still use it
	case *corev1.Endpoints:
		defaultEndpoints(v)
		r.endpoints(v)
	case *corev1.Pod:
		defaultPod(v)
		r.pod(v)
	case *corev1.Node:
		r.node(v)
	case *corev1.Namespace, *corev1.ConfigMap:
		// Names and labels are all that is used.
	case *corev1.Secret:
		defaultSecret(v)
		r.secret(v, now)
	case *gatewayv1.GatewayClass:
		r.gatewayClass(v)
	case *gatewayv1.Gateway:
		defaultGateway(v)
		r.gateway(v)
	case *gatewayv1.HTTPRoute:
		defaultHTTPRoute(v)
		r.httpRoute(v)
	case *gatewayv1.BackendTLSPolicy:
		r.backendTLSPolicy(v)
	case *gatewayv1.ReferenceGrant:
		r.referenceGrant(v)
	case *v1alpha1.Rollout:
		v.SetDefaults()
		r.rollout(v)
	case *v1alpha1.Workload:
		defaultProbe(v.Spec.ReadinessProbe)
		r.workload(v)
	case *v1alpha1.BackendPolicy:
		v.SetDefaults()
		r.backendPolicy(v)
	case *v1alpha1.Fleet:
		v.SetDefaults()
		r.fleet(v)
	}
}
