package dns

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// dump writes down everything that a snapshot says.
func dump(s *snapshot) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.domain)
	s.services.Root().Walk(func(k []byte, r *records) bool {
		fmt.Fprintf(&b, "%s %+v\n", k, *r)
		return false
	})
	s.namespaces.Root().Walk(func(k []byte, _ struct{}) bool { fmt.Fprintf(&b, "%s\n", k); return false })
	s.pointers.Root().Walk(func(k []byte, part string) bool { fmt.Fprintf(&b, "%x %s\n", k, part); return false })
	return b.String()
}

// variants are several forms of the same few objects, which meet each other in every way.
func variants(t *testing.T) map[api.Key][]*api.Object {
	all := map[api.Key][]*api.Object{}
	for _, manifests := range []string{
		cluster,
		strings.NewReplacer("clusterIP: None", "clusterIP: 10.96.7.7", "10.0.0.", "10.0.9.").Replace(cluster),
		strings.NewReplacer("app: db", "app: procs", "app: gossip", "app: procs", "ready: false", "ready: true", "draining: true", "draining: false").Replace(cluster),
		strings.NewReplacer("service-name: db", "service-name: procs", "publishNotReadyAddresses: true", "publishNotReadyAddresses: false").Replace(cluster),
		`
apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: default}
spec: {clusterDomain: other.example, serviceSelector: {matchExpressions: [{key: hidden, operator: DoesNotExist}]}}
---
apiVersion: v1
kind: Endpoints
metadata: {name: procs, namespace: data}
subsets: [{addresses: [{ip: 10.0.5.1, hostname: e}], notReadyAddresses: [{ip: 10.0.5.2}], ports: [{name: http, port: 81}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {hidden: "yes"}}
spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
`,
	} {
		for _, o := range load(t, manifests) {
			all[o.Key] = append(all[o.Key], o)
		}
	}
	return all
}

// Whatever changes, in any order: the names are those of a zone that is made of what is there now.
func TestIncrementalEqualsFull(t *testing.T) {
	all := variants(t)
	keys := slices.SortedFunc(maps.Keys(all), api.Key.Compare)
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		z := NewZone(ZoneOptions{Fleet: "default"})
		there := map[api.Key]*api.Object{}
		for step := range 60 {
			var set []*api.Object
			var gone []api.Key
			for range 1 + random.IntN(4) {
				k := keys[random.IntN(len(keys))]
				if slices.ContainsFunc(set, func(o *api.Object) bool { return o.Key == k }) || slices.Contains(gone, k) {
					continue
				}
				if random.IntN(3) == 0 {
					gone = append(gone, k)
					delete(there, k)
					continue
				}
				there[k] = all[k][random.IntN(len(all[k]))]
				set = append(set, there[k])
			}
			z.Apply(set, gone)
			fresh := NewZone(ZoneOptions{Fleet: "default"})
			fresh.Apply(slices.Collect(maps.Values(there)), nil)
			if got, want := dump(z.current.Load()), dump(fresh.current.Load()); got != want {
				t.Fatalf("seed %d, step %d: got\n%s\nwant\n%s", seed, step, got, want)
			}
		}
	}
}

// many makes a zone of so many Services.
func many(services int) (*Zone, []*api.Object) {
	var objects []*api.Object
	for i := range services {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("s", i), Namespace: fmt.Sprint("n", i%100)}}
		s.Spec.ClusterIP = fmt.Sprintf("10.%d.%d.1", 96+i/250, i%250)
		s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}
		objects = append(objects, &api.Object{Key: api.Key{Kind: api.KindService, Namespace: s.Namespace, Name: s.Name}, Value: s})
	}
	z := NewZone(ZoneOptions{Fleet: "default"})
	z.Apply(objects, nil)
	return z, objects
}

// A change of one Service costs the same among 100 and among 10,000.
func TestAChangeCostsWhatItIsWorth(t *testing.T) {
	cost := func(services int) float64 {
		z, objects := many(services)
		changed := objects[services/2].Value.(*corev1.Service).DeepCopy()
		changed.Spec.ClusterIP = "10.200.0.1"
		other := &api.Object{Key: objects[services/2].Key, Value: changed}
		n := 0
		return testing.AllocsPerRun(20, func() {
			n++
			z.Apply([]*api.Object{[]*api.Object{other, objects[services/2]}[n%2]}, nil)
		})
	}
	few, lots := cost(100), cost(10_000)
	if lots > few+30 { // the trees are deeper
		t.Errorf("a change takes %v allocations among 100 Services, and %v among 10,000", few, lots)
	}
}

// What stays the same makes no snapshot, so that the serial number of the zone means something.
func TestNothingChanges(t *testing.T) {
	z, objects := many(10)
	before := z.current.Load()
	z.Apply(objects, []api.Key{{Kind: api.KindPod, Namespace: "n1", Name: "none"}})
	if z.current.Load() != before {
		t.Error("a snapshot was made though nothing is different")
	}
}
