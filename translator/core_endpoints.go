package translator

//lint:file-ignore SA1019 Endpoints is deprecated in Kubernetes, yet still what hand-written manifests use

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// addCoreEndpoints adds what an Endpoints object with the Service's name lists; false when
// there is none.
func (s *selection) addCoreEndpoints(r *Reader, service *corev1.Service, port *corev1.ServicePort) bool {
	o := read[*corev1.Endpoints](r, api.KindEndpoints, service.Namespace, service.Name)
	if o == nil {
		return false
	}
	for i := range o.Subsets {
		subset := &o.Subsets[i]
		number := int32(0)
		for _, p := range subset.Ports {
			if p.Name == port.Name && p.Protocol == port.Protocol {
				number = p.Port
			}
		}
		s.addAddresses(r, o, number, subset.Addresses, ready)
		s.addAddresses(r, o, number, subset.NotReadyAddresses, notReady)
	}
	return true
}

// endpointsCalls gives the units of the hostnames in an Endpoints object. EndpointSlices win over it.
func endpointsCalls(r *Reader, o *api.Object) []Unit {
	var hostnames []string
	for _, subset := range o.Value.(*corev1.Endpoints).Subsets {
		for _, a := range slices.Concat(subset.Addresses, subset.NotReadyAddresses) {
			hostnames = append(hostnames, label(a.Hostname))
		}
	}
	if hostnames = distinctLabels(hostnames); len(hostnames) == 0 || len(r.list(indexSliceService, o.Key.Namespace, o.Key.Name)) > 0 {
		return nil
	}
	return hostnameCalls(r, o.Key.Namespace, o.Key.Name, hostnames...)
}

func (s *selection) addAddresses(r *Reader, o *corev1.Endpoints, port int32, addresses []corev1.EndpointAddress, state endpointState) {
	for i := range addresses {
		a := &addresses[i]
		if port == 0 {
			s.portless = api.Key{Kind: api.KindEndpoints, Namespace: o.Namespace, Name: o.Name}
			continue
		}
		node := valueOr(a.NodeName, "")
		s.add(a.IP, port, endpoint{zone: zoneOf(r, node), node: node, pod: podName(a.TargetRef), state: state, hostname: label(a.Hostname)})
	}
}
