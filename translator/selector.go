package translator

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Pods and Workloads are found by each of their labels, written "key=value".
const (
	indexPodLabel      index = "Pods by label"
	indexWorkloadLabel index = "Workloads by label"
)

func labelLookups(i index, o *api.Object) []lookup {
	var lookups []lookup
	for k, v := range o.Value.GetLabels() {
		lookups = append(lookups, lookup{i, o.Key.Namespace, k + "=" + v})
	}
	return lookups
}

// selected gives the objects of a namespace whose labels match a selector, sorted by key. The
// empty selector matches nothing, as for Services.
//
// It asks for one of the selector's labels: whatever starts or stops to match shows up under
// each of them. It takes the rarest, so that the others concern it least.
func selected(r *Reader, i index, namespace string, selector map[string]string) []*api.Object {
	rarest, count := "", 0
	for k, v := range selector {
		pair := k + "=" + v
		n := r.count(i, namespace, pair)
		if rarest == "" || n < count || n == count && pair < rarest {
			rarest, count = pair, n
		}
	}
	if rarest == "" {
		return nil
	}
	var matching []*api.Object
	all := labels.SelectorFromSet(selector)
	for _, o := range r.list(i, namespace, rarest) {
		if all.Matches(labels.Set(o.Value.GetLabels())) {
			matching = append(matching, o)
		}
	}
	return matching
}

func selectorOf(service *corev1.Service, version versionKey) map[string]string {
	if version.ID == "" {
		return service.Spec.Selector
	}
	if v1alpha1.VersionName(version.ID) == v1alpha1.SelectorVersion {
		return version.Selector
	}
	return mergedSelector(service.Spec.Selector, version.Selector)
}

func selectedWorkloads(r *Reader, service *corev1.Service, version versionKey) []*api.Object {
	return selected(r, indexWorkloadLabel, service.Namespace, selectorOf(service, version))
}

func selectedPods(r *Reader, service *corev1.Service, version versionKey) []*api.Object {
	return selected(r, indexPodLabel, service.Namespace, selectorOf(service, version))
}
