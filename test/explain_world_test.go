package test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/test/harness"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// routingWorld is a generated configuration: Gateways, routes and Services that get into each
// other's way, and what requests for it are made of.
type routingWorld struct {
	*rand.Rand
	env       *harness.Env
	manifests strings.Builder

	services, gateway, secure, admin int // ports
	namespaces                       []string
	names                            []string         // of Services
	ports                            map[string][]int // of a Service, by namespace/name
}

// Few values of each kind, so that routes overlap and requests often match.
var (
	routeHosts   = []string{"a.com", "www.a.com", "x.www.a.com", "b.org", "*.a.com", "*.www.a.com", "*.org", "shop.b.org"}
	requestHosts = []string{"a.com", "www.a.com", "x.www.a.com", "y.a.com", "y.www.a.com", "b.org", "shop.b.org", "z.org", "org", "none.net", "aa.com"}
	routePaths   = []string{"/", "/", "/", "/a", "/a/b", "/a/b/c", "/item", "/item/7", "/a.b", "/A", "/x~y"}
	requestPaths = []string{"/", "/a", "/a/", "/ab", "/a/b", "/a/b/c/d", "/item/7", "/item/77", "/item/x", "/a.b", "/axb", "/A", "/x~y",
		"//a", "/a//b", "/a/./b", "/a/../item/7", "/%61/b", "/a/%2e%2e/a", "/a%2Fb", "/a\\b", "/x%7Ey", "/x%7ey/", "/a%20b", "/..", "/a/..", "///", "/a;v=1", "/a|b", "/a%00"}
	pathRegexes  = []string{"/item/[0-9]+", "/a.b", "/(a|item)/.*", ".*", "/a", "(?i)/A/.*", "/[^/]+", "/a/b|/a"}
	headerNames  = []string{"x-user", "X-Canary", "x-env"}
	headerValues = []string{"1", "7", "yes", "no", "", "a,b"}
	valueRegexes = []string{"[0-9]+", ".*", "y.s", "a|b", "^yes$", "1?", "7,1"}
	queryNames   = []string{"a", "b", "v"}
	queryValues  = []string{"1", "2", "x%20y", "x y", "x+y", ""}
	verbs        = []string{"GET", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"}
)

func newRoutingWorld(e *harness.Env, seed uint64) *routingWorld {
	w := &routingWorld{Rand: rand.New(rand.NewPCG(seed, 0)), env: e, ports: map[string][]int{},
		namespaces: []string{"one", "two", "default"}, names: []string{"web", "cart", "shop", "none"}}
	var taken []int
	for _, p := range []*int{&w.services, &w.gateway, &w.secure, &w.admin} {
		for *p = e.FreePort(); slices.Contains(taken, *p); {
			*p = e.FreePort()
		}
		taken = append(taken, *p)
	}
	return w
}

// of picks one of some values.
func of[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

func (w *routingWorld) chance(percent int) bool { return w.IntN(100) < percent }

func (w *routingWorld) add(format string, args ...any) {
	fmt.Fprintf(&w.manifests, format+"\n---\n", args...)
}

// generate writes the manifests into the world's directory.
func (w *routingWorld) generate(t *testing.T, backends []*harness.Backend) {
	w.manifests.WriteString(w.env.Fleet(w.services))
	w.add("apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: gateway-cp}\nspec: {controllerName: gateway-cp.io/gateway-controller}")
	for _, ns := range w.namespaces {
		for _, name := range w.names {
			w.service(ns, name, backends)
		}
	}
	w.add("%s", strings.TrimSuffix(newCertificate(t, 1, "a.com", "*.a.com", "*.org").secret("tls"), "---\n"))
	w.gatewayObject("public", w.gateway, "HTTP", "")
	w.gatewayObject("secure", w.secure, "HTTPS", ", tls: {certificateRefs: [{name: tls}]}")
	for i := range 6 + w.IntN(8) {
		w.route(i)
	}
	w.env.Write("world.yaml", w.manifests.String())
}

// service writes a Service with one or two ports. The one called "none" has no endpoints. Some
// are split by a Rollout.
func (w *routingWorld) service(ns, name string, backends []*harness.Backend) {
	numbers := []int{of(w.Rand, []int{80, 80, 8080})}
	ports := fmt.Sprintf("{name: http, port: %d, targetPort: http}", numbers[0])
	if w.chance(40) {
		numbers = append(numbers, 9090)
		ports += ", {name: other, port: 9090, targetPort: http}"
	}
	w.ports[ns+"/"+name] = numbers
	w.add("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s}\nspec: {selector: {app: %s}, ports: [%s]}", name, ns, name, ports)
	if name == "none" {
		return
	}
	versions := 1 + w.IntN(2)
	for v := range versions {
		b := of(w.Rand, backends)
		w.add("apiVersion: gateway-cp.io/v1alpha1\nkind: Workload\nmetadata: {name: %s-%d, namespace: %s, labels: {app: %s, version: v%d}}\n"+
			"spec: {addresses: [%q], ports: [{name: http, port: %d}]}", name, v, ns, name, v, b.Address.Addr(), b.Address.Port())
	}
	if versions == 2 && w.chance(60) {
		w.add("apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: %s, namespace: %s}\nspec:\n  targetRef: {name: %s}\n"+
			"  versions: [{name: v0, selector: {version: v0}}, {name: v1, selector: {version: v1}}]\n  %s", name, ns, name, w.strategy())
	}
}

// strategy splits the traffic, by chance or by user, or shows a version to some.
func (w *routingWorld) strategy() string {
	if w.chance(50) {
		return "traffic: {v0: 70, v1: 30}\n  stickiness: " + of(w.Rand, []string{"null", "{header: X-User}", "{cookie: {name: a}}"})
	}
	var matches []string
	for range 1 + w.IntN(3) {
		var all []string
		if w.chance(60) {
			all = append(all, "headers: ["+w.valueMatch(of(w.Rand, headerNames), headerValues)+"]")
		}
		if w.chance(40) {
			all = append(all, "cookies: ["+of(w.Rand, []string{`{name: a, value: "1"}`, `{name: b, type: RegularExpression, value: "[0-9]"}`, `{name: b, value: "2"}`})+"]")
		}
		if len(all) == 0 || w.chance(20) {
			all = append(all, fmt.Sprintf("hosts: [%q, %q]", "www.a.com", of(w.Rand, []string{"a.com", "b.org", "web.two"})))
		}
		matches = append(matches, "{"+strings.Join(all, ", ")+"}")
	}
	return "blueGreen: {active: v0, preview: {version: v1, match: [" + strings.Join(matches, ", ") + "]}}"
}

// gatewayObject writes a Gateway with listeners for some of the host names.
func (w *routingWorld) gatewayObject(name string, port int, protocol, more string) {
	var listeners []string
	for i, h := range []string{"", "*.a.com", "www.a.com", "*.org"} {
		hostname := ""
		if h != "" {
			hostname = fmt.Sprintf(", hostname: %q", h)
		}
		if i < 2 || w.chance(50) {
			listeners = append(listeners, fmt.Sprintf("{name: l%d, port: %d, protocol: %s%s%s, allowedRoutes: {namespaces: {from: All}}}", i, port, protocol, hostname, more))
		}
	}
	if w.chance(30) {
		listeners = listeners[1:] // nothing for all hosts
	}
	w.add("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: %s}\nspec:\n  gatewayClassName: gateway-cp\n  listeners: [%s]", name, strings.Join(listeners, ", "))
}

func (w *routingWorld) route(i int) {
	hosts := ""
	if w.chance(80) {
		list := []string{fmt.Sprintf("%q", of(w.Rand, routeHosts))}
		if second := fmt.Sprintf("%q", of(w.Rand, routeHosts)); w.chance(40) && second != list[0] {
			list = append(list, second)
		}
		hosts = "\n  hostnames: [" + strings.Join(list, ", ") + "]"
	}
	parents := of(w.Rand, []string{"{name: public, namespace: default}", "{name: secure, namespace: default}",
		"{name: public, namespace: default}, {name: secure, namespace: default}"})
	ns := of(w.Rand, w.namespaces)
	var rules strings.Builder
	for range 1 + w.IntN(4) {
		rules.WriteString(w.rule(ns))
	}
	w.add("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r%d, namespace: %s}\nspec:\n  parentRefs: [%s]%s\n  rules:\n%s",
		i, ns, parents, hosts, rules.String())
}

func (w *routingWorld) rule(ns string) string {
	var matches []string
	kind := "PathPrefix"
	for range 1 + w.IntN(2) {
		var m string
		if m, kind = w.match(); m != "" {
			matches = append(matches, m)
		}
	}
	s := "  - matches: [" + strings.Join(matches, ", ") + "]\n"
	if filters := w.filters(kind == "PathPrefix" && len(matches) == 1); filters != "" {
		s += "    filters: [" + filters + "]\n"
		if strings.Contains(filters, "RequestRedirect") {
			return s
		}
	}
	var refs []string
	for range of(w.Rand, []int{0, 1, 1, 1, 1, 2, 3}) {
		name := of(w.Rand, w.names)
		port := of(w.Rand, w.ports[ns+"/"+name])
		if w.chance(10) {
			port = 7
		}
		refs = append(refs, fmt.Sprintf("{name: %s, port: %d, weight: %d}", name, port, of(w.Rand, []int{0, 1, 1, 2, 3})))
	}
	return s + "    backendRefs: [" + strings.Join(refs, ", ") + "]\n"
}

func (w *routingWorld) match() (text, kind string) {
	kind = of(w.Rand, []string{"PathPrefix", "PathPrefix", "Exact", "RegularExpression"})
	value := of(w.Rand, routePaths)
	if kind == "RegularExpression" {
		value = of(w.Rand, pathRegexes)
	}
	parts := []string{fmt.Sprintf("path: {type: %s, value: %q}", kind, value)}
	if w.chance(20) {
		parts = append(parts, "method: "+of(w.Rand, verbs))
	}
	switch {
	case w.chance(30):
		parts = append(parts, "headers: ["+w.valueMatch(of(w.Rand, headerNames), headerValues)+"]")
	case w.chance(10):
		parts = append(parts, "headers: ["+w.valueMatch("x-forwarded-proto", []string{"http", "https"})+"]")
	case w.chance(10):
		parts = append(parts, "headers: ["+w.valueMatch("cookie", []string{"a=1", "b=2", "a=1; b=2"})+"]")
	case w.chance(5):
		parts = append(parts, "headers: ["+w.valueMatch("host", []string{"a.com", "www.a.com:80"})+"]")
	}
	if w.chance(20) {
		parts = append(parts, "queryParams: ["+w.valueMatch(of(w.Rand, queryNames), queryValues)+"]")
	}
	return "{" + strings.Join(parts, ", ") + "}", kind
}

// valueMatch asks for a value, or for a regular expression. The Gateway API has no empty ones.
func (w *routingWorld) valueMatch(name string, values []string) string {
	kind, value := "Exact", of(w.Rand, values)
	if w.chance(35) || value == "" {
		kind, value = "RegularExpression", of(w.Rand, valueRegexes)
	}
	return fmt.Sprintf("{name: %s, type: %s, value: %q}", name, kind, value)
}

// filters are redirects and rewrites. A prefix can be replaced only where one was matched.
func (w *routingWorld) filters(prefix bool) string {
	path := fmt.Sprintf("path: {type: ReplaceFullPath, replaceFullPath: %q}", of(w.Rand, []string{"/new", `/n\1$x`, "/"}))
	if prefix && w.chance(60) {
		path = fmt.Sprintf("path: {type: ReplacePrefixMatch, replacePrefixMatch: %q}", of(w.Rand, []string{"/new", "/", "/n/m", ""}))
	}
	switch w.IntN(20) {
	case 0:
		return "{type: RequestRedirect, requestRedirect: {" + path + ", statusCode: 301}}"
	case 1:
		return "{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 302}}"
	case 2:
		return "{type: RequestRedirect, requestRedirect: {hostname: new.com, port: 8443, " + path + "}}"
	case 3, 4:
		return "{type: URLRewrite, urlRewrite: {" + path + "}}"
	case 5:
		return "{type: URLRewrite, urlRewrite: {hostname: inner.net}}"
	case 6:
		return "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: 'a%b'}]}}"
	}
	return ""
}

// request makes a request for the world.
func (w *routingWorld) request() traffic.Request {
	q := traffic.Request{Method: "GET", Scheme: "http", Protocol: traffic.HTTP1, Client: "127.0.0.1", Address: w.env.IP.String(), Port: uint32(w.gateway)}
	q.Authority = of(w.Rand, requestHosts)
	switch w.IntN(4) {
	case 0:
		q.Port = uint32(w.services)
		q.Authority = of(w.Rand, append(w.names, "unknown"))
		if w.chance(80) {
			q.Authority += "." + of(w.Rand, append(w.namespaces, "three"))
			q.Authority += of(w.Rand, []string{"", ".svc", ".svc.cluster.local", ".svc.cluster", ".com"})
		}
		if w.chance(5) {
			q.Authority = strings.ToUpper(q.Authority)
		}
		if w.chance(2) {
			q.Authority = of(w.Rand, []string{".", ".two", "web.", "web..two", "web:80.two", "web.two:80.svc", "-", "web.-", "[::1]:80", "127.0.0.1:80"})
		}
	case 1:
		q.Port, q.Scheme = uint32(w.secure), "https"
		q.ServerName = q.Authority
		if w.chance(10) {
			q.ServerName = of(w.Rand, append(requestHosts, ""))
		}
	}
	if w.chance(20) {
		q.Authority += of(w.Rand, []string{".", ":80", ":8080", ":9090", ".:80", fmt.Sprintf(":%d", q.Port)})
	}
	if w.chance(10) {
		q.Authority = strings.ToUpper(q.Authority[:1]) + q.Authority[1:]
	}
	q.Path = of(w.Rand, requestPaths)
	if w.chance(30) {
		q.Path = of(w.Rand, routePaths) + of(w.Rand, []string{"", "/", "/x"})
	} else if w.chance(20) {
		q.Path = w.oddPath()
	}
	var query []string
	for range of(w.Rand, []int{0, 0, 1, 2, 3}) {
		value := strings.ReplaceAll(of(w.Rand, queryValues), " ", "+")
		query = append(query, of(w.Rand, queryNames)+of(w.Rand, []string{"=", "=", ""})+value)
	}
	if len(query) > 0 {
		q.Path += "?" + strings.Join(query, "&")
	}
	if w.chance(30) {
		q.Method = of(w.Rand, verbs)
	}
	if w.chance(15) {
		q.Protocol = traffic.HTTP2
	}
	w.headers(&q)
	if w.chance(3) {
		w.refused(&q)
	}
	return q
}

// refused makes of a request one that sees no route.
func (w *routingWorld) refused(q *traffic.Request) {
	switch w.IntN(3) {
	case 0: // without a Host header, which a client of HTTP/2 here would not leave out
		q.Authority, q.Protocol = "", traffic.HTTP1
	case 1: // plain HTTP to where TLS is spoken
		q.Scheme, q.ServerName, q.Port = "http", "", uint32(w.secure)
	case 2: // the other way round
		q.Scheme, q.ServerName, q.Port = "https", "a.com", uint32(w.gateway)
	}
}

// oddPath is made of what normalisation is about.
func (w *routingWorld) oddPath() string {
	path := "/"
	for range 1 + w.IntN(8) {
		path += of(w.Rand, []string{"/", "/", "a", "b", ".", "..", "%2e", "%2E", `\`, "%", "%4", "%61", "%c3%a9", "%7C", "|", "<", ";", "+", "%2B", "%25", "~"})
	}
	return path
}

func (w *routingWorld) headers(q *traffic.Request) {
	for range of(w.Rand, []int{0, 1, 1, 2, 3}) {
		q.Headers = append(q.Headers, traffic.Header{Name: of(w.Rand, headerNames), Value: of(w.Rand, headerValues)})
	}
	if w.chance(1) {
		q.Headers = append(q.Headers, traffic.Header{Name: "x_user", Value: "1"})
	}
	if w.chance(2) {
		q.Headers = append(q.Headers, traffic.Header{Name: "X-Forwarded-Proto", Value: "https"}, traffic.Header{Name: "X-Forwarded-For", Value: "1.2.3.4"})
	}
	for range of(w.Rand, []int{0, 0, 0, 1, 2}) {
		q.Headers = append(q.Headers, traffic.Header{Name: "Cookie", Value: of(w.Rand, []string{"a=1", "b=2", "a=1; b=2"})})
	}
	if q.Protocol == traffic.HTTP1 && w.chance(4) {
		q.Headers = append(q.Headers, of(w.Rand, [][]traffic.Header{
			{{Name: "Connection", Value: "upgrade"}, {Name: "Upgrade", Value: "websocket"}},
			{{Name: "Connection", Value: "keep-alive, Upgrade"}, {Name: "Upgrade", Value: "foo"}},
			{{Name: "Upgrade", Value: "foo"}},
			{{Name: "Connection", Value: "x-user"}},
			{{Name: "Connection", Value: "keep-alive, X-Canary"}},
		})...)
	}
}
