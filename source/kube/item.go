package kube

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/source"
)

// item is what is made of an object as soon as it has come in: all that is kept of it. It is an
// object to client-go's stores, which ask for no more than its name and version.
type item struct {
	metav1.Object // nil

	key      api.Key
	version  string    // as the API server names it
	value    api.Value // nil when it is not admitted
	problems []api.Problem
}

// GetNamespace implements metav1.Object.
func (i *item) GetNamespace() string { return i.key.Namespace }

// GetName implements metav1.Object.
func (i *item) GetName() string { return i.key.Name }

// GetResourceVersion implements metav1.Object.
func (i *item) GetResourceVersion() string { return i.version }

// newItem admits an object and makes it small. The object is not used any more.
func newItem(info api.KindInfo, object metav1.Object, keep func(api.Value) api.Value) *item {
	i := &item{version: object.GetResourceVersion()}
	value, ok := object.(api.Value)
	if names, only := object.(*metav1.PartialObjectMetadata); only {
		value, ok = info.New(), true
		value.SetName(names.Name)
		value.SetLabels(names.Labels)
	}
	i.key = api.Key{Kind: info.Kind, Namespace: object.GetNamespace(), Name: object.GetName()}
	if !ok {
		return i
	}
	if i.problems = admission.Admit(value); admission.HasError(i.problems) {
		return i
	}
	shrink(value)
	if keep != nil {
		value = keep(value)
	}
	i.value = value
	return i
}

// shrink takes out what nobody reads: most of memory is Pods and endpoints. What is said in a
// status by controllers, ourselves included, is nothing that a translation depends on.
func shrink(value api.Value) {
	source.Share(value)
	value.SetResourceVersion("")
	value.SetOwnerReferences(nil)
	value.SetFinalizers(nil)
	switch v := value.(type) {
	case *corev1.Pod:
		shrinkPod(v)
	case *corev1.Service:
		v.Status = corev1.ServiceStatus{}
	case *gatewayv1.GatewayClass:
		v.Status = gatewayv1.GatewayClassStatus{}
	case *gatewayv1.Gateway:
		v.Status = gatewayv1.GatewayStatus{}
	case *gatewayv1.HTTPRoute:
		v.Status = gatewayv1.HTTPRouteStatus{}
	case *v1alpha1.Rollout:
		v.Status = v1alpha1.RolloutStatus{}
	}
}

// shrinkPod leaves what a Service's endpoints and their names are made of.
func shrinkPod(p *corev1.Pod) {
	spec, status := p.Spec, p.Status
	p.Annotations, p.UID, p.GenerateName = nil, "", ""
	p.Spec = corev1.PodSpec{
		NodeName: spec.NodeName, Hostname: spec.Hostname, Subdomain: spec.Subdomain,
		Containers: onlyPorts(spec.Containers), InitContainers: onlyPorts(spec.InitContainers),
	}
	p.Status = corev1.PodStatus{Phase: status.Phase, PodIP: status.PodIP, PodIPs: status.PodIPs}
	for _, c := range status.Conditions {
		if c.Type == corev1.PodReady {
			p.Status.Conditions = []corev1.PodCondition{{Type: c.Type, Status: c.Status}}
		}
	}
}

// onlyPorts leaves what a port's name is looked up in.
func onlyPorts(containers []corev1.Container) (small []corev1.Container) {
	for i := range containers {
		if c := &containers[i]; len(c.Ports) > 0 {
			small = append(small, corev1.Container{Ports: c.Ports, RestartPolicy: c.RestartPolicy})
		}
	}
	return small
}
