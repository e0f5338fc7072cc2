package allocation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Manager gives Services their numbers. It is not safe for concurrent use.
type Manager struct {
	store    Store // nil: nothing is kept
	records  Records
	unsaved  map[api.Key]struct{}
	services map[api.Key]*api.Object
	fleets   map[api.Key]*v1alpha1.Fleet
	gateways map[api.Key][]int32 // ports of their listeners
	given    map[api.Key]grants  // what Services have
	changed  map[api.Key]struct{}
	// stale is set when somebody may get another number than before.
	stale    bool
	problems []api.Problem
}

// grants are the node ports of the ports of a Service, by index; 0: none.
type grants []int32

// NewManager makes a Manager that goes on with what is recorded. Without a store nothing is kept.
func NewManager(records Records, store Store) *Manager {
	return &Manager{
		store: store, records: maps.Clone(records), unsaved: map[api.Key]struct{}{},
		services: map[api.Key]*api.Object{}, fleets: map[api.Key]*v1alpha1.Fleet{}, gateways: map[api.Key][]int32{},
		given: map[api.Key]grants{}, changed: map[api.Key]struct{}{},
		stale: true,
	}
}

// Set takes in an object. It is true for a Service, which Step gives back.
func (m *Manager) Set(o *api.Object) bool {
	switch value := o.Value.(type) {
	case *corev1.Service:
		before := m.services[o.Key]
		m.stale = m.stale || before == nil && hasNodePorts(value) ||
			before != nil && !sameClaims(before.Value.(*corev1.Service), value)
		m.services[o.Key] = o
		m.changed[o.Key] = struct{}{}
		return true
	case *v1alpha1.Fleet:
		m.fleets[o.Key] = value
		m.stale = true
	case *gatewayv1.Gateway:
		var ports []int32
		for i := range value.Spec.Listeners {
			ports = append(ports, value.Spec.Listeners[i].Port)
		}
		m.gateways[o.Key] = ports // only what is chosen from now on looks at them
	}
	return false
}

// Delete takes an object out.
func (m *Manager) Delete(k api.Key) {
	switch k.Kind {
	case api.KindService:
		if o := m.services[k]; o != nil {
			m.stale = m.stale || hasNodePorts(o.Value.(*corev1.Service))
		}
		delete(m.services, k)
		delete(m.changed, k)
		delete(m.given, k)
	case api.KindFleet:
		delete(m.fleets, k)
		m.stale = true
	case api.KindGateway:
		delete(m.gateways, k)
	}
}

// Step gives the Services that were set since the last one, and those that have other numbers than then,
// with their numbers, sorted. They are good also when there is an error, which says that what is recorded
// could not be written: it is tried again with the next Step.
//
// The first Step must come when all Services are known: the numbers of others are free from then on.
func (m *Manager) Step() ([]*api.Object, error) {
	if m.stale {
		m.stale = false
		m.assign()
	}
	var objects []*api.Object
	for _, k := range slices.SortedFunc(maps.Keys(m.changed), api.Key.Compare) {
		objects = append(objects, m.filled(m.services[k]))
	}
	clear(m.changed)
	return objects, m.save()
}

// Problems says which numbers that manifests ask for cannot be had.
func (m *Manager) Problems() []api.Problem { return m.problems }

// assign decides anew on all numbers, and notes what is different.
func (m *Manager) assign() {
	fleets := m.servingFleets()
	var claims []claim
	for _, k := range slices.SortedFunc(maps.Keys(m.services), api.Key.Compare) {
		claims = m.addClaims(claims, k, fleets)
	}
	m.problems = nil
	given, records := map[api.Key]grants{}, Records{}
	for i, g := range assign(claims, m.avoided(fleets)) {
		c := &claims[i]
		if g.why != granted {
			m.problems = append(m.problems, c.problem(g))
		}
		if g.port == 0 {
			continue
		}
		service := m.services[c.service].Value.(*corev1.Service)
		if given[c.service] == nil {
			given[c.service] = make(grants, len(service.Spec.Ports))
		}
		given[c.service][c.index] = g.port
		r := records[c.service]
		r.Ports = append(r.Ports, PortRecord{c.name, c.port, c.protocol, g.port})
		records[c.service] = r
	}
	for k := range m.services {
		if !slices.Equal(m.given[k], given[k]) {
			m.changed[k] = struct{}{}
		}
	}
	for k := range records {
		if !slices.Equal(records[k].Ports, m.records[k].Ports) {
			m.unsaved[k] = struct{}{}
		}
	}
	for k := range m.records {
		if _, there := records[k]; !there {
			m.unsaved[k] = struct{}{}
		}
	}
	m.given, m.records = given, records
}

func (m *Manager) save() error {
	if m.store == nil || len(m.unsaved) == 0 {
		return nil
	}
	changed := make(map[api.Key]*Record, len(m.unsaved))
	for k := range m.unsaved {
		changed[k] = nil
		if r, there := m.records[k]; there {
			changed[k] = &r
		}
	}
	if err := m.store.Save(changed); err != nil {
		return err
	}
	clear(m.unsaved)
	return nil
}

// filled gives a Service with its numbers, and without those that it asks for and does not get.
func (m *Manager) filled(o *api.Object) *api.Object {
	service := o.Value.(*corev1.Service)
	given := m.given[o.Key]
	same := true
	for i := range service.Spec.Ports {
		same = same && service.Spec.Ports[i].NodePort == given.at(i)
	}
	if same {
		return o
	}
	service = service.DeepCopy()
	for i := range service.Spec.Ports {
		service.Spec.Ports[i].NodePort = given.at(i)
	}
	return &api.Object{Key: o.Key, Value: service, Origin: o.Origin}
}

func (g grants) at(i int) int32 {
	if i < len(g) {
		return g[i]
	}
	return 0
}

// servingFleets gives all Fleets, sorted by name, with the one that needs no object.
func (m *Manager) servingFleets() []*v1alpha1.Fleet {
	all := slices.Collect(maps.Values(m.fleets))
	if m.fleets[api.Key{Kind: api.KindFleet, Name: v1alpha1.DefaultFleet}] == nil {
		all = append(all, v1alpha1.ImplicitFleet())
	}
	slices.SortFunc(all, func(a, b *v1alpha1.Fleet) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// addClaims adds what a Service asks for: nothing where no fleet serves its node ports.
func (m *Manager) addClaims(claims []claim, k api.Key, fleets []*v1alpha1.Fleet) []claim {
	service := m.services[k].Value.(*corev1.Service)
	if !hasNodePorts(service) {
		return claims
	}
	var within []v1alpha1.PortRange
	for _, f := range fleets {
		if f.Spec.NodePorts.Disabled || !f.ServesService(service.Labels) {
			continue
		}
		if r, err := v1alpha1.ParsePortRange(f.Spec.NodePorts.Range); err == nil { // admission refuses others
			within = append(within, r)
		}
	}
	if len(within) == 0 {
		return claims
	}
	record := m.records[k]
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if !wantsNodePort(service, p) {
			continue
		}
		claims = append(claims, claim{
			service: k, index: i, name: p.Name, port: p.Port, protocol: p.Protocol,
			wanted: p.NodePort, recorded: record.of(service, p), within: within,
		})
	}
	return claims
}

// of gives the number that a port had before; 0: none.
func (r Record) of(service *corev1.Service, p *corev1.ServicePort) int32 {
	for _, had := range r.Ports {
		if had.Name == p.Name && had.Protocol == p.Protocol {
			return had.NodePort
		}
	}
	for _, had := range r.Ports {
		renamed := !slices.ContainsFunc(service.Spec.Ports, func(o corev1.ServicePort) bool {
			return o.Name == had.Name && o.Protocol == had.Protocol
		})
		if renamed && had.Port == p.Port && had.Protocol == p.Protocol {
			return had.NodePort
		}
	}
	return 0
}

// avoided are the ports that listeners of Gateways and of the fleets have.
func (m *Manager) avoided(fleets []*v1alpha1.Fleet) map[int32]bool {
	avoid := map[int32]bool{}
	for _, f := range fleets {
		if l := f.Spec.ServiceListener; !l.Disabled {
			avoid[l.Port] = true
		}
	}
	for _, ports := range m.gateways {
		for _, p := range ports {
			avoid[p] = true
		}
	}
	return avoid
}

// hasNodePorts says whether a Service is of a type whose ports have node ports.
func hasNodePorts(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer
}

// wantsNodePort says whether a port of such a Service shall have one. A load balancer may do without;
// Envoy does not speak SCTP.
func wantsNodePort(s *corev1.Service, p *corev1.ServicePort) bool {
	if p.Protocol == corev1.ProtocolSCTP {
		return false
	}
	may := s.Spec.AllocateLoadBalancerNodePorts
	return p.NodePort != 0 || s.Spec.Type == corev1.ServiceTypeNodePort || may == nil || *may
}

// sameClaims says whether two versions of a Service ask for the same.
func sameClaims(a, b *corev1.Service) bool {
	if hasNodePorts(a) != hasNodePorts(b) {
		return false
	}
	if !hasNodePorts(a) {
		return true
	}
	same := func(p, q corev1.ServicePort) bool {
		return p.Name == q.Name && p.Port == q.Port && p.Protocol == q.Protocol && p.NodePort == q.NodePort &&
			wantsNodePort(a, &p) == wantsNodePort(b, &q)
	}
	return slices.EqualFunc(a.Spec.Ports, b.Spec.Ports, same) && maps.Equal(a.Labels, b.Labels)
}

// problem says why a port did not get what it asks for.
func (c *claim) problem(g grant) api.Problem {
	p := api.Problem{
		Object: c.service, Path: fmt.Sprintf("spec.ports[%d].nodePort", c.index),
		Reason: api.ReasonNodePortConflict, Severity: api.Error,
	}
	kept := "the port has no node port"
	if g.port != 0 {
		kept = fmt.Sprintf("the port keeps %d, which it had before", g.port)
	}
	first, last := c.common()
	common := v1alpha1.PortRange{First: first, Last: last}
	switch g.why {
	case outOfRange:
		p.Reason = api.ReasonNodePortOutOfRange
		p.Message = fmt.Sprintf("node port %d is not one of %s, which the Fleet allows: %s", c.wanted, common, kept)
		p.Hint = "choose one of these, leave it out to have one chosen, or change spec.nodePorts.range of the Fleet"
	case taken:
		p.Message = fmt.Sprintf("node port %d (%s) is already used by %s: %s", c.wanted, c.protocol, g.rival.service, kept)
		p.Hint = "change it, or leave it out to have a free one chosen"
		p.Other = api.Other{Object: g.rival.service, Path: fmt.Sprintf("spec.ports[%d].nodePort", g.rival.index)}
	default:
		p.Reason = api.ReasonNodePortsExhausted
		p.Message = fmt.Sprintf("port %d gets no node port: all of %s are in use", c.port, common)
		p.Hint = "widen spec.nodePorts.range of the Fleet, or remove Services of type NodePort that nobody needs"
	}
	return p
}
