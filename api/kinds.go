package api

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// ControllerName is the spec.controllerName of the GatewayClasses that are ours. All others
// are some other controller's business, and so are their Gateways and routes.
const ControllerName gatewayv1.GatewayController = "gateway-cp.io/gateway-controller"

// KindInfo says how objects of a kind are written and held.
type KindInfo struct {
	Kind Kind
	// GVK is the group, version and kind of the Go type. Admission writes it into every
	// object, whichever accepted version the object was written in.
	GVK schema.GroupVersionKind
	// Resource is the plural name in URLs of the Kubernetes API, such as "httproutes".
	Resource string
	// New makes an empty object to decode into.
	New func() Value

	// older are versions with the same shape as GVK.Version.
	older []string
}

// kinds are the kinds that are read, sorted by Kind.
//
// The Gateway API serves GatewayClass, Gateway, HTTPRoute and ReferenceGrant as v1 and
// v1beta1 with one shape; all are held as v1 types (for ReferenceGrant, v1beta1 is what
// clusters with a Gateway API before 1.5 have).
var kinds = []KindInfo{
	{Kind: KindBackendPolicy, GVK: ours("BackendPolicy"), Resource: "backendpolicies", New: func() Value { return new(v1alpha1.BackendPolicy) }},
	{Kind: KindBackendTLSPolicy, GVK: gateway("BackendTLSPolicy"), Resource: "backendtlspolicies", New: func() Value { return new(gatewayv1.BackendTLSPolicy) }},
	{Kind: KindConfigMap, GVK: core("ConfigMap"), Resource: "configmaps", New: func() Value { return new(corev1.ConfigMap) }},
	{Kind: KindEndpointSlice, GVK: discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"), Resource: "endpointslices", New: func() Value { return new(discoveryv1.EndpointSlice) }},
	{Kind: KindEndpoints, GVK: core("Endpoints"), Resource: "endpoints", New: newEndpoints},
	{Kind: KindFleet, GVK: ours("Fleet"), Resource: "fleets", New: func() Value { return new(v1alpha1.Fleet) }},
	{Kind: KindGateway, GVK: gateway("Gateway"), Resource: "gateways", New: func() Value { return new(gatewayv1.Gateway) }, older: v1beta1},
	{Kind: KindGatewayClass, GVK: gateway("GatewayClass"), Resource: "gatewayclasses", New: func() Value { return new(gatewayv1.GatewayClass) }, older: v1beta1},
	{Kind: KindHTTPRoute, GVK: gateway("HTTPRoute"), Resource: "httproutes", New: func() Value { return new(gatewayv1.HTTPRoute) }, older: v1beta1},
	{Kind: KindNamespace, GVK: core("Namespace"), Resource: "namespaces", New: func() Value { return new(corev1.Namespace) }},
	{Kind: KindNode, GVK: core("Node"), Resource: "nodes", New: func() Value { return new(corev1.Node) }},
	{Kind: KindPod, GVK: core("Pod"), Resource: "pods", New: func() Value { return new(corev1.Pod) }},
	{Kind: KindReferenceGrant, GVK: gateway("ReferenceGrant"), Resource: "referencegrants", New: func() Value { return new(gatewayv1.ReferenceGrant) }, older: v1beta1},
	{Kind: KindRollout, GVK: ours("Rollout"), Resource: "rollouts", New: func() Value { return new(v1alpha1.Rollout) }},
	{Kind: KindSecret, GVK: core("Secret"), Resource: "secrets", New: func() Value { return new(corev1.Secret) }},
	{Kind: KindService, GVK: core("Service"), Resource: "services", New: func() Value { return new(corev1.Service) }},
	{Kind: KindWorkload, GVK: ours("Workload"), Resource: "workloads", New: func() Value { return new(v1alpha1.Workload) }},
}

var v1beta1 = []string{"v1beta1"}

func core(kind string) schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind(kind) }
func gateway(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: gatewayv1.GroupVersion.Version, Kind: kind}
}
func ours(kind string) schema.GroupVersionKind { return v1alpha1.GroupVersion.WithKind(kind) }

// newEndpoints is for the kind that EndpointSlice replaces: deprecated upstream, yet what
// hand-written manifests for addresses outside of a cluster often still use.
func newEndpoints() Value {
	//lint:ignore SA1019 see above
	return new(corev1.Endpoints)
}

var byGVK = func() map[schema.GroupVersionKind]KindInfo {
	m := make(map[schema.GroupVersionKind]KindInfo)
	for _, info := range kinds {
		m[info.GVK] = info
		for _, version := range info.older {
			m[info.GVK.GroupKind().WithVersion(version)] = info
		}
	}
	return m
}()

var byType = func() map[reflect.Type]KindInfo {
	m := make(map[reflect.Type]KindInfo)
	for _, info := range kinds {
		m[reflect.TypeOf(info.New())] = info
	}
	return m
}()

// Kinds gives the kinds that are read, sorted by Kind.
func Kinds() []KindInfo { return append([]KindInfo(nil), kinds...) }

// Lookup finds the kind that is written as gvk. It is false for kinds, groups and versions
// that gateway-cp does not read.
func Lookup(gvk schema.GroupVersionKind) (KindInfo, bool) {
	info, ok := byGVK[gvk]
	return info, ok
}

// Versions gives the versions in which a kind may be written, the preferred one first.
func (k KindInfo) Versions() []string {
	return append([]string{k.GVK.Version}, k.older...)
}

// KindOf gives the kind of a typed object, whatever its apiVersion and kind fields say. It
// is false for a Go type that is not among those that Lookup makes.
func KindOf(value Value) (KindInfo, bool) {
	if value == nil {
		return KindInfo{}, false
	}
	info, ok := byType[reflect.TypeOf(value)]
	return info, ok
}

// KeyOf gives the identity of a typed object. It is false where KindOf is. The namespace of
// an object of a cluster-scoped kind is left out.
func KeyOf(value Value) (Key, bool) {
	info, ok := KindOf(value)
	if !ok {
		return Key{}, false
	}
	key := Key{Kind: info.Kind, Namespace: value.GetNamespace(), Name: value.GetName()}
	if ClusterScoped(info.Kind) {
		key.Namespace = ""
	}
	return key, true
}
