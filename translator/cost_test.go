package translator

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// crowd is a number of Services, each with a name of its own, or ten names in many namespaces
// (so that a scope has many owners).
type crowd struct {
	services int
	tenNames bool
}

func (c crowd) String() string {
	if c.tenNames {
		return fmt.Sprintf("services=%d/names=10", c.services)
	}
	return fmt.Sprintf("services=%d/names=%d", c.services, c.services)
}

func (c crowd) service(i int) (namespace, name string) {
	if c.tenNames {
		return fmt.Sprintf("ns-%05d", i/10), fmt.Sprintf("service-%d", i%10)
	}
	return "shop", fmt.Sprintf("service-%05d", i)
}

func crowds() []crowd {
	var all []crowd
	for _, n := range []int{100, 1000, 10000} {
		all = append(all, crowd{n, false}, crowd{n, true})
	}
	return all
}

// translator gives one that holds the crowd, with an EndpointSlice for each Service.
func (c crowd) translator(t fatal) *Translator {
	var changes []Change
	for i := range c.services {
		namespace, name := c.service(i)
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		s.Spec.Selector = map[string]string{"app": name}
		s.Spec.Ports = []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}
		for _, value := range []api.Value{s, c.slice(i, 0)} {
			o := admitted(t, value)
			changes = append(changes, Change{o.Key, o})
		}
	}
	tr := New()
	tr.Apply(changes)
	return tr
}

// slice is the EndpointSlice of a Service, with three endpoints, one of which is the nth.
func (c crowd) slice(i, nth int) *discoveryv1.EndpointSlice {
	namespace, name := c.service(i)
	port := int32(8080)
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Port: &port}},
	}
	for _, address := range []string{"10.0.0.1", "10.0.0.2", fmt.Sprintf("10.0.1.%d", nth)} {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
	}
	return s
}

// changes are two states of one EndpointSlice in the middle of the crowd.
func (c crowd) changes(t fatal) [2][]Change {
	var states [2][]Change
	for n := range states {
		o := admitted(t, c.slice(c.services/2, n+1))
		states[n] = []Change{{o.Key, o}}
	}
	return states
}

// A change of one EndpointSlice builds one endpoint assignment and nothing else, and costs the
// same among 100 Services as among 10,000.
func TestEndpointSliceChangeCost(t *testing.T) {
	var first float64
	for i, c := range crowds() {
		tr, states := c.translator(t), c.changes(t)
		n := 0
		allocations := testing.AllocsPerRun(100, func() {
			checkOneEndpoint(t, tr, tr.Apply(states[n%2]))
			n++
		})
		t.Logf("%s: %.0f allocations", c, allocations)
		if i == 0 {
			first = allocations
		} else if allocations != first {
			t.Errorf("%s: %.0f allocations a change, and %.0f for %s", c, allocations, first, crowds()[0])
		}
	}
}

func checkOneEndpoint(t testing.TB, tr *Translator, set resource.ChangeSet) {
	if len(set.Entries) != 1 || set.Entries[0].Key.Type != resource.Endpoint || tr.Built() != 1 {
		t.Fatalf("want one endpoint assignment, got %d outputs from %d units", len(set.Entries), tr.Built())
	}
}

func BenchmarkEndpointSliceChange(b *testing.B) {
	for _, c := range crowds() {
		b.Run(c.String(), func(b *testing.B) {
			tr, states := c.translator(b), c.changes(b)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				checkOneEndpoint(b, tr, tr.Apply(states[n%2]))
				n++
			}
		})
	}
}

// A change of a Rollout's weights builds the virtual hosts that split the Service, and what is
// said of the Rollout itself; no cluster and no endpoints. The scope that Envoy is sent for it is
// small, however many Services have the name.
func TestRolloutWeightChangeCost(t *testing.T) {
	for _, c := range []crowd{{100, false}, {1000, true}} {
		t.Run(c.String(), func(t *testing.T) { checkWeightChange(t, c) })
	}
}

func checkWeightChange(t *testing.T, c crowd) {
	tr := c.translator(t)
	namespace, name := c.service(50)
	rollout := func(blue int32) []Change {
		r := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		r.Spec.TargetRef.Name = name
		for _, v := range []string{"blue", "green"} {
			r.Spec.Versions = append(r.Spec.Versions, v1alpha1.Version{Name: v, Selector: map[string]string{"version": v}})
		}
		r.Spec.Traffic = map[string]v1alpha1.Percent{
			"blue": v1alpha1.Percent(intstr.FromInt32(blue)), "green": v1alpha1.Percent(intstr.FromInt32(100 - blue)),
		}
		o := admitted(t, r)
		return []Change{{o.Key, o}}
	}
	tr.Apply(rollout(90))
	set := tr.Apply(rollout(80))
	if len(set.Entries) != 1 || set.Entries[0].Key.Part != namespace+"/"+name {
		t.Fatalf("want one virtual host, got %v", set.Entries)
	}
	if tr.Built() != 2 {
		t.Errorf("built %d units, want the virtual host and the Rollout's check", tr.Built())
	}
	scope := 0
	tr.Outputs(func(k resource.Key, o *resource.Output) {
		if k.Type == resource.Scope && k.Name == set.Entries[0].Key.Name {
			scope += len(o.Bytes)
		}
	})
	if scope > 1000 {
		t.Errorf("the scope has %d bytes, want 1 KB at most", scope)
	}
}

// A Pod is found by the rarest of the labels that select it: one that all share does not make
// its change concern every Service.
func TestPodChangeCost(t *testing.T) {
	pod := func(app, address string) Change {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: app, Labels: map[string]string{"app": app, "env": "prod"},
		}}
		p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: address}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		o := admitted(t, p)
		return Change{o.Key, o}
	}
	var changes []Change
	for i := range 50 {
		app := fmt.Sprintf("app-%d", i)
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: app}}
		s.Spec.Selector = map[string]string{"app": app, "env": "prod"}
		s.Spec.Ports = []corev1.ServicePort{{Port: 80}}
		o := admitted(t, s)
		changes = append(changes, pod(app, "10.0.0.1"), Change{o.Key, o})
	}
	tr := New()
	tr.Apply(changes)
	checkOneEndpoint(t, tr, tr.Apply([]Change{pod("app-25", "10.0.0.2")}))
}
