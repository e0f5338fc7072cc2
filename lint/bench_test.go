package lint

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// BenchmarkCheck looks at sets of objects of several sizes, translated before: a fifth each of
// Services, Deployments, Workloads, Rollouts and HTTPRoutes. In "hosts" each route has a hostname
// and paths of its own; in "one host" all share one, and each match has a header of its own, so
// that no path tells them apart.
//
//	go test ./lint -run '^$' -bench Check
func BenchmarkCheck(b *testing.B) {
	for _, shape := range []string{"hosts", "one host"} {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", shape, n), func(b *testing.B) {
				w := largeWorld(b, shape, n)
				b.ReportAllocs()
				for b.Loop() {
					if found := Check(w, Options{Now: now}); len(found) > 0 {
						b.Fatal(printed(found[:1]))
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/object")
			})
		}
	}
}

func largeWorld(b *testing.B, shape string, n int) World {
	var w World
	put := func(v api.Value) {
		for _, p := range admission.Admit(v) {
			b.Fatal(p)
		}
		key, _ := api.KeyOf(v)
		w.Objects = append(w.Objects, &api.Object{Key: key, Value: v})
	}
	put(&gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "ours"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: api.ControllerName}})
	gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Name: "public", Namespace: "shop"}}
	gateway.Spec.GatewayClassName = "ours"
	gateway.Spec.Listeners = []gatewayv1.Listener{{Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType}}
	put(gateway)
	for i := range n / 5 {
		name := fmt.Sprintf("app-%d", i)
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}}
		service.Spec.Ports = []corev1.ServicePort{{Port: 80}}
		service.Spec.Selector = map[string]string{"team": "shop", "app": name}
		put(service)
		put(&v1alpha1.Workload{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"team": "shop", "app": name, "version": "blue"}},
			Spec:       v1alpha1.WorkloadSpec{Addresses: []string{"10.0.0.1"}},
		})
		rollout := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}}
		rollout.Spec.TargetRef.Name = name
		rollout.Spec.Versions = []v1alpha1.Version{
			{Name: "blue", Selector: map[string]string{"version": "blue"}}, {Name: "green", Selector: map[string]string{"version": "green"}},
		}
		rollout.Spec.BlueGreen = &v1alpha1.BlueGreen{Active: "blue"}
		put(rollout)
		w.Foreign = append(w.Foreign, deployment(name))
		put(largeRoute(shape, name, i))
	}
	w.Translator = translated(w.Objects)
	return w
}

func deployment(name string) Foreign {
	labels := map[string]any{"team": "shop", "app": name, "version": "green"}
	return ReadForeign(map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name, "namespace": "shop"},
		"spec": map[string]any{"template": map[string]any{
			"metadata": map[string]any{"labels": labels},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "main"}}},
		}},
	}, api.Position{})
}

func largeRoute(shape, name string, i int) *gatewayv1.HTTPRoute {
	route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}}
	route.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "public"}}
	var rule gatewayv1.HTTPRouteRule
	if shape == "hosts" {
		route.Spec.Hostnames = []gatewayv1.Hostname{gatewayv1.Hostname(name + ".example.com")}
		for _, path := range []string{"/", "/a", "/a/b"} {
			rule.Matches = append(rule.Matches, gatewayv1.HTTPRouteMatch{Path: &gatewayv1.HTTPPathMatch{Value: &path}})
		}
	} else {
		route.Spec.Hostnames = []gatewayv1.Hostname{"shop.example.com"}
		method := gatewayv1.HTTPMethodGet
		rule.Matches = []gatewayv1.HTTPRouteMatch{{Method: &method, Headers: []gatewayv1.HTTPHeaderMatch{{Name: "x-tenant", Value: fmt.Sprint(i)}}}}
	}
	port := gatewayv1.PortNumber(80)
	rule.BackendRefs = []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{Name: gatewayv1.ObjectName(name), Port: &port}}}}
	route.Spec.Rules = []gatewayv1.HTTPRouteRule{rule}
	return route
}
