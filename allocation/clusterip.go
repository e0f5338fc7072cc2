package allocation

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// clusterAddress is the kind of cluster IPs: one of each family that a Service has. Where manifests ask for
// one, it may be any: they may come out of a cluster with another range.
type clusterAddress struct {
	family corev1.IPFamily
	within netip.Prefix // to choose from; not valid: nothing is
}

func (a clusterAddress) id() string { return "clusterIP " + string(a.family) }

func (a clusterAddress) fits(value) bool { return true }

func (a clusterAddress) places(v value) []place { return []place{{address: v.address}} }

// choices begin at what depends on nothing but the claim, and use the lower part of the range last, as
// those of node ports.
// https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
func (a clusterAddress) choices(_ *assignment, c *claim) iter.Seq[value] {
	size := hosts(a.within)
	static := min(max(16, size/16), 256)
	if static >= size {
		static = 0
	}
	upper := size - static
	start := hash(c.service.Namespace, c.service.Name, string(a.family))
	return func(yield func(value) bool) {
		for i := range size {
			offset := static + (start+i)%upper
			if i >= upper {
				offset = i - upper
			}
			// The first address is that of the network itself.
			if !yield(value{address: plus(a.within.Masked().Addr(), offset+1)}) {
				return
			}
		}
	}
}

// hosts is how many addresses of a network may be given, at most 2³²: not the first, and of an IPv4
// network not the last.
func hosts(p netip.Prefix) uint64 {
	if !p.IsValid() {
		return 0
	}
	bits := min(p.Addr().BitLen()-p.Bits(), 32)
	n := uint64(1)<<bits - 1
	if p.Addr().Is4() && n > 0 {
		n--
	}
	return n
}

// plus adds to the last 64 bits of an address, or the last 32 of an IPv4 address.
func plus(a netip.Addr, n uint64) netip.Addr {
	bytes := a.AsSlice()
	if a.Is4() {
		binary.BigEndian.PutUint32(bytes, binary.BigEndian.Uint32(bytes)+uint32(n))
	} else {
		binary.BigEndian.PutUint64(bytes[8:], binary.BigEndian.Uint64(bytes[8:])+n)
	}
	sum, _ := netip.AddrFromSlice(bytes)
	return sum
}

// clusterIPClaims are those that a Service asks for, and one of each family that it shall have besides
// where a fleet that serves it has a range of it: the first such fleet by name.
func clusterIPClaims(k api.Key, s *corev1.Service, record Record, serving []*v1alpha1.Fleet) (claims []claim) {
	if s.Spec.Type == corev1.ServiceTypeExternalName || s.Spec.ClusterIP == corev1.ClusterIPNone || len(serving) == 0 {
		return nil
	}
	ranges := map[corev1.IPFamily]netip.Prefix{}
	var order []corev1.IPFamily // of the ranges
	for _, f := range serving {
		for _, text := range f.Spec.ClusterIPRanges {
			if p, err := v1alpha1.ParseNetwork(text); err == nil && !ranges[familyOf(p.Addr())].IsValid() {
				ranges[familyOf(p.Addr())] = p
				order = append(order, familyOf(p.Addr()))
			}
		}
	}
	asked := askedClusterIPs(s)
	for _, family := range families(s, asked, order) {
		c := claim{kind: clusterAddress{family, ranges[family]}, service: k, path: "spec.clusterIP"}
		for _, a := range asked {
			if familyOf(a.address) == family {
				c.wanted, c.path = value{address: a.address}, a.path
			}
		}
		for _, a := range record.ClusterIPs {
			if familyOf(a) == family {
				c.recorded = value{address: a}
			}
		}
		if ranges[family].IsValid() || c.wanted != (value{}) || c.recorded != (value{}) {
			claims = append(claims, c)
		}
	}
	return claims
}

type askedAddress struct {
	address netip.Addr
	path    string
}

// askedClusterIPs are the cluster IPs that a manifest asks for. clusterIP is the first of clusterIPs.
func askedClusterIPs(s *corev1.Service) (all []askedAddress) {
	add := func(text, path string) {
		a, err := netip.ParseAddr(text)
		if a = a.Unmap(); err == nil && !slices.ContainsFunc(all, func(o askedAddress) bool { return o.address == a }) {
			all = append(all, askedAddress{a, path})
		}
	}
	add(s.Spec.ClusterIP, "spec.clusterIP")
	for i, text := range s.Spec.ClusterIPs {
		add(text, fmt.Sprintf("spec.clusterIPs[%d]", i))
	}
	return all
}

// families are those that a Service shall have addresses of, the primary one first.
// https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services
func families(s *corev1.Service, asked []askedAddress, ranges []corev1.IPFamily) []corev1.IPFamily {
	all := slices.Clone(s.Spec.IPFamilies)
	for _, a := range asked {
		all = append(all, familyOf(a.address))
	}
	if len(all) == 0 {
		all = append(all, slices.Concat(ranges, []corev1.IPFamily{corev1.IPv4Protocol})[0])
	}
	if policy := s.Spec.IPFamilyPolicy; policy != nil && *policy != corev1.IPFamilyPolicySingleStack {
		all = append(all, corev1.IPv4Protocol, corev1.IPv6Protocol)
	}
	var once []corev1.IPFamily
	for _, f := range all {
		if !slices.Contains(once, f) {
			once = append(once, f)
		}
	}
	return once
}

func familyOf(a netip.Addr) corev1.IPFamily {
	if a.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
