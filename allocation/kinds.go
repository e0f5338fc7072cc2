package allocation

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// nodePort is the kind of node ports: one for a port of a Service.
type nodePort struct {
	index    int // in spec.ports
	name     string
	port     int32
	protocol corev1.Protocol
	// within bounds the number: the ranges of all fleets that serve the Service.
	within []v1alpha1.PortRange
	avoid  map[int32]bool // not chosen, but may be asked for
}

func (n nodePort) id() string { return fmt.Sprintf("nodePort %03d", n.index) }

// fits says whether every fleet that serves the Service has the number.
func (n nodePort) fits(v value) bool {
	return !slices.ContainsFunc(n.within, func(r v1alpha1.PortRange) bool { return v.port < r.First || v.port > r.Last })
}

func (n nodePort) places(v value) []place { return []place{{protocol: n.protocol, port: v.port}} }

// choices begin at what depends on nothing but the claim, so that others which come and go seldom change
// what is chosen without a record. The lower part of the range is used last: that is where people who ask
// for a number ask for it.
// https://kubernetes.io/docs/concepts/services-networking/service/#avoid-nodeport-collisions
func (n nodePort) choices(a *assignment, c *claim) iter.Seq[value] {
	common := n.common()
	size := common.Last - common.First + 1
	static := min(max(16, size/32), 128)
	if static >= size {
		static = 0
	}
	upper := size - static
	start := hash(c.service.Namespace, c.service.Name, n.name, string(n.protocol))
	return func(yield func(value) bool) {
		for _, v := range a.siblings(c, n) { // DNS and the like: TCP and UDP on one number
			if !yield(v) {
				return
			}
		}
		for i := range max(size, 0) {
			port := common.First + static + int32((start+uint64(i))%uint64(upper))
			if i >= upper {
				port = common.First + i - upper
			}
			if !n.avoid[port] && !yield(value{port: port}) {
				return
			}
		}
	}
}

// common is the range that all fleets have in common.
func (n nodePort) common() v1alpha1.PortRange {
	common := v1alpha1.PortRange{First: 1, Last: 65535}
	for _, r := range n.within {
		common.First, common.Last = max(common.First, r.First), min(common.Last, r.Last)
	}
	return common
}

// siblings are the numbers of ports of the same Service with the same port number and another protocol.
func (a *assignment) siblings(c *claim, own nodePort) (all []value) {
	at, _ := slices.BinarySearchFunc(a.order, c, func(i int, c *claim) int { return a.claims[i].service.Compare(c.service) })
	for ; at < len(a.order) && a.claims[a.order[at]].service == c.service; at++ {
		i := a.order[at]
		o, ok := a.claims[i].kind.(nodePort)
		if ok && o.port == own.port && o.protocol != own.protocol && a.grants[i].port != 0 {
			all = append(all, a.grants[i].value)
		}
	}
	return all
}

// healthPort is the kind of the node port on which a load balancer in front of the fleet asks whether a node
// has endpoints of a Service.
type healthPort struct{ nodePort }

func (h healthPort) id() string { return "healthCheckNodePort" }

// frontAddress is the kind of addresses of load balancers: one for a Service from each fleet that has
// some. Services may share one, as long as no two have the same port.
type frontAddress struct {
	fleet string
	pool  []netip.Prefix
	ports []place // without an address
}

func (f frontAddress) id() string { return "loadBalancer " + f.fleet }

func (f frontAddress) fits(v value) bool { return inPool(f.pool, v.address) }

func (f frontAddress) places(v value) []place {
	all := make([]place, len(f.ports))
	for i, p := range f.ports {
		p.address = v.address
		all[i] = p
	}
	return all
}

// choices are the addresses that nobody has, in the order of the pool, and then those that are shared.
func (f frontAddress) choices(a *assignment, _ *claim) iter.Seq[value] {
	return func(yield func(value) bool) {
		for _, shared := range []bool{false, true} {
			for address := range addresses(f.pool) {
				if (a.used[address] > 0 || a.uses(address)) == shared && !yield(value{address: address}) {
					return
				}
			}
		}
	}
}

func inPool(pool []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(pool, func(p netip.Prefix) bool { return p.Contains(a) })
}

// addresses are those of a pool, in its order. Of an IPv4 network the first and the last are left out: they
// are not for hosts.
func addresses(pool []netip.Prefix) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, p := range pool {
			for a := p.Masked().Addr(); p.Contains(a); a = a.Next() {
				if !reserved(p, a) && !yield(a) {
					return
				}
			}
		}
	}
}

// reserved says whether an address is that of an IPv4 network itself, or of all hosts in it.
func reserved(p netip.Prefix, a netip.Addr) bool {
	if !a.Is4() || p.Bits() > 30 {
		return false
	}
	bits := uint32(1)<<(32-p.Bits()) - 1
	host := binary.BigEndian.Uint32(a.AsSlice()) & bits
	return host == 0 || host == bits
}
