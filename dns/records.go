package dns

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// records are what the names of one Service are answered with. They are never changed.
type records struct {
	service name
	// external is what the name of an ExternalName Service is another name for.
	external string
	headless bool
	// addresses are the cluster IPs or, of a headless Service, those of the ready endpoints.
	addresses []netip.Addr
	// hosts are the ready endpoints of a headless Service, by hostname.
	hosts map[string][]netip.Addr
	// ports are the named ports, as in _http._tcp.
	ports map[string][]portAt
}

// portAt is the number of a port; host is the hostname of the endpoint that has it, empty for the
// Service itself.
type portAt struct {
	host   string
	number uint16
}

// endpoint is who is ready behind a headless Service.
type endpoint struct {
	address  netip.Addr
	hostname string
	ports    map[string]uint16 // by name, as in _http._tcp
}

func isHeadless(s *corev1.Service) bool {
	return s.Spec.Type != corev1.ServiceTypeExternalName && s.Spec.ClusterIP == corev1.ClusterIPNone
}

// newRecords makes the records of a Service. Endpoints are only asked for where they matter.
func newRecords(service *corev1.Service, ready func() []endpoint) *records {
	r := &records{service: name{service.Namespace, service.Name}}
	switch {
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		// An address is not a name, and there is no record that would say one.
		if _, err := netip.ParseAddr(service.Spec.ExternalName); err != nil {
			r.external = fqdn(strings.ToLower(service.Spec.ExternalName))
		}
	case isHeadless(service):
		r.headless = true
		r.addEndpoints(ready())
	default:
		r.addresses = clusterIPs(service)
		r.ports = map[string][]portAt{}
		for i := range service.Spec.Ports {
			if p := &service.Spec.Ports[i]; p.Name != "" {
				r.ports[portName(p.Name, p.Protocol)] = []portAt{{number: uint16(p.Port)}}
			}
		}
	}
	return r
}

// clusterIPs gives the addresses that a Service has: none where nobody has given it any yet.
func clusterIPs(service *corev1.Service) []netip.Addr {
	var all []netip.Addr
	for _, ip := range append([]string{service.Spec.ClusterIP}, service.Spec.ClusterIPs...) {
		if a, err := netip.ParseAddr(ip); err == nil {
			all = append(all, a.Unmap())
		}
	}
	return unique(all)
}

func (r *records) addEndpoints(ready []endpoint) {
	r.hosts, r.ports = map[string][]netip.Addr{}, map[string][]portAt{}
	for _, e := range ready {
		r.addresses = append(r.addresses, e.address)
		r.hosts[e.hostname] = append(r.hosts[e.hostname], e.address)
		for port, number := range e.ports {
			r.ports[port] = append(r.ports[port], portAt{e.hostname, number})
		}
	}
	r.addresses = unique(r.addresses)
	for host, addresses := range r.hosts {
		r.hosts[host] = unique(addresses)
	}
	for port, at := range r.ports {
		slices.SortFunc(at, portAt.compare)
		r.ports[port] = slices.Compact(at)
	}
}

// portName is how a port is called in names: _http._tcp.
func portName(port string, protocol corev1.Protocol) string {
	return "_" + strings.ToLower(port) + "._" + strings.ToLower(string(protocol))
}

func unique(all []netip.Addr) []netip.Addr {
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

func (p portAt) compare(o portAt) int {
	return cmp.Or(cmp.Compare(p.host, o.host), cmp.Compare(p.number, o.number))
}

// hasProtocol says whether a port of a protocol, such as _tcp, is there: it is then a name, too,
// though nothing is at it.
func (r *records) hasProtocol(protocol string) bool {
	for port := range r.ports {
		if strings.HasSuffix(port, "."+protocol) {
			return true
		}
	}
	return false
}

// equal says whether both are answered alike.
func (r *records) equal(o *records) bool {
	return r.external == o.external && r.headless == o.headless && slices.Equal(r.addresses, o.addresses) &&
		maps.EqualFunc(r.hosts, o.hosts, slices.Equal[[]netip.Addr]) && maps.EqualFunc(r.ports, o.ports, slices.Equal[[]portAt])
}

// pointers gives, for each address that has a name, that name's part before that of the Service:
// empty for the Service itself.
func (r *records) pointers(f func(address netip.Addr, host string)) {
	if !r.headless {
		for _, a := range r.addresses {
			f(a, "")
		}
	}
	for host, addresses := range r.hosts {
		for _, a := range addresses {
			f(a, host)
		}
	}
}

// fqdn ends a name with the dot of the root.
func fqdn(name string) string { return strings.TrimSuffix(name, ".") + "." }
