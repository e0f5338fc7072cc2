package translator

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// features lists everything that is built. The order of this file is the order in which a
// reader of the package should look at the features.
func features() Rules {
	return Rules{
		Keep:      Keep,
		Lookups:   lookupsOf,
		Always:    implicitFleetCalls,
		CalledFor: calledFor,
	}
}

// Keep gives what the translator keeps of a value: of an EndpointSlice and a Node, what they say in
// short. Sources may call it before, so that the rest is never in memory with all others.
func Keep(value api.Value) api.Value {
	switch v := value.(type) {
	case *discoveryv1.EndpointSlice:
		return keepSlice(v)
	case *corev1.Node:
		return keepNode(v)
	case *corev1.ConfigMap:
		return keepConfigMap(v)
	}
	return value
}

// lookupsOf gives the index values of an object. Each index is described where it is declared.
func lookupsOf(o *api.Object) []lookup {
	switch o.Key.Kind {
	case api.KindFleet:
		return []lookup{{index: indexFleets}}
	case api.KindRollout:
		target := o.Value.(*v1alpha1.Rollout).Spec.TargetRef.Name
		return []lookup{{indexRolloutTarget, o.Key.Namespace, target}}
	case api.KindBackendPolicy:
		return backendPolicyLookups(o)
	case api.KindService:
		return serviceLookups(o)
	case api.KindGateway:
		return gatewayLookups(o)
	case api.KindHTTPRoute:
		return httpRouteLookups(o)
	case api.KindBackendTLSPolicy:
		return tlsPolicyLookups(o)
	case api.KindReferenceGrant:
		return referenceGrantLookups(o)
	case api.KindEndpointSlice:
		return endpointSliceLookups(o)
	case api.KindPod:
		return labelLookups(indexPodLabel, o)
	case api.KindWorkload:
		return labelLookups(indexWorkloadLabel, o)
	}
	return nil
}

// calledFor gives the units that an object calls for.
func calledFor(r *Reader, o *api.Object) []Unit {
	switch o.Key.Kind {
	case api.KindFleet:
		f, _ := readFleet(r, o.Key.Name)
		return fleetCalls(f)
	case api.KindService:
		return serviceCalls(r, o)
	case api.KindEndpointSlice:
		return endpointSliceCalls(r, o)
	case api.KindEndpoints:
		return endpointsCalls(r, o)
	case api.KindRollout:
		return rolloutCalls(o)
	case api.KindBackendPolicy:
		return backendPolicyCalls(o)
	case api.KindGatewayClass:
		return gatewayClassCalls(o)
	case api.KindGateway:
		return gatewayCalls(r, o)
	case api.KindHTTPRoute:
		return httpRouteCalls(r, o)
	case api.KindBackendTLSPolicy:
		return tlsPolicyCalls(o)
	}
	return nil
}
