package allocation

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// What a change of one Service costs that has a cluster IP, among 10,000.
func BenchmarkAChangeAmong10000(b *testing.B) {
	m := NewManager(Records{}, nil)
	of := func(i int, ip string) *api.Object {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprint("n", i%100), Name: fmt.Sprint("s", i)}}
		s.Spec.Type, s.Spec.ClusterIP = corev1.ServiceTypeClusterIP, ip
		s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}
		return &api.Object{Key: api.Key{Kind: api.KindService, Namespace: s.Namespace, Name: s.Name}, Value: s}
	}
	for i := range 10_000 {
		m.Set(of(i, fmt.Sprintf("10.96.%d.%d", i/250, i%250+1)))
	}
	if _, err := m.Step(); err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		m.Set(of(5000, fmt.Sprint("10.200.0.", 1+n%2)))
		if _, err := m.Step(); err != nil {
			b.Fatal(err)
		}
	}
}
