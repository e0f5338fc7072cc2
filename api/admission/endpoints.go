package admission

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Endpoints is deprecated upstream in favour of EndpointSlice; manifests that give a Service
// addresses by hand often still use it.

//lint:ignore SA1019 see above
func defaultEndpoints(e *corev1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			if p := &e.Subsets[i].Ports[j]; p.Protocol == "" {
				p.Protocol = corev1.ProtocolTCP
			}
		}
	}
}

//lint:ignore SA1019 see above
func (r *report) endpoints(e *corev1.Endpoints) {
	for i := range e.Subsets {
		at, subset := field.NewPath("subsets").Index(i), &e.Subsets[i]
		for j, a := range subset.Addresses {
			r.endpointAddress(at.Child("addresses").Index(j).Child("ip"), a.IP)
		}
		for j, a := range subset.NotReadyAddresses {
			r.endpointAddress(at.Child("notReadyAddresses").Index(j).Child("ip"), a.IP)
		}
		for j, p := range subset.Ports {
			port := at.Child("ports").Index(j)
			if p.Name == "" && len(subset.Ports) > 1 {
				r.missing(port.Child("name"), "name every port when there are several")
			} else if p.Name != "" {
				r.name(port.Child("name"), p.Name, true)
			}
			r.port(port.Child("port"), p.Port)
			r.protocol(port.Child("protocol"), p.Protocol)
		}
	}
}
