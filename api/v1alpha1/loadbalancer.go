package v1alpha1

import (
	"fmt"
	"net/netip"
	"slices"
)

// LoadBalancer says which addresses the Fleet gives to Services of type LoadBalancer.
type LoadBalancer struct {
	// IP addresses and networks (10.1.0.16/28) that Services are given, in this order. The machines
	// of the Fleet's Envoys must have them. Nothing said: Services of type LoadBalancer have node
	// ports only.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=49
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:./]+$`
	// +kubebuilder:validation:items:XValidation:message="must be an IP address or a network",rule="isIP(self) || isCIDR(self)"
	Addresses []string `json:"addresses,omitempty"`
	// The loadBalancerClass of Services that the Fleet gives addresses to. Those that name no class
	// are given one as well.
	//
	// +optional
	// +kubebuilder:default="gateway-cp.io/fleet"
	// +kubebuilder:validation:MaxLength=317
	Class string `json:"class,omitempty"`
}

// DefaultLoadBalancerClass is the class of a Fleet that names none.
const DefaultLoadBalancerClass = "gateway-cp.io/fleet"

// Pool gives the addresses as networks. What cannot be read is left out: admission refuses it.
func (l *LoadBalancer) Pool() []netip.Prefix { return parseNetworks(l.Addresses) }

// PermitsExternalIP says whether a Service may have the address as one of its externalIPs.
func (f *Fleet) PermitsExternalIP(a netip.Addr) bool {
	return slices.ContainsFunc(parseNetworks(f.Spec.ExternalIPRanges), func(p netip.Prefix) bool { return p.Contains(a) })
}

func parseNetworks(networks []string) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range networks {
		if p, err := ParseNetwork(a); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// ParseNetwork reads an IP address, or a network such as 10.1.0.16/28. The error says what is wrong,
// without a field.
func ParseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a network", s)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits set to the right of its network", s)
	}
	return p, nil
}
