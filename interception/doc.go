// Package interception prepares a machine for an Envoy that takes connections to many addresses on one socket,
// and for connections to endpoints that come from the addresses of clients. A Fleet goes in, as
// Rules; nftables rules, local routes and routing rules come out, all of them known by name or number, so that a
// later process finds and removes them. It knows nothing of Envoy's configuration.
package interception

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Table is the name of the nftables table, of the family inet.
const Table = "gateway-cp"

const (
	// RouteProtocol marks our routes and routing rules (rtm_protocol); ip shows it as "proto 103".
	RouteProtocol = 103
	// RouteTable is the routing table for packets on their way back to Envoy.
	RouteTable = 26467
	// rulePriority is before those of the kernel for its main table (32766).
	rulePriority = 26467
)

// ErrNotPermitted is for a process without CAP_NET_ADMIN, ErrUnsupported for a kernel or system without what it takes.
var (
	ErrNotPermitted = errors.New("this needs root, or CAP_NET_ADMIN")
	ErrUnsupported  = errors.New("not supported by this system")
)

// Rules say what the machine of an Envoy has to do.
type Rules struct {
	// Mode is how connections come to Port; empty: none do.
	Mode v1alpha1.InterceptionMode
	Port uint16
	// ClusterIPs are networks whose addresses are made local, so that Envoy may listen there, too.
	ClusterIPs []netip.Prefix
	// NodePorts are intercepted at NodePortAddresses; where there are none, at all local addresses.
	NodePorts         *v1alpha1.PortRange
	NodePortAddresses []netip.Addr
	// OriginalSource brings packets back that are for Envoy's connections from the addresses of clients.
	OriginalSource bool
}

// ForFleet gives the rules that the machines of a Fleet need, and an error if it needs none.
func ForFleet(f *v1alpha1.Fleet) (Rules, error) {
	r := Rules{OriginalSource: f.Spec.ClientAddress.OriginalSource}
	i := f.Spec.Interception
	if i == nil {
		if !r.OriginalSource {
			return r, fmt.Errorf("the Fleet %s says neither spec.interception nor spec.clientAddress.originalSource: its machines need no rules", f.Name)
		}
		return r, nil
	}
	r.Mode, r.Port = i.Mode, uint16(i.Port)
	for _, text := range f.Spec.ClusterIPRanges {
		p, err := v1alpha1.ParseNetwork(text)
		if err != nil {
			return r, err
		}
		r.ClusterIPs = append(r.ClusterIPs, p)
	}
	if f.Spec.NodePorts.Disabled {
		return r, nil
	}
	ports, err := v1alpha1.ParsePortRange(f.Spec.NodePorts.Range)
	if err != nil {
		return r, err
	}
	r.NodePorts = &ports
	addresses := f.Spec.NodePorts.Addresses
	if len(addresses) == 0 {
		addresses = f.Spec.Addresses
	}
	for _, text := range addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return r, err
		}
		if a.IsUnspecified() { // all of them
			r.NodePortAddresses = nil
			return r, nil
		}
		r.NodePortAddresses = append(r.NodePortAddresses, a.Unmap())
	}
	return r, nil
}

// Installed is what a machine has.
type Installed struct {
	// Rules of the nftables table, in words; Routes and RoutingRules as ip shows them.
	Rules, Routes, RoutingRules []string
}

// Any says whether there is anything.
func (i Installed) Any() bool { return len(i.Rules)+len(i.Routes)+len(i.RoutingRules) > 0 }
