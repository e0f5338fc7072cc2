package behind

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// State is whether an endpoint takes requests, from best to worst.
type State uint8

const (
	// Ready takes requests.
	Ready State = iota
	// Draining still serves, but shall get nothing new.
	Draining
	// NotReady takes none.
	NotReady
	// Stopped terminates, and serves no more.
	Stopped
)

// Published is what a state is where a Service disregards readiness (publishNotReadyAddresses). What
// terminates still gets nothing new while there are others.
func (s State) Published() State {
	switch s {
	case NotReady:
		return Ready
	case Stopped:
		return Draining
	}
	return s
}

// OfConditions reads the conditions of an endpoint of an EndpointSlice. They may be left out: ready
// is then true, serving what ready is, and terminating false.
func OfConditions(c *discoveryv1.EndpointConditions) State {
	isReady := c.Ready == nil || *c.Ready
	terminating := c.Terminating != nil && *c.Terminating
	serving := isReady
	if c.Serving != nil {
		serving = *c.Serving
	}
	switch {
	case terminating && serving:
		return Draining
	case terminating:
		return Stopped
	case isReady:
		return Ready
	}
	return NotReady
}

// OfPod reads the status of a Pod: only one that runs and is Ready takes traffic; one that is being
// deleted finishes what it has.
func OfPod(pod *corev1.Pod) State {
	isReady, terminating := false, pod.DeletionTimestamp != nil
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.Status.Phase == corev1.PodRunning {
			isReady = true
		}
	}
	switch {
	case isReady && terminating:
		return Draining
	case isReady:
		return Ready
	case terminating:
		return Stopped
	}
	return NotReady
}

// HasEnded says whether a Pod will never serve again.
func HasEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// PodPort resolves a targetPort: a number, or the name of a container's port of this protocol.
func PodPort(pod *corev1.Pod, target intstr.IntOrString, protocol corev1.Protocol) (int32, bool) {
	if target.Type == intstr.Int {
		return target.IntVal, true
	}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, sidecars(pod)} {
		for i := range containers {
			for _, p := range containers[i].Ports {
				if p.Name == target.StrVal && p.Protocol == protocol {
					return p.ContainerPort, true
				}
			}
		}
	}
	return 0, false
}

// sidecars are the init containers that keep running.
func sidecars(pod *corev1.Pod) []corev1.Container {
	var found []corev1.Container
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			found = append(found, c)
		}
	}
	return found
}

// PodAddress gives the Pod's address of a family, else its first; empty when it has none yet.
func PodAddress(pod *corev1.Pod, family corev1.IPFamily) string {
	for _, ip := range pod.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil && FamilyOf(a) == family {
			return ip.IP
		}
	}
	return pod.Status.PodIP
}

// WorkloadPort resolves a targetPort: a number, or the name of one of the Workload's ports.
func WorkloadPort(w *v1alpha1.Workload, target intstr.IntOrString) (int32, bool) {
	if target.Type == intstr.Int {
		return target.IntVal, true
	}
	for _, p := range w.Spec.Ports {
		if p.Name == target.StrVal {
			return p.Port, true
		}
	}
	return 0, false
}

// PrimaryFamily is the family of addresses that a Service prefers.
func PrimaryFamily(service *corev1.Service) corev1.IPFamily {
	if len(service.Spec.IPFamilies) > 0 {
		return service.Spec.IPFamilies[0]
	}
	if a, err := netip.ParseAddr(service.Spec.ClusterIP); err == nil {
		return FamilyOf(a)
	}
	return corev1.IPv4Protocol
}

// FamilyOf is the family of an address; one of IPv4 that is written as IPv6 is of IPv4.
func FamilyOf(a netip.Addr) corev1.IPFamily {
	if a.Is4() || a.Is4In6() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
