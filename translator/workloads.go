package translator

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/behind"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// addWorkloads adds every address of Workloads. All are ready as far as is known here: what a
// probe has to say, Envoy finds out.
func (s *selection) addWorkloads(r *Reader, port *corev1.ServicePort, workloads []*api.Object) {
	for _, o := range workloads {
		w := o.Value.(*v1alpha1.Workload)
		number, ok := behind.WorkloadPort(w, port.TargetPort)
		if !ok {
			s.portless = o.Key
			continue
		}
		e := endpoint{zone: w.Spec.Zone, node: w.Spec.Node, probePort: probePort(w), hostname: label(w.Name)}
		if e.zone == "" {
			e.zone = zoneOf(r, w.Spec.Node)
		}
		if w.Spec.Draining {
			e.state = draining
		}
		for _, address := range w.Spec.Addresses {
			s.add(address, number, e)
		}
	}
}
