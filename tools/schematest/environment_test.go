package schematest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/kubelet/envvars"

	"github.com/gateway-cp/gateway-cp/environment"
)

// The variables of random Services are those that the kubelet's own code makes of them.
func TestVariablesAreTheKubelets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	for range 2000 {
		var services []*corev1.Service
		for i := range random.IntN(4) {
			s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(pick("web", "db-main", "9lives"), i)}}
			s.Spec.ClusterIP = pick("10.96.0.1", "fd00::1", "", corev1.ClusterIPNone)
			for n := range 1 + random.IntN(3) {
				s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
					Name: pick("", "http", "grpc-web"), Port: int32(80 + n),
					Protocol: corev1.Protocol(pick("TCP", "UDP", "SCTP", "")),
				})
			}
			services = append(services, s)
		}
		want := map[string]string{}
		for _, v := range envvars.FromServices(services) {
			want[v.Name] = v.Value
		}
		got := environment.Of("shop", services, true)
		if len(got) != len(want) {
			t.Fatalf("%d variables, the kubelet makes %d: %v", len(got), len(want), services)
		}
		for _, v := range got {
			if want[v.Name] != v.Value {
				t.Fatalf("%s is %q, the kubelet says %q", v.Name, v.Value, want[v.Name])
			}
		}
	}
}
