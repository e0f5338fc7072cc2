package translator

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Beside its DNS names a Service has addresses and ports of its own: node ports, those of its load
// balancer, external IPs, and cluster IPs. Each is an opening: a listener for one port of one Service.

// opening is an address and port on which the Envoys of a fleet serve one port of a Service.
type opening struct {
	address string // canonical
	port    int32
	service *corev1.Service
	index   int    // in spec.ports; -1: it tells the health of a node
	path    string // of the field that asks for it
	// from are the only clients that may come; empty: all.
	from []netip.Prefix
	// local leads to endpoints on the node of the Envoy alone.
	local bool
	// outside is for clients from outside of the cluster: a node port, or a load balancer.
	outside bool
	// keepsSource has connections to endpoints come from the address of the client.
	keepsSource bool
	// intercepted has no socket of its own, and may stand for others as well: see interception.go.
	intercepted bool
	others      []opening
	// called is the name of the listener where that is not the opening's own.
	called string
}

// servicePort is the port of the Service that it leads to.
func (o *opening) servicePort() *corev1.ServicePort { return &o.service.Spec.Ports[o.index] }

func (o *opening) datagrams() bool {
	return !o.health() && o.servicePort().Protocol == corev1.ProtocolUDP
}

// health says whether it leads to no port: see health_port.go.
func (o *opening) health() bool { return o.index < 0 }

// place is where it is: no two listeners have it.
func (o *opening) place() string {
	if o.datagrams() {
		return datagramListenerName(o.address, o.port)
	}
	return listenerName(o.address, o.port)
}

// name is that of the listener.
func (o *opening) name() string {
	switch {
	case o.called != "":
		return o.called
	case o.intercepted:
		return interceptedListenerName(o.address, o.port)
	}
	return o.place()
}

func (o *opening) key() api.Key {
	return api.Key{Kind: api.KindService, Namespace: o.service.Namespace, Name: o.service.Name}
}

func (o *opening) origin() Origin { return Origin{o.key(), o.path} }

// Services are found by what they have: node ports, which are on all addresses of a fleet, and ports of
// addresses.
const (
	indexNodePort    index = "Services by node port"
	indexAddressPort index = "Services by address and port"
)

func serviceLookups(o *api.Object) []lookup {
	service := o.Value.(*corev1.Service)
	var all []lookup
	add := func(l lookup) {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	if p := service.Spec.HealthCheckNodePort; p != 0 {
		add(lookup{indexNodePort, "", portString(p)})
	}
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if p.NodePort != 0 {
			add(lookup{indexNodePort, "", portString(p.NodePort)})
		}
		for _, a := range slices.Concat(frontAddresses(service), externalIPs(service), clusterIPs(service)) {
			add(lookup{indexAddressPort, a.String(), portString(p.Port)})
		}
	}
	return all
}

// frontAddresses are those of the load balancer of a Service.
func frontAddresses(service *corev1.Service) []netip.Addr {
	var all []netip.Addr
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if a, err := netip.ParseAddr(ingress.IP); err == nil && service.Spec.Type == corev1.ServiceTypeLoadBalancer {
			all = append(all, a.Unmap())
		}
	}
	return all
}

// openingsOf gives the openings of a Service on the Envoys of a fleet. What a Service may have is decided
// before: a node port, or an address of a load balancer, that is in it is its own.
func openingsOf(r *Reader, f fleet, service *corev1.Service) []opening {
	all := healthOpenings(f, service)
	pool := f.Spec.LoadBalancer.Pool()
	outside := service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal && !isExternal(service)
	inside := localInside(service)
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if !isTCP(p.Protocol) && p.Protocol != corev1.ProtocolUDP {
			continue
		}
		if p.NodePort != 0 && !f.Spec.NodePorts.Disabled {
			for _, a := range f.nodePortAddresses() {
				all = append(all, opening{
					address: a, port: p.NodePort, service: service, index: i, path: fmt.Sprintf("spec.ports[%d].nodePort", i),
					local: outside, outside: true, intercepted: isTCP(p.Protocol) && f.Spec.InterceptsNodePort(p.NodePort),
				})
			}
		}
		for _, a := range frontAddresses(service) {
			if slices.ContainsFunc(pool, func(p netip.Prefix) bool { return p.Contains(a) }) {
				all = append(all, opening{
					address: a.String(), port: p.Port, service: service, index: i, path: fmt.Sprintf("spec.ports[%d].port", i),
					from: sourceRanges(service), local: outside, outside: true,
				})
			}
		}
		for j, a := range externalIPs(service) {
			if f.PermitsExternalIP(a) {
				all = append(all, opening{
					address: a.String(), port: p.Port, service: service, index: i, path: fmt.Sprintf("spec.externalIPs[%d]", j),
					local: outside, outside: true,
				})
			}
		}
		for _, a := range clusterIPs(service) {
			intercepted := f.Spec.Intercepts(a)
			if r.bindClusterIPs || intercepted {
				all = append(all, opening{
					address: a.String(), port: p.Port, service: service, index: i, path: fmt.Sprintf("spec.ports[%d].port", i),
					local: inside, intercepted: intercepted && isTCP(p.Protocol),
				})
			}
		}
	}
	for i := range all {
		all[i].keepsSource = !all[i].health() && !all[i].datagrams() && keepsSource(f, service, all[i].local)
	}
	return distinct(all)
}

// localInside says whether traffic from inside goes to endpoints on the node of the Envoy alone.
func localInside(service *corev1.Service) bool {
	return valueOr(service.Spec.InternalTrafficPolicy, "") == corev1.ServiceInternalTrafficPolicyLocal && !isExternal(service)
}

// distinct keeps the first opening of a Service with an address and port: one of its ports may be open where
// another has its node port.
func distinct(all []opening) []opening {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(o opening) bool {
		again := seen[o.place()]
		seen[o.place()] = true
		return again
	})
}

// externalIPs are the addresses that a Service asks for by itself. The zero Addr stands for one that is none.
func externalIPs(service *corev1.Service) []netip.Addr {
	all := make([]netip.Addr, len(service.Spec.ExternalIPs))
	for i, text := range service.Spec.ExternalIPs {
		if a, err := netip.ParseAddr(text); err == nil { // admission refuses others
			all[i] = a.Unmap()
		}
	}
	return all
}

// clusterIPs are the cluster IPs of a Service, each once.
func clusterIPs(service *corev1.Service) []netip.Addr {
	var all []netip.Addr
	for _, text := range append([]string{service.Spec.ClusterIP}, service.Spec.ClusterIPs...) {
		if a, err := netip.ParseAddr(text); err == nil && !slices.Contains(all, a.Unmap()) {
			all = append(all, a.Unmap())
		}
	}
	return all
}

// sourceRanges are the clients that may come to the load balancer of a Service; empty: all.
func sourceRanges(service *corev1.Service) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range service.Spec.LoadBalancerSourceRanges {
		if p, err := netip.ParsePrefix(strings.TrimSpace(text)); err == nil { // admission refuses others
			all = append(all, p.Masked())
		}
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return slices.Compact(all)
}

// nodePortAddresses are those that node ports are opened on.
func (f fleet) nodePortAddresses() []string {
	addresses := f.Spec.NodePorts.Addresses
	if len(addresses) == 0 {
		addresses = f.gatewayAddresses()
	}
	var all []string
	for _, a := range addresses {
		if ip, err := netip.ParseAddr(a); err == nil { // admission refuses others
			all = append(all, ip.Unmap().String())
		}
	}
	return all
}

// openingCalls gives the units of the openings of a Service: what listens, and what it leads to.
func openingCalls(r *Reader, f fleet, service *corev1.Service) []Unit {
	var units []Unit
	add := func(u Unit) { units = addUnit(units, u.in(f)) }
	subject := Unit{Namespace: service.Namespace, Name: service.Name}
	for _, o := range together(openingsOf(r, f, service)) {
		subject.Port, subject.Extra = o.port, o.name()
		add(subject.of(openingListener))
		if o.health() {
			add(subject.of(openingChain))
			for _, u := range healthCalls(r, service) {
				units = addUnit(units, u)
			}
			continue
		}
		p := o.servicePort()
		if speaksPlainHTTP(p) {
			add(subject.of(openingChain))
			add(subject.of(openingRoutes))
			add(subject.of(openingHost))
		} else if !o.datagrams() {
			add(subject.of(openingChain))
		}
		if speaksPlainHTTP(p) && !o.local {
			continue // to the clusters that there are for its names
		}
		for _, u := range streamCalls(r, f, &o) {
			units = addUnit(units, u)
		}
	}
	return units
}

// streamCalls gives the units of what an opening leads to when that is not the clusters for names.
func streamCalls(r *Reader, f fleet, o *opening) []Unit {
	var units []Unit
	subject := Unit{Namespace: o.service.Namespace, Name: o.service.Name, Port: o.servicePort().Port}
	for _, s := range streamsOf(r, o) {
		if subject.Extra = s.pack(); s.at == resource.Everyone {
			units = append(units, subject.of(streamCluster).in(f))
		}
		if !isExternal(o.service) {
			units = append(units, subject.of(streamEndpoints)) // the same for all fleets
		}
	}
	return units
}

func addUnit(units []Unit, u Unit) []Unit {
	if slices.Contains(units, u) {
		return units
	}
	return append(units, u)
}

// openingOf finds what a unit is about, without the addresses and ports that somebody else has: there are problems
// about these. It is nil when the Service has no such opening.
func openingOf(r *Reader, u Unit) (*opening, []api.Problem) {
	f, ok := readFleet(r, u.Fleet)
	service := read[*corev1.Service](r, api.KindService, u.Namespace, u.Name)
	if !ok || service == nil || !f.servesService(service.Labels) {
		return nil, nil
	}
	all := together(openingsOf(r, f, service))
	i := slices.IndexFunc(all, func(o opening) bool { return o.name() == u.Extra && o.port == u.Port })
	if i < 0 {
		return nil, nil
	}
	var own []opening
	var problems []api.Problem
	for _, o := range append([]opening{all[i]}, all[i].others...) {
		if rival := rivalOf(r, f, &o); rival != nil {
			problems = append(problems, openingProblem(&o, rival))
		} else {
			own = append(own, o)
		}
	}
	if len(own) == 0 {
		return nil, problems
	}
	own[0].called, own[0].others = u.Extra, own[1:]
	return &own[0], problems
}

// rival is who has an address and port that an opening would need.
type rival struct {
	what string
	at   api.Other
}

// rivalOf finds who else has the address and port of an opening: the service listener of the fleet, a
// Gateway, or another Service. A Gateway wins over a Service whatever their age: its ports are what
// people were given.
func rivalOf(r *Reader, f fleet, o *opening) *rival {
	if !o.datagrams() {
		if s := f.socketAt(o.place()); s != nil {
			return &rival{s.what, api.Other{Object: f.key(), Path: s.path}}
		}
		if here := served(listenersOn(r, f.Name, o.port), o.address); len(here) > 0 {
			return &rival{here[0].String(), api.Other{Object: here[0].key(), Path: here[0].origin().Path}}
		}
	}
	if first := claimants(r, f, o)[0]; first.service != o.service || first.index != o.index {
		return &rival{first.key().String(), api.Other{Object: first.key(), Path: first.path}}
	}
	return nil
}

// claimants are all openings with the address and port of one, the one that has it first. Between a node
// port and a load balancer it is the older Service.
func claimants(r *Reader, f fleet, of *opening) []opening {
	port := portString(of.port)
	candidates := slices.Concat(r.list(indexNodePort, "", port), r.list(indexAddressPort, of.address, port))
	slices.SortFunc(candidates, func(a, b *api.Object) int { return a.Key.Compare(b.Key) })
	var all []opening
	for _, candidate := range slices.Compact(candidates) {
		service := candidate.Value.(*corev1.Service)
		if !f.servesService(service.Labels) {
			continue
		}
		for _, o := range openingsOf(r, f, service) {
			if o.place() == of.place() {
				all = append(all, o)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b opening) int {
		return cmp.Or(compareAge(a.service, b.service), cmp.Compare(a.index, b.index))
	})
	return all
}

// speaksPlainHTTP says whether Envoy shall read what clients of a port's own address send: where its
// appProtocol or, if there is none, its name before the first '-' says HTTP without TLS. Everything else is
// passed on as it comes.
func speaksPlainHTTP(p *corev1.ServicePort) bool {
	if !isTCP(p.Protocol) {
		return false
	}
	switch protocolOf(p) {
	case "http", "http2", "h2c", "grpc", "ws":
		return true
	}
	return false
}

// protocolOf is what a port says is spoken; empty when it says nothing that is known.
func protocolOf(p *corev1.ServicePort) string {
	if p.AppProtocol != nil {
		return strings.TrimPrefix(*p.AppProtocol, "kubernetes.io/")
	}
	protocol, _, _ := strings.Cut(p.Name, "-")
	return protocol
}

// openingProblem says that an opening cannot be had.
func openingProblem(o *opening, with *rival) api.Problem {
	return api.Problem{
		Object: o.key(), Path: o.path, Reason: api.ReasonListenerConflict, Severity: api.Error, Other: with.at,
		Message: fmt.Sprintf("%s has %s already: the port is not served there", with.what, o.place()),
		Hint:    "change the port of one of the two, or give the Gateway or Fleet another address",
	}
}
