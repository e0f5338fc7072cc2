package admission

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func (r *report) fleet(f *v1alpha1.Fleet) {
	sp := &f.Spec
	r.selector(spec.Child("serviceSelector"), sp.ServiceSelector)
	r.selector(spec.Child("gatewaySelector"), sp.GatewaySelector)
	r.name(spec.Child("defaultNamespace"), sp.DefaultNamespace, true)
	r.hostname(spec.Child("clusterDomain"), sp.ClusterDomain, false)
	r.listenAddresses(spec.Child("addresses"), sp.Addresses)
	listener := spec.Child("serviceListener")
	r.address(listener.Child("address"), sp.ServiceListener.Address)
	r.port(listener.Child("port"), sp.ServiceListener.Port)
	nodePorts := spec.Child("nodePorts")
	if _, err := v1alpha1.ParsePortRange(sp.NodePorts.Range); err != nil {
		r.fail(nodePorts.Child("range"), api.ReasonInvalidField, "write the first and the last port, as in "+v1alpha1.DefaultNodePortRange, "%v", err)
	}
	r.listenAddresses(nodePorts.Child("addresses"), sp.NodePorts.Addresses)
	r.clusterIPRanges(spec.Child("clusterIPRanges"), sp.ClusterIPRanges)
	pool := spec.Child("loadBalancer", "addresses")
	r.atMost(pool, len(sp.LoadBalancer.Addresses), 16)
	for i, address := range sp.LoadBalancer.Addresses {
		if _, err := v1alpha1.ParseNetwork(address); err != nil {
			r.fail(pool.Index(i), api.ReasonInvalidField, "write an address or a network, such as 10.1.0.7 or 10.1.0.16/28", "%v", err)
		}
	}
	r.notNegative(spec.Child("drainTime"), sp.DrainTime)
}

// clusterIPRanges checks that there is at most one network of each family.
func (r *report) clusterIPRanges(path *field.Path, ranges []string) {
	first := map[bool]int{}
	for i, text := range ranges {
		p, err := v1alpha1.ParseNetwork(text)
		if err != nil || p.IsSingleIP() {
			r.fail(path.Index(i), api.ReasonInvalidField, "write a network, such as 10.96.0.0/12", "%q is not a network of addresses", text)
			continue
		}
		if at, again := first[p.Addr().Is4()]; again {
			r.fail(path.Index(i), api.ReasonInvalidField, "keep one of the two", "there is a network of the same family already at %s", path.Index(at))
		} else {
			first[p.Addr().Is4()] = i
		}
	}
}

// listenAddresses checks a list of at most 16 IP addresses, each once.
func (r *report) listenAddresses(path *field.Path, addresses []string) {
	r.atMost(path, len(addresses), 16)
	seen := map[netip.Addr]int{}
	for i, address := range addresses {
		a := r.address(path.Index(i), address)
		if !a.IsValid() {
			continue
		}
		if first, again := seen[a]; again {
			r.duplicate(path.Index(i), path.Index(first), "the address %s", a)
		} else {
			seen[a] = i
		}
	}
}
