package translator

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/behind"
)

// addPods adds Pods, as Kubernetes' endpoint controller would.
func (s *selection) addPods(r *Reader, service *corev1.Service, port *corev1.ServicePort, pods []*api.Object) {
	for _, o := range pods {
		pod := o.Value.(*corev1.Pod)
		if behind.HasEnded(pod) {
			continue
		}
		number, ok := behind.PodPort(pod, port.TargetPort, port.Protocol)
		if !ok {
			s.portless = o.Key
			continue
		}
		address := behind.PodAddress(pod, behind.PrimaryFamily(service))
		if address == "" {
			s.pending++
			continue
		}
		s.add(address, number, endpoint{
			zone:     zoneOf(r, pod.Spec.NodeName),
			node:     pod.Spec.NodeName,
			pod:      pod.Name,
			hostname: podHostname(pod, service.Name),
			state:    behind.OfPod(pod),
		})
	}
}
