package allocation

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/state"
)

func service(name string, kind corev1.ServiceType, ports ...corev1.ServicePort) *api.Object {
	s := &corev1.Service{Spec: corev1.ServiceSpec{Type: kind, Ports: ports}}
	s.Namespace, s.Name = "default", name
	for i := range s.Spec.Ports {
		if s.Spec.Ports[i].Protocol == "" {
			s.Spec.Ports[i].Protocol = corev1.ProtocolTCP
		}
	}
	key, _ := api.KeyOf(s)
	return &api.Object{Key: key, Value: s}
}

func onNodePort(name string, wanted int32) *api.Object {
	return service(name, corev1.ServiceTypeNodePort, corev1.ServicePort{Port: 80, NodePort: wanted})
}

// step gives what a Step gives, by name, and fails on an error.
func step(t *testing.T, m *Manager) map[string]int32 {
	t.Helper()
	objects, err := m.Step()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int32{}
	for _, o := range objects {
		got[o.Key.Name] = o.Value.(*corev1.Service).Spec.Ports[0].NodePort
	}
	return got
}

func open(t *testing.T) *state.Store {
	t.Helper()
	db, err := state.Open(t.TempDir(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func load(t *testing.T, db *state.Store) *Manager {
	t.Helper()
	records, err := StateStore{db}.Load()
	if err != nil {
		t.Fatal(err)
	}
	return NewManager(records, StateStore{db})
}

// What was chosen is there after a restart, also where somebody asks for it meanwhile; and what is set
// must not be changed, since others have it.
func TestManagerRemembers(t *testing.T) {
	db := open(t)
	m := load(t, db)
	chosen := onNodePort("web", 0)
	m.Set(chosen)
	port := step(t, m)["web"]
	if port < 30000 || port > 32767 {
		t.Fatalf("got %d", port)
	}
	if chosen.Value.(*corev1.Service).Spec.Ports[0].NodePort != 0 {
		t.Error("the object that was set was changed")
	}
	m = load(t, db)
	m.Set(onNodePort("early", port))
	m.Set(onNodePort("web", 0))
	if got := step(t, m); got["web"] != port || got["early"] != 0 {
		t.Errorf("after a restart: %v, want web at %d", got, port)
	}
	problems := m.Problems()
	if len(problems) != 1 || problems[0].Object.Name != "early" || problems[0].Other.Object.Name != "web" ||
		problems[0].Reason != api.ReasonNodePortConflict {
		t.Errorf("problems: %v", problems)
	}
	// Once its Service is gone the number is free, and whoever waits for it has it.
	m.Delete(api.Key{Kind: api.KindService, Namespace: "default", Name: "web"})
	if got := step(t, m); got["early"] != port || len(m.Problems()) != 0 {
		t.Errorf("after web was deleted: %v, %v", got, m.Problems())
	}
	if records, err := (StateStore{db}).Load(); err != nil || len(records) != 1 {
		t.Errorf("%v, %v", records, err)
	}
}

// A number belongs to a port by its name, and to one that is renamed by its port number.
func TestManagerKeepsPorts(t *testing.T) {
	m := NewManager(nil, nil)
	m.Set(onNodePort("web", 0))
	port := step(t, m)["web"]
	m.Set(service("web", corev1.ServiceTypeNodePort,
		corev1.ServicePort{Name: "new", Port: 8080}, corev1.ServicePort{Name: "http", Port: 80}))
	objects, _ := m.Step()
	ports := objects[0].Value.(*corev1.Service).Spec.Ports
	if ports[1].NodePort != port || ports[0].NodePort == 0 || ports[0].NodePort == port {
		t.Errorf("got %v, want %d for http", ports, port)
	}
}

// Only who asks for something else causes work, and only what is different comes out.
func TestManagerGivesWhatChanged(t *testing.T) {
	m := NewManager(nil, nil)
	m.Set(service("plain", corev1.ServiceTypeClusterIP, corev1.ServicePort{Port: 80}))
	m.Set(onNodePort("a", 0))
	m.Set(onNodePort("b", 0))
	if got := step(t, m); len(got) != 3 || got["plain"] != 0 {
		t.Errorf("at first: %v", got)
	}
	m.Set(service("plain", corev1.ServiceTypeClusterIP, corev1.ServicePort{Port: 81}))
	if m.stale || len(m.touched) > 0 {
		t.Error("a Service without node ports has them all decided anew")
	}
	if got := step(t, m); len(got) != 1 {
		t.Errorf("then: %v", got)
	}
	before := m.given[api.Key{Kind: api.KindService, Namespace: "default", Name: "a"}]
	m.Set(onNodePort("c", before.nodePorts[0]))
	if got := step(t, m); len(got) != 1 || got["c"] != 0 {
		t.Errorf("one that asks for what a has: %v", got)
	}
}

// What a fleet says bounds what is chosen, and Gateways' ports are left to them.
func TestManagerAndFleets(t *testing.T) {
	m := NewManager(nil, nil)
	fleet := v1alpha1.ImplicitFleet()
	fleet.Spec.NodePorts.Range = "31000-31001"
	key := api.Key{Kind: api.KindFleet, Name: fleet.Name}
	gateway := &gatewayv1.Gateway{Spec: gatewayv1.GatewaySpec{Listeners: []gatewayv1.Listener{{Port: 31000}}}}
	m.Set(&api.Object{Key: key, Value: fleet})
	m.Set(&api.Object{Key: api.Key{Kind: api.KindGateway, Name: "gw"}, Value: gateway})
	for _, name := range []string{"a", "b"} {
		m.Set(onNodePort(name, 0))
	}
	if got := step(t, m); got["a"] != 31001 || got["b"] != 0 {
		t.Errorf("got %v", got)
	}
	if p := m.Problems(); len(p) != 1 || p[0].Reason != api.ReasonNodePortsExhausted {
		t.Errorf("problems: %v", p)
	}
	off := v1alpha1.ImplicitFleet()
	off.Spec.NodePorts.Disabled = true
	m.Set(&api.Object{Key: key, Value: off})
	if got := step(t, m); got["a"] != 0 || len(m.Problems()) != 0 {
		t.Errorf("turned off: %v, %v", got, m.Problems())
	}
}

// A Service has an address from each fleet that is its load balancer; the class says which those are.
func TestManagerAndLoadBalancers(t *testing.T) {
	db := open(t)
	fleet := v1alpha1.ImplicitFleet()
	fleet.Spec.LoadBalancer.Addresses = []string{"10.0.0.0/29"}
	edge := v1alpha1.ImplicitFleet()
	edge.Name = "edge"
	edge.Spec.LoadBalancer.Addresses, edge.Spec.LoadBalancer.Class = []string{"fd00::1"}, "example.com/edge"
	setFleets := func(m *Manager) {
		for _, f := range []*v1alpha1.Fleet{fleet, edge} {
			m.Set(&api.Object{Key: api.Key{Kind: api.KindFleet, Name: f.Name}, Value: f})
		}
	}
	balanced := func(name, class string) *api.Object {
		o := service(name, corev1.ServiceTypeLoadBalancer, corev1.ServicePort{Port: 80})
		s := o.Value.(*corev1.Service)
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}} // left over in a file
		if class != "" {
			s.Spec.LoadBalancerClass = &class
		}
		return o
	}
	addresses := func(m *Manager) map[string]string {
		objects, err := m.Step()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, o := range objects {
			var all []string
			for _, i := range o.Value.(*corev1.Service).Status.LoadBalancer.Ingress {
				all = append(all, i.IP)
			}
			got[o.Key.Name] = strings.Join(all, " ")
		}
		return got
	}
	m := load(t, db)
	setFleets(m)
	for name, class := range map[string]string{"b": "", "c": "example.com/edge", "d": "example.com/other"} {
		m.Set(balanced(name, class))
	}
	want := map[string]string{"b": "10.0.0.1 fd00::1", "c": "", "d": ""}
	if got := addresses(m); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if p := m.Problems(); len(p) != 1 || p[0].Object.Name != "c" || p[0].Reason != api.ReasonLoadBalancerAddressMissing {
		t.Errorf("problems: %v", p)
	}
	m = load(t, db)
	setFleets(m)
	m.Set(balanced("a", ""))
	m.Set(balanced("b", ""))
	if got := addresses(m); got["b"] != "10.0.0.1 fd00::1" || got["a"] != "10.0.0.2" {
		t.Errorf("after a restart: %v", got)
	}
	fleet.Spec.LoadBalancer.Addresses = nil
	edge.Spec.LoadBalancer.Addresses = nil
	setFleets(m)
	if got := addresses(m); got["a"] != "" || got["b"] != "" || len(m.Problems()) != 2 || m.Problems()[0].Severity != api.Warning {
		t.Errorf("without addresses: %v, %v", got, m.Problems())
	}
}

// Services have a cluster IP of each family that they shall have, in the range of their fleet; what manifests
// ask for is theirs wherever it is, unless another had it first.
func TestManagerAndClusterIPs(t *testing.T) {
	db := open(t)
	fleet := v1alpha1.ImplicitFleet()
	fleet.Spec.ClusterIPRanges = []string{"10.96.0.0/24", "fd00::/108"}
	ranges := []netip.Prefix{netip.MustParsePrefix("10.96.0.0/24"), netip.MustParsePrefix("fd00::/108")}
	with := func(name string, change func(*corev1.ServiceSpec)) *api.Object {
		o := service(name, corev1.ServiceTypeClusterIP, corev1.ServicePort{Port: 80})
		if change != nil {
			change(&o.Value.(*corev1.Service).Spec)
		}
		return o
	}
	step := func(m *Manager, objects ...*api.Object) map[string][]string {
		m.Set(&api.Object{Key: api.Key{Kind: api.KindFleet, Name: fleet.Name}, Value: fleet})
		for _, o := range objects {
			m.Set(o)
		}
		services, err := m.Step()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		for _, o := range services {
			got[o.Key.Name] = o.Value.(*corev1.Service).Spec.ClusterIPs
		}
		return got
	}
	both := corev1.IPFamilyPolicyPreferDualStack
	m := load(t, db)
	got := step(m, with("plain", nil),
		with("six", func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol} }),
		with("both", func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = &both }),
		with("asks", func(s *corev1.ServiceSpec) { s.ClusterIP = "192.0.2.1" }),
		with("headless", func(s *corev1.ServiceSpec) { s.ClusterIP = corev1.ClusterIPNone }),
		service("outside", corev1.ServiceTypeExternalName))
	for name, want := range map[string][]int{"plain": {0}, "six": {1}, "both": {0, 1}, "headless": nil, "outside": nil} {
		if len(got[name]) != len(want) {
			t.Errorf("%s has %v", name, got[name])
			continue
		}
		for i, r := range want {
			if a := netip.MustParseAddr(got[name][i]); !ranges[r].Contains(a) {
				t.Errorf("%s has %s, want one of %s", name, a, ranges[r])
			}
		}
	}
	if !slices.Equal(got["asks"], []string{"192.0.2.1"}) || len(m.Problems()) != 0 {
		t.Errorf("asks has %v, problems %v", got["asks"], m.Problems())
	}
	had := got["plain"][0]
	m = load(t, db)
	got = step(m, with("a-thief", func(s *corev1.ServiceSpec) { s.ClusterIP = had }), with("plain", nil))
	if !slices.Equal(got["plain"], []string{had}) || len(got["a-thief"]) != 0 {
		t.Errorf("after a restart: %v", got)
	}
	if p := m.Problems(); len(p) != 1 || p[0].Reason != api.ReasonClusterIPConflict || p[0].Other.Object.Name != "plain" || p[0].Path != "spec.clusterIP" {
		t.Errorf("problems: %v", p)
	}
}

// All addresses of a range but its first and its last, each once.
func TestClusterIPsFillTheRange(t *testing.T) {
	for text, want := range map[string]int{"10.96.0.0/26": 62, "fd00::/122": 63, "10.96.0.0/30": 2} {
		p := netip.MustParsePrefix(text)
		c := claim{kind: clusterAddress{within: p}, service: api.Key{Name: "a"}}
		seen := map[netip.Addr]bool{p.Addr(): true}
		for v := range c.choices(nil, &c) {
			if !p.Contains(v.address) || seen[v.address] {
				t.Errorf("%s: %s is not in it, or comes twice", text, v.address)
			}
			seen[v.address] = true
		}
		if len(seen)-1 != want {
			t.Errorf("%s has %d addresses, want %d", text, len(seen)-1, want)
		}
	}
}

type brokenStore struct{ broken bool }

func (b *brokenStore) Save(map[api.Key]*Record) error {
	if b.broken {
		return errors.New("the disk is full")
	}
	return nil
}

// A disk that is full keeps nobody from being served; what was not written is written later.
func TestManagerWithABrokenStore(t *testing.T) {
	store := &brokenStore{broken: true}
	m := NewManager(nil, store)
	m.Set(onNodePort("web", 0))
	objects, err := m.Step()
	if err == nil || len(objects) != 1 || len(m.unsaved) != 1 {
		t.Errorf("%v, %v, %v", objects, err, m.unsaved)
	}
	store.broken = false
	if _, err := m.Step(); err != nil || len(m.unsaved) != 0 {
		t.Errorf("%v, %v", err, m.unsaved)
	}
}

func TestStoreRefusesWhatItCannotRead(t *testing.T) {
	for key, value := range map[string]string{"no-namespace": "{}", "default/web": "[]"} {
		db := open(t)
		if err := db.Write(state.Allocations, map[string][]byte{key: []byte(value)}); err != nil {
			t.Fatal(err)
		}
		if _, err := (StateStore{db}).Load(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// All of the 2,768 node ports of Kubernetes' range, each one's own.
func TestManagerFillsTheRange(t *testing.T) {
	m := NewManager(nil, nil)
	for i := range 2768 {
		m.Set(onNodePort(fmt.Sprintf("s%d", i), 0))
	}
	var ports []int32
	for _, p := range step(t, m) {
		ports = append(ports, p)
	}
	slices.Sort(ports)
	if len(slices.Compact(ports)) != 2768 || ports[0] != 30000 || len(m.Problems()) != 0 {
		t.Errorf("%d different ports from %d, problems %v", len(slices.Compact(ports)), ports[0], m.Problems())
	}
}
