package allocation

import (
	"cmp"
	"maps"
	"net/netip"
	"reflect"
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
	// stale is set when anybody may get another number than before; touched are Services that may, and that
	// may take one from somebody else.
	stale    bool
	touched  map[api.Key]struct{}
	occupied *occupied
	problems []api.Problem
}

// grants are what a Service has.
type grants struct {
	nodePorts []int32      // of its ports, by index; 0: none
	health    int32        // its health check node port; 0: none
	addresses []netip.Addr // of its load balancer, sorted by fleet
	// clusterIPs are at most one of each family, the primary one first.
	clusterIPs []netip.Addr
}

func (g grants) equal(o grants) bool {
	return g.health == o.health && slices.Equal(g.nodePorts, o.nodePorts) && slices.Equal(g.addresses, o.addresses) && slices.Equal(g.clusterIPs, o.clusterIPs)
}

// add notes what was given.
func (g *grants) add(c *claim, v value, ports int) {
	switch kind := c.kind.(type) {
	case nodePort:
		if g.nodePorts == nil {
			g.nodePorts = make([]int32, ports)
		}
		g.nodePorts[kind.index] = v.port
	case healthPort:
		g.health = v.port
	case frontAddress:
		g.addresses = append(g.addresses, v.address)
	case clusterAddress:
		g.clusterIPs = append(g.clusterIPs, v.address)
	}
}

// NewManager makes a Manager that goes on with what is recorded. Without a store nothing is kept.
func NewManager(records Records, store Store) *Manager {
	own := Records{}
	maps.Copy(own, records)
	return &Manager{
		store: store, records: own, unsaved: map[api.Key]struct{}{},
		services: map[api.Key]*api.Object{}, fleets: map[api.Key]*v1alpha1.Fleet{}, gateways: map[api.Key][]int32{},
		given: map[api.Key]grants{}, changed: map[api.Key]struct{}{},
		stale: true, touched: map[api.Key]struct{}{}, occupied: newOccupied(),
	}
}

// Set takes in an object. It is true for a Service, which Step gives back.
func (m *Manager) Set(o *api.Object) bool {
	switch value := o.Value.(type) {
	case *corev1.Service:
		before := m.services[o.Key]
		if before == nil && m.asks(value) ||
			before != nil && (m.asks(value) || m.asks(m.service(o.Key))) && !sameClaims(m.service(o.Key), value) {
			m.touched[o.Key] = struct{}{}
		}
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

// asks says whether a Service may be given anything.
func (m *Manager) asks(s *corev1.Service) bool {
	if hasNodePorts(s) || len(askedClusterIPs(s)) > 0 {
		return true
	}
	for _, f := range m.fleets {
		if len(f.Spec.ClusterIPRanges) > 0 {
			return true
		}
	}
	return false
}

// Delete takes an object out.
func (m *Manager) Delete(k api.Key) {
	switch k.Kind {
	case api.KindService:
		if o := m.services[k]; o != nil && m.asks(o.Value.(*corev1.Service)) {
			m.touched[k] = struct{}{}
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
	if m.stale || len(m.touched) > 0 && !m.assignTouched() {
		m.assign()
	}
	m.stale = false
	clear(m.touched)
	var objects []*api.Object
	for _, k := range slices.SortedFunc(maps.Keys(m.changed), api.Key.Compare) {
		objects = append(objects, m.filled(m.services[k]))
	}
	clear(m.changed)
	return objects, m.save()
}

// Services gives all Services with what they have, sorted.
func (m *Manager) Services() []*api.Object {
	var all []*api.Object
	for _, k := range slices.SortedFunc(maps.Keys(m.services), api.Key.Compare) {
		all = append(all, m.filled(m.services[k]))
	}
	return all
}

// Problems says which numbers that manifests ask for cannot be had.
func (m *Manager) Problems() []api.Problem { return m.problems }

// assign decides anew on everything, and notes what is different.
func (m *Manager) assign() {
	fleets := m.servingFleets()
	avoid := m.avoided(fleets)
	m.problems = nil
	var claims []claim
	for _, k := range slices.SortedFunc(maps.Keys(m.services), api.Key.Compare) {
		own, problem := m.claims(k, fleets, avoid)
		claims = append(claims, own...)
		if problem != nil {
			m.problems = append(m.problems, *problem)
		}
	}
	all := assign(claims, nil)
	for i, g := range all {
		if g.why != granted {
			m.problems = append(m.problems, claims[i].problem(g))
		}
	}
	m.occupied = newOccupied()
	m.note(m.grantAll(claims, all))
}

// claims are those of a Service, and what is wrong that no claim says.
func (m *Manager) claims(k api.Key, fleets []*v1alpha1.Fleet, avoid map[int32]bool) ([]claim, *api.Problem) {
	service := m.service(k)
	own := claimsOf(k, service, m.records[k], fleets, avoid)
	if !slices.ContainsFunc(own, func(c claim) bool { _, front := c.kind.(frontAddress); return front }) {
		if p, waits := noPool(k, service, fleets); waits {
			return own, &p
		}
	}
	return own, nil
}

// grantAll gives what each Service has now, and notes that it is occupied.
func (m *Manager) grantAll(claims []claim, all []grant) map[api.Key]grants {
	given := map[api.Key]grants{}
	for i, g := range all {
		if g.value == (value{}) {
			continue
		}
		c := &claims[i]
		own := given[c.service]
		own.add(c, g.value, len(m.service(c.service).Spec.Ports))
		given[c.service] = own
		m.occupied.add(c, g.value)
	}
	return given
}

func (m *Manager) service(k api.Key) *corev1.Service { return m.services[k].Value.(*corev1.Service) }

// note takes over what was given, and notes what differs from before.
func (m *Manager) note(given map[api.Key]grants) {
	for k := range m.records {
		if _, there := m.services[k]; !there {
			m.noteOne(k, grants{})
		}
	}
	for k := range m.services {
		m.noteOne(k, given[k])
	}
}

// noteOne is note for one Service, also one that is gone.
func (m *Manager) noteOne(k api.Key, given grants) {
	_, there := m.services[k]
	if there && !m.given[k].equal(given) {
		m.changed[k] = struct{}{}
	}
	before, had := m.records[k]
	if !there || given.equal(grants{}) {
		delete(m.given, k)
		if had {
			delete(m.records, k)
			m.unsaved[k] = struct{}{}
		}
		return
	}
	m.given[k] = given
	if record := recordOf(m.service(k), given); !had || !record.equal(before) {
		m.records[k] = record
		m.unsaved[k] = struct{}{}
	}
}

func recordOf(s *corev1.Service, g grants) Record {
	r := Record{HealthCheckNodePort: g.health, LoadBalancer: g.addresses, ClusterIPs: g.clusterIPs}
	for i, port := range g.nodePorts {
		if p := s.Spec.Ports[i]; port != 0 {
			r.Ports = append(r.Ports, PortRecord{p.Name, p.Port, p.Protocol, port})
		}
	}
	return r
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

// filled gives a Service with what it has, and without what it asks for and does not get.
func (m *Manager) filled(o *api.Object) *api.Object {
	given, service := m.given[o.Key], o.Value.(*corev1.Service)
	if given.equal(grants{}) && hasNothing(service) {
		return o
	}
	service = service.DeepCopy()
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		p.NodePort = 0
		if i < len(given.nodePorts) {
			p.NodePort = given.nodePorts[i]
		}
	}
	service.Spec.HealthCheckNodePort = given.health
	service.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	for _, a := range given.addresses {
		ingress := corev1.LoadBalancerIngress{IP: a.String(), IPMode: new(corev1.LoadBalancerIPMode)}
		*ingress.IPMode = corev1.LoadBalancerIPModeVIP
		service.Status.LoadBalancer.Ingress = append(service.Status.LoadBalancer.Ingress, ingress)
	}
	if service.Spec.ClusterIP != corev1.ClusterIPNone {
		service.Spec.ClusterIP, service.Spec.ClusterIPs = "", nil
		for _, a := range given.clusterIPs {
			service.Spec.ClusterIPs = append(service.Spec.ClusterIPs, a.String())
		}
		if len(given.clusterIPs) > 0 {
			service.Spec.ClusterIP = given.clusterIPs[0].String()
		}
	}
	if reflect.DeepEqual(service, o.Value) {
		return o
	}
	return &api.Object{Key: o.Key, Value: service, Origin: o.Origin}
}

// hasNothing says whether a Service names no number that it could be given.
func hasNothing(s *corev1.Service) bool {
	none := s.Spec.ClusterIP == corev1.ClusterIPNone || s.Spec.ClusterIP == "" && s.Spec.ClusterIPs == nil
	return none && s.Spec.HealthCheckNodePort == 0 && s.Status.LoadBalancer.Ingress == nil &&
		!slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.NodePort != 0 })
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
