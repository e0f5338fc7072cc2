package translator

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"net/netip"

	"github.com/gateway-cp/gateway-cp/api"
)

// addPods adds Pods, as Kubernetes' endpoint controller would.
func (s *selection) addPods(r *Reader, service *corev1.Service, port *corev1.ServicePort, pods []*api.Object) {
	for _, o := range pods {
		pod := o.Value.(*corev1.Pod)
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue // it will never serve again
		}
		number, ok := podPort(pod, port)
		if !ok {
			s.portless = o.Key
			continue
		}
		address := podAddress(pod, primaryFamily(service))
		if address == "" {
			s.pending++
			continue
		}
		s.add(address, number, endpoint{
			zone:  zoneOf(r, pod.Spec.NodeName),
			node:  pod.Spec.NodeName,
			pod:   pod.Name,
			state: podState(pod, service.Spec.PublishNotReadyAddresses),
		})
	}
}

// podPort resolves a targetPort: a number, or the name of a container's port of the same protocol.
func podPort(pod *corev1.Pod, port *corev1.ServicePort) (int32, bool) {
	target := port.TargetPort
	if target.Type == intstr.Int {
		return target.IntVal, true
	}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, sidecars(pod)} {
		for i := range containers {
			for _, p := range containers[i].Ports {
				if p.Name == target.StrVal && p.Protocol == port.Protocol {
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

// podAddress gives the Pod's address of a family, else its first; empty when it has none yet.
func podAddress(pod *corev1.Pod, family corev1.IPFamily) string {
	for _, ip := range pod.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil && familyOf(a) == family {
			return ip.IP
		}
	}
	return pod.Status.PodIP
}

// podState: only a Pod that runs and is Ready takes traffic; one that is being deleted
// finishes what it has.
func podState(pod *corev1.Pod, publishNotReady bool) endpointState {
	isReady := publishNotReady
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.Status.Phase == corev1.PodRunning {
			isReady = true
		}
	}
	switch {
	case !isReady:
		return notReady
	case pod.DeletionTimestamp != nil:
		return draining
	}
	return ready
}
