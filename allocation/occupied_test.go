package allocation

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Whatever changes, a Manager that decides on what has changed comes to what one comes to that decides on all anew.
func TestTouchedEqualsAll(t *testing.T) {
	fleet := v1alpha1.ImplicitFleet()
	fleet.Spec.NodePorts.Range = "30000-30031"
	fleet.Spec.ClusterIPRanges = []string{"10.96.0.0/26"}
	fleet.Spec.LoadBalancer.Addresses = []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}
	key := api.Key{Kind: api.KindFleet, Name: fleet.Name}
	alone := 0 // decided without the others
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		pick := func(n int) int { return random.IntN(n) }
		few, all := NewManager(nil, nil), NewManager(nil, nil)
		for _, m := range []*Manager{few, all} {
			m.Set(&api.Object{Key: key, Value: fleet})
		}
		for at := range 120 {
			for range 1 + pick(2) {
				o := service(fmt.Sprint("s", pick(24)), []corev1.ServiceType{corev1.ServiceTypeClusterIP, corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer}[pick(4)],
					corev1.ServicePort{Name: "a", Port: int32(80 + pick(2))}, corev1.ServicePort{Name: "b", Port: 90, Protocol: corev1.ProtocolUDP})
				s := o.Value.(*corev1.Service)
				if pick(4) == 0 && s.Spec.Type != corev1.ServiceTypeClusterIP {
					s.Spec.Ports[0].NodePort = int32(30000 + pick(40))
				}
				if pick(4) == 0 {
					s.Spec.ClusterIP = fmt.Sprint("10.96.0.", 1+pick(70))
				}
				if pick(3) == 0 && s.Spec.Type == corev1.ServiceTypeLoadBalancer {
					s.Spec.LoadBalancerIP = fmt.Sprint("10.1.0.", 1+pick(4))
				}
				gone := pick(3) == 0
				for _, m := range []*Manager{few, all} {
					if gone {
						m.Delete(o.Key)
					} else {
						m.Set(o)
					}
				}
			}
			all.stale = true
			if len(few.touched) > 0 && len(few.problems) == 0 && len(few.touched) <= len(few.services)/8 {
				alone++
			}
			got, _ := few.Step()
			want, _ := all.Step()
			if !reflect.DeepEqual(values(got), values(want)) || !reflect.DeepEqual(values(few.Services()), values(all.Services())) ||
				!reflect.DeepEqual(few.Problems(), all.Problems()) || !reflect.DeepEqual(few.records, all.records) {
				t.Fatalf("seed %d, step %d: got\n%v\n%v\nwant\n%v\n%v", seed, at, few.records, few.Problems(), all.records, all.Problems())
			}
		}
	}
	if alone < 50 {
		t.Errorf("%d changes only were decided without the others", alone)
	}
}

func values(objects []*api.Object) map[api.Key]corev1.ServiceSpec {
	all := map[api.Key]corev1.ServiceSpec{}
	for _, o := range objects {
		all[o.Key] = o.Value.(*corev1.Service).Spec
	}
	return all
}
