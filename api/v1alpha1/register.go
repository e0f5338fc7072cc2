package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is gateway-cp.io/v1alpha1.
var GroupVersion = schema.GroupVersion{Group: "gateway-cp.io", Version: "v1alpha1"}

// AddToScheme makes the kinds of the group known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&BackendPolicy{}, &BackendPolicyList{}, &Rollout{}, &RolloutList{}, &Workload{}, &WorkloadList{}, &Fleet{}, &FleetList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
