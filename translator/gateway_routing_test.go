package translator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// A request takes the route that the Gateway API says: the listener with the most specific
// hostname, among the routes attached there the most specific match. What Envoy would do with
// the virtual hosts is compared with the text of the specification, carried out naively.
func TestRequestTakesTheRightRoute(t *testing.T) { rapid.Check(t, requestTakesTheRightRoute) }

// request is what routes are matched against.
type request struct {
	host, path, method string
	headers, query     map[string]string
}

func requestTakesTheRightRoute(t *rapid.T) {
	hostnames := []string{"", "*.com", "*.example.com", "a.example.com", "*.a.example.com", "b.a.example.com", "example.com"}
	var changes []Change
	add := func(v api.Value) {
		o := admitted(t, v)
		changes = append(changes, Change{Key: o.Key, Object: o})
	}
	add(&gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "ours"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: api.ControllerName}})
	gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "edge"}}
	gateway.Spec.GatewayClassName = "ours"
	for i, h := range rapid.Permutation(hostnames).Draw(t, "listeners")[:rapid.IntRange(1, 4).Draw(t, "listeners")] {
		l := gatewayv1.Listener{Name: gatewayv1.SectionName(fmt.Sprintf("l%d", i)), Port: 80, Protocol: gatewayv1.HTTPProtocolType}
		if h != "" {
			hostname := gatewayv1.Hostname(h)
			l.Hostname = &hostname
		}
		gateway.Spec.Listeners = append(gateway.Spec.Listeners, l)
	}
	add(gateway)
	var routes []*gatewayv1.HTTPRoute
	for i := range rapid.IntRange(1, 4).Draw(t, "routes") {
		route := genPlainRoute(t, i, hostnames[1:])
		for j := range route.Spec.Rules {
			add(&corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("%s-%d", route.Name, j)},
				Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
			})
		}
		add(route)
		routes = append(routes, route)
	}
	tr := New()
	tr.Apply(changes)
	hosts := virtualHosts(t, tr, "0.0.0.0:80")
	for range 20 {
		q := request{
			host:   pick(t, "host", "example.com", "a.example.com", "b.example.com", "b.a.example.com", "c.a.example.com", "x.com", "x.org"),
			path:   pick(t, "path", "/", "/a", "/a/", "/a/b", "/ab", "/a/b/c"),
			method: pick(t, "method", "GET", "POST"),
		}
		q.headers, q.query = map[string]string{}, map[string]string{}
		for _, name := range []string{"x", "y"} {
			q.headers[name], q.query[name] = pick(t, "header", "", "1"), pick(t, "query", "", "1")
		}
		if got, want := taken(hosts, q), specified(gateway, routes, q); got != want {
			t.Fatalf("%+v goes to %q, want %q", q, got, want)
		}
	}
}

// genPlainRoute makes a route whose rules send to Services of their own: r0-0, r0-1 ….
func genPlainRoute(t *rapid.T, i int, hostnames []string) *gatewayv1.HTTPRoute {
	route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("r%d", i)}}
	genAge(t, &route.ObjectMeta)
	route.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "edge", SectionName: some[gatewayv1.SectionName](t, "section", "l0", "l1")}}
	for _, h := range rapid.Permutation(hostnames).Draw(t, "hostnames")[:rapid.IntRange(0, 3).Draw(t, "hostnames")] {
		route.Spec.Hostnames = append(route.Spec.Hostnames, gatewayv1.Hostname(h))
	}
	for j := range rapid.IntRange(1, 3).Draw(t, "rules") {
		rule := gatewayv1.HTTPRouteRule{}
		for range rapid.IntRange(0, 2).Draw(t, "matches") {
			m := gatewayv1.HTTPRouteMatch{
				Path: &gatewayv1.HTTPPathMatch{
					Type:  some(t, "type", gatewayv1.PathMatchExact, gatewayv1.PathMatchPathPrefix),
					Value: some(t, "value", "/", "/a", "/a/", "/a/b"),
				},
				Method: some(t, "method", gatewayv1.HTTPMethodGet),
			}
			for _, name := range []gatewayv1.HTTPHeaderName{"x", "y"} {
				if maybe(t, "header") {
					m.Headers = append(m.Headers, gatewayv1.HTTPHeaderMatch{Name: name, Value: "1"})
				}
				if maybe(t, "query") {
					m.QueryParams = append(m.QueryParams, gatewayv1.HTTPQueryParamMatch{Name: name, Value: "1"})
				}
			}
			rule.Matches = append(rule.Matches, m)
		}
		port := int32(80)
		rule.BackendRefs = []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{
			Name: gatewayv1.ObjectName(fmt.Sprintf("%s-%d", route.Name, j)), Port: &port,
		}}}}
		route.Spec.Rules = append(route.Spec.Rules, rule)
	}
	return route
}

// specified says where the specification sends a request: a cluster, or nowhere.
func specified(gateway *gatewayv1.Gateway, routes []*gatewayv1.HTTPRoute, q request) string {
	stands := func(h string) bool {
		return h == "" || h == q.host || strings.HasPrefix(h, "*") && strings.HasSuffix(q.host, h[1:])
	}
	best := -1
	for i := range gateway.Spec.Listeners {
		h := hostnameOf(&gateway.Spec.Listeners[i])
		if stands(h) && (best < 0 || slices.Compare(weight(h), weight(hostnameOf(&gateway.Spec.Listeners[best]))) > 0) {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	to, rank := "", []int(nil)
	for n, route := range sortedByAge(routes) {
		if s := route.Spec.ParentRefs[0].SectionName; s != nil && *s != gateway.Spec.Listeners[best].Name {
			continue
		}
		host := []int(nil)
		for _, h := range append(hostnamesOf(route), "") {
			if stands(h) && (h != "" || len(route.Spec.Hostnames) == 0) && slices.Compare(weight(h), host) > 0 {
				host = weight(h)
			}
		}
		if host == nil {
			continue
		}
		for i := range route.Spec.Rules {
			for j, m := range route.Spec.Rules[i].Matches {
				exact, length, ok := matches(&m, q)
				r := append(slices.Clone(host), exact, length, truth(m.Method != nil), len(m.Headers), len(m.QueryParams), -n, -i, -j)
				if ok && (rank == nil || slices.Compare(r, rank) > 0) {
					to, rank = fmt.Sprintf("shop/%s-%d/80", route.Name, i), r
				}
			}
		}
	}
	return to
}

// weight is how specific a hostname is: "characters in a matching non-wildcard hostname, then
// characters in a matching hostname".
func weight(h string) []int {
	if h == "" || h[0] == '*' {
		return []int{0, len(h)}
	}
	return []int{len(h), len(h)}
}

func sortedByAge(routes []*gatewayv1.HTTPRoute) []*gatewayv1.HTTPRoute {
	return slices.SortedFunc(slices.Values(routes), func(a, b *gatewayv1.HTTPRoute) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// matches says whether a match takes a request, whether by an exact path, and by how much of it.
func matches(m *gatewayv1.HTTPRouteMatch, q request) (exact, length int, ok bool) {
	ok = m.Method == nil || string(*m.Method) == q.method
	for _, h := range m.Headers {
		ok = ok && q.headers[string(h.Name)] == h.Value
	}
	for _, p := range m.QueryParams {
		ok = ok && q.query[string(p.Name)] == p.Value
	}
	path := *m.Path.Value
	if *m.Path.Type == gatewayv1.PathMatchExact {
		return 1, 0, ok && q.path == path
	}
	elements := func(p string) []string { return strings.Split(strings.Trim(p, "/"), "/") }
	want, got := elements(path), elements(q.path)
	if path == "/" {
		want = nil
	}
	return 0, len(strings.TrimSuffix(path, "/")), ok && len(got) >= len(want) && slices.Equal(got[:len(want)], want)
}

func virtualHosts(t fatal, tr *Translator, routes string) []*routev3.VirtualHost {
	var all []*routev3.VirtualHost
	tr.Outputs(func(k resource.Key, o *resource.Output) {
		if k.Type == resource.Route && k.Name == routes && k.Part != "" {
			var c routev3.RouteConfiguration
			if err := proto.Unmarshal(o.Bytes, &c); err != nil {
				t.Fatalf("%v: %v", k, err)
			}
			all = append(all, c.VirtualHosts...)
		}
	})
	return all
}

// taken says where Envoy sends a request: the virtual host with the longest domain that
// matches, a name before a wildcard, and in it the first route that matches.
func taken(hosts []*routev3.VirtualHost, q request) string {
	var best *routev3.VirtualHost
	for _, h := range hosts {
		d := strings.TrimPrefix(h.Domains[0], "*")
		matches := h.Domains[0] == q.host || h.Domains[0] != d && strings.HasSuffix(q.host, d)
		if matches && (best == nil || best.Domains[0] != q.host && (h.Domains[0] == q.host || len(h.Domains[0]) > len(best.Domains[0]))) {
			best = h
		}
	}
	if best == nil {
		return ""
	}
	for _, r := range best.Routes {
		if takes(r.Match, q) {
			return r.GetRoute().GetCluster()
		}
	}
	return ""
}

func takes(m *routev3.RouteMatch, q request) bool {
	for _, h := range m.Headers {
		value := q.headers[h.Name]
		if h.Name == ":method" {
			value = q.method
		}
		if value != h.GetStringMatch().GetExact() {
			return false
		}
	}
	for _, p := range m.QueryParameters {
		if q.query[p.Name] != p.GetStringMatch().GetExact() {
			return false
		}
	}
	switch p := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Path:
		return q.path == p.Path
	case *routev3.RouteMatch_Prefix:
		return strings.HasPrefix(q.path, p.Prefix)
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return q.path == p.PathSeparatedPrefix || strings.HasPrefix(q.path, p.PathSeparatedPrefix+"/")
	}
	return false
}
