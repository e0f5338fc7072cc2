package translator

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// manyRoutes gives a Gateway with n HTTPRoutes, each with a hostname of its own.
func manyRoutes(t fatal, n int) []Change {
	var changes []Change
	add := func(v api.Value) {
		o := admitted(t, v)
		changes = append(changes, Change{Key: o.Key, Object: o})
	}
	add(&gatewayv1.GatewayClass{
		ObjectMeta: metav1.ObjectMeta{Name: "ours"},
		Spec:       gatewayv1.GatewayClassSpec{ControllerName: api.ControllerName},
	})
	hostname := gatewayv1.Hostname("*.example.com")
	add(&gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "edge"},
		Spec: gatewayv1.GatewaySpec{GatewayClassName: "ours", Listeners: []gatewayv1.Listener{
			{Name: "any", Port: 80, Protocol: gatewayv1.HTTPProtocolType},
			{Name: "named", Port: 80, Protocol: gatewayv1.HTTPProtocolType, Hostname: &hostname},
		}},
	})
	add(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	})
	for i := range n {
		changes = append(changes, routeNumber(t, i, "web"))
	}
	return changes
}

func routeNumber(t fatal, i int, service gatewayv1.ObjectName) Change {
	port := int32(80)
	o := admitted(t, &gatewayv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("r%d", i)},
		Spec: gatewayv1.HTTPRouteSpec{
			CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{Name: "edge"}}},
			Hostnames:       []gatewayv1.Hostname{gatewayv1.Hostname(fmt.Sprintf("h%d.example.com", i))},
			Rules: []gatewayv1.HTTPRouteRule{{BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
				BackendObjectReference: gatewayv1.BackendObjectReference{Name: service, Port: &port},
			}}}}},
		},
	})
	return Change{Key: o.Key, Object: o}
}

// A change of one route among many builds its virtual host, its status and the count of
// attached routes in the Gateway's status; nothing else.
func TestOneRouteAmongMany(t *testing.T) {
	for _, n := range []int{10, 1000} {
		tr := New()
		tr.Apply(manyRoutes(t, n))
		set := tr.Apply([]Change{routeNumber(t, 7, "missing")})
		if len(set.Entries) != 1 || set.Entries[0].Key.Part != "h7.example.com" {
			t.Errorf("%d routes: changed %v, want the virtual host of h7.example.com", n, set.Entries)
		}
		if tr.Built() != 3 {
			t.Errorf("%d routes: %d units were built, want 3", n, tr.Built())
		}
	}
}

func BenchmarkOneRouteAmongMany(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tr := New()
			start := time.Now()
			tr.Apply(manyRoutes(b, n))
			full := time.Since(start)
			versions := []Change{routeNumber(b, 7, "web"), routeNumber(b, 7, "missing")}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				tr.Apply(versions[i%2 : i%2+1])
			}
			b.ReportMetric(float64(full.Milliseconds()), "full-ms")
		})
	}
}

// What changes often is read by what needs it only: the status of a route reads no weights, the
// status of a Gateway and of a route no endpoints.
func TestStatusesReadWhatIsStill(t *testing.T) {
	tr := New()
	tr.Apply(manyRoutes(t, 3))
	checked := 0
	tr.nodes.units(func(n *node) {
		u := n.unit
		if u.Feature != httpRouteStatus && u.Feature != gatewayStatus {
			return
		}
		checked++
		for _, e := range n.asked {
			asked := tr.objects.cells.of[e.cell].lookup
			switch asked.index {
			case indexRolloutTarget, byKey(api.Key{Kind: api.KindEndpointSlice}).index, byKey(api.Key{Kind: api.KindPod}).index:
				t.Errorf("%s of %s/%s reads %v", u.Feature.Name, u.Namespace, u.Name, asked)
			}
		}
	})
	if checked != 4 {
		t.Errorf("there are %d statuses, want 4", checked)
	}
}
