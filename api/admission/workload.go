package admission

import (
	"net/netip"
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func (r *report) workload(w *v1alpha1.Workload) {
	sp := &w.Spec
	addresses := spec.Child("addresses")
	if len(sp.Addresses) == 0 {
		r.missing(addresses, "list the IP address of every process")
	}
	r.atMost(addresses, len(sp.Addresses), 1000)
	seen := map[netip.Addr]int{}
	for i, address := range sp.Addresses {
		a := r.endpointAddress(addresses.Index(i), address)
		if !a.IsValid() {
			continue
		}
		if first, again := seen[a]; again {
			r.duplicate(addresses.Index(i), addresses.Index(first), "the address %s", a)
		} else {
			seen[a] = i
		}
	}
	ports := spec.Child("ports")
	r.atMost(ports, len(sp.Ports), 16)
	names := map[string]int{}
	for i, p := range sp.Ports {
		if first, again := names[p.Name]; again {
			r.duplicate(ports.Index(i).Child("name"), ports.Index(first).Child("name"), "the name %q", p.Name)
		} else {
			names[p.Name] = i
			r.name(ports.Index(i).Child("name"), p.Name, true)
		}
		r.port(ports.Index(i).Child("port"), p.Port)
	}
	probe := spec.Child("readinessProbe")
	r.probe(probe, sp.ReadinessProbe, func(name string) bool {
		return slices.ContainsFunc(sp.Ports, func(p v1alpha1.WorkloadPort) bool { return p.Name == name })
	})
	if sp.ReadinessProbe != nil && sp.ReadinessProbe.Exec != nil {
		r.fail(probe.Child("exec"), api.ReasonProbeUnsupported,
			"offer the check over the network and use httpGet, tcpSocket or grpc", "Envoy cannot run a command inside a workload")
	}
}
