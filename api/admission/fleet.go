package admission

import (
	"net/netip"
	"strings"
	"time"

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
	r.networks(spec.Child("loadBalancer", "addresses"), sp.LoadBalancer.Addresses)
	r.networks(spec.Child("externalIPRanges"), sp.ExternalIPRanges)
	r.dns(spec.Child("dns"), sp.DNS)
	if ca := spec.Child("systemCACertificates"); !strings.HasPrefix(sp.SystemCACertificates, "/") {
		r.fail(ca, api.ReasonInvalidField, "write the whole path, as in "+v1alpha1.DefaultSystemCACertificates, "%q is not the absolute path of a file", sp.SystemCACertificates)
	}
	r.interception(sp)
	hops(r, spec.Child("clientAddress", "trustedHops"), int64(sp.ClientAddress.TrustedHops))
	r.notNegative(spec.Child("drainTime"), sp.DrainTime)
	if sp.Rollouts != nil {
		r.fleetRollouts(spec.Child("rollouts"), sp.Rollouts)
	}
}

// networks checks a list of at most 16 addresses and networks.
func (r *report) networks(path *field.Path, networks []string) {
	r.atMost(path, len(networks), 16)
	for i, text := range networks {
		if _, err := v1alpha1.ParseNetwork(text); err != nil {
			r.fail(path.Index(i), api.ReasonInvalidField, "write an address or a network, such as 10.1.0.7 or 10.1.0.16/28", "%v", err)
		}
	}
}

func (r *report) dns(path *field.Path, d *v1alpha1.DNS) {
	resolvers := path.Child("resolvers")
	r.atMost(resolvers, len(d.Resolvers), 8)
	seen := map[netip.AddrPort]int{}
	for i, text := range d.Resolvers {
		a, err := v1alpha1.ParseResolver(text)
		if err != nil || a.Port() == 0 {
			r.fail(resolvers.Index(i), api.ReasonInvalidField, "write an IP address, with a port if it is not 53: 10.0.0.2:5353", "%q is not the address of a resolver", text)
			continue
		}
		if first, again := seen[a]; again {
			r.duplicate(resolvers.Index(i), resolvers.Index(first), "the resolver %s", a)
		}
		seen[a] = i
	}
	switch d.LookupFamily {
	case v1alpha1.LookupIPv4, v1alpha1.LookupIPv6, v1alpha1.LookupIPv4Preferred, v1alpha1.LookupIPv6Preferred, v1alpha1.LookupIPv4AndIPv6:
	default:
		r.fail(path.Child("lookupFamily"), api.ReasonInvalidField, "use IPv4, IPv6, IPv4Preferred, IPv6Preferred or IPv4AndIPv6", "%q says nothing about addresses", d.LookupFamily)
	}
	for _, of := range []struct {
		field string
		value time.Duration
		least time.Duration
	}{
		{"minRefresh", d.MinRefresh.Duration, time.Second}, // Envoy asks for a second at least
		{"negativeRefresh", d.NegativeRefresh.Duration, 10 * time.Millisecond},
		{"failureRefresh", d.FailureRefresh.Duration, 10 * time.Millisecond},
	} {
		if of.value < of.least {
			r.fail(path.Child(of.field), api.ReasonInvalidField, "use "+of.least.String()+" at least", "%s is too short: resolvers would be flooded", of.value)
		}
	}
}

// interception checks that there is something to intercept, and that the socket is nobody else's.
func (r *report) interception(sp *v1alpha1.FleetSpec) {
	i, at := sp.Interception, spec.Child("interception")
	if i == nil {
		return
	}
	if i.Mode != v1alpha1.InterceptTProxy && i.Mode != v1alpha1.InterceptRedirect {
		r.fail(at.Child("mode"), api.ReasonInvalidField, "use TProxy or Redirect", "%q is not a mode of interception", i.Mode)
	}
	r.port(at.Child("port"), i.Port)
	switch {
	case len(sp.ClusterIPRanges) == 0 && sp.NodePorts.Disabled:
		r.fail(at, api.ReasonInvalidField, "give spec.clusterIPRanges, or leave interception out", "there is nothing to intercept: the Fleet has neither cluster IPs nor node ports")
	case !sp.ServiceListener.Disabled && sp.ServiceListener.Port == i.Port:
		r.fail(at.Child("port"), api.ReasonInvalidField, "choose another port", "the service listener has port %d", i.Port)
	case sp.InterceptsNodePort(i.Port):
		r.fail(at.Child("port"), api.ReasonInvalidField, "choose another port", "%d is one of the node ports (%s)", i.Port, sp.NodePorts.Range)
	}
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
