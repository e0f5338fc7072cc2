package admission

import (
	"net/netip"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func (r *report) fleet(f *v1alpha1.Fleet) {
	sp := &f.Spec
	r.selector(spec.Child("serviceSelector"), sp.ServiceSelector)
	r.selector(spec.Child("gatewaySelector"), sp.GatewaySelector)
	r.name(spec.Child("defaultNamespace"), sp.DefaultNamespace, true)
	r.hostname(spec.Child("clusterDomain"), sp.ClusterDomain, false)
	addresses := spec.Child("addresses")
	r.atMost(addresses, len(sp.Addresses), 16)
	seen := map[netip.Addr]int{}
	for i, address := range sp.Addresses {
		a := r.address(addresses.Index(i), address)
		if !a.IsValid() {
			continue
		}
		if first, again := seen[a]; again {
			r.duplicate(addresses.Index(i), addresses.Index(first), "the address %s", a)
		} else {
			seen[a] = i
		}
	}
	listener := spec.Child("serviceListener")
	r.address(listener.Child("address"), sp.ServiceListener.Address)
	r.port(listener.Child("port"), sp.ServiceListener.Port)
	r.notNegative(spec.Child("drainTime"), sp.DrainTime)
}
