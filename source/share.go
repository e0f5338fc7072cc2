package source

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// lastApplied is where kubectl writes the whole object once more.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Share makes an admitted object smaller by what nobody reads, and by what it says twice. Objects
// are never changed once they are admitted, so two fields may have the same map.
func Share(value api.Value) {
	value.SetManagedFields(nil)
	if annotations := value.GetAnnotations(); annotations[lastApplied] != "" {
		delete(annotations, lastApplied)
	}
	if s, ok := value.(*corev1.Service); ok && maps.Equal(s.Labels, s.Spec.Selector) {
		s.Spec.Selector = s.Labels
	}
}
