package kube

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// reading says how the objects of a kind are read.
type reading struct {
	api.KindInfo
	// fields selects what is sent, by fields.
	fields string
	// namesOnly: names and labels are all that is used, and all that is sent.
	namesOnly bool
	// follows: controllers write the objects, which come and go with those that people write.
	follows bool
}

// readings are the kinds that are read. Endpoints are not among them, since Kubernetes mirrors them
// to EndpointSlices.
func readings() []reading {
	var all []reading
	for _, info := range api.Kinds() {
		r := reading{KindInfo: info}
		switch info.Kind {
		case api.KindEndpoints:
			continue
		case api.KindSecret:
			r.fields = "type=" + string(corev1.SecretTypeTLS)
		case api.KindNode, api.KindNamespace:
			r.namesOnly, r.follows = true, true
		case api.KindEndpointSlice, api.KindPod, api.KindConfigMap: // Kubernetes puts one into each namespace
			r.follows = true
		}
		all = append(all, r)
	}
	return all
}

// newScheme knows the kinds that are read, in every version.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, discoveryv1.AddToScheme, gatewayv1.Install, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	for _, r := range readings() {
		for _, version := range r.Versions()[1:] { // of the same shape
			for _, suffix := range []string{"", "List"} {
				gvk := r.GVK
				gvk.Kind += suffix
				object, err := scheme.New(gvk)
				if err != nil {
					return nil, err
				}
				gvk.Version = version
				scheme.AddKnownTypeWithName(gvk, object)
				metav1.AddToGroupVersion(scheme, gvk.GroupVersion())
			}
		}
	}
	return scheme, nil
}

// isBuiltIn says whether every API server has the kind; others have it once a CRD is installed.
func (r reading) isBuiltIn() bool {
	return r.GVK.Group == corev1.GroupName || r.GVK.Group == discoveryv1.GroupName
}
