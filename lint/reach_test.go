package lint

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// What is called unreachable is never reached: neither in a naive reading of the Gateway API,
// nor in the order that Envoy is given.

// request is what routes match on.
type request struct {
	host, path, method string
	headers, query     map[string]string
}

// pool is what random routes and requests are made of: small, so that they meet.
var pool = struct{ hosts, requestHosts, paths, regexes, words, methods, valueRegexes []string }{
	hosts:        []string{"a.test", "b.test", "*.test", "*.a.test", ""},
	requestHosts: []string{"a.test", "b.test", "c.test", "x.a.test", "other.example"},
	paths:        []string{"/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/b"},
	regexes:      []string{".*", "/.*", "/a.*", "/a/.*", "/a/b", "/a/[a-z]+", "/(a|b)", "/a/b.*", "/ab?", "/[a-z]+/.*", "(?i)/A.*", "/a|/b/.*"},
	words:        []string{"1", "2", "x"},
	methods:      []string{"GET", "POST"},
	valueRegexes: []string{".*", "[0-9]+", "x", "[0-9x]"},
}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

func randomMatch(r *rand.Rand) gatewayv1.HTTPRouteMatch {
	var m gatewayv1.HTTPRouteMatch
	kind, path := gatewayv1.PathMatchPathPrefix, pick(r, pool.paths)
	switch r.IntN(5) {
	case 0:
		kind = gatewayv1.PathMatchExact
	case 1, 2:
		kind, path = gatewayv1.PathMatchRegularExpression, pick(r, pool.regexes)
	}
	m.Path = &gatewayv1.HTTPPathMatch{Type: &kind, Value: &path}
	if r.IntN(3) == 0 {
		method := gatewayv1.HTTPMethod(pick(r, pool.methods))
		m.Method = &method
	}
	for _, name := range []string{"x-a", "X-B"} {
		if r.IntN(4) == 0 {
			kind, value := gatewayv1.HeaderMatchExact, pick(r, pool.words)
			if r.IntN(3) == 0 {
				kind, value = gatewayv1.HeaderMatchRegularExpression, pick(r, pool.valueRegexes)
			}
			m.Headers = append(m.Headers, gatewayv1.HTTPHeaderMatch{Type: &kind, Name: gatewayv1.HTTPHeaderName(name), Value: value})
		}
	}
	if r.IntN(5) == 0 {
		kind, value := gatewayv1.QueryParamMatchExact, pick(r, pool.words)
		if r.IntN(3) == 0 {
			kind, value = gatewayv1.QueryParamMatchRegularExpression, pick(r, pool.valueRegexes)
		}
		m.QueryParams = append(m.QueryParams, gatewayv1.HTTPQueryParamMatch{Type: &kind, Name: "q", Value: value})
	}
	return m
}

func randomRoute(r *rand.Rand, n int) *gatewayv1.HTTPRoute {
	route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("route-%d", n), Namespace: "shop"}}
	if r.IntN(3) == 0 {
		route.CreationTimestamp = metav1.Unix(int64(1_700_000_000+r.IntN(3)), 0)
	}
	route.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "public"}}
	for _, h := range pool.hosts {
		if h != "" && r.IntN(3) == 0 {
			route.Spec.Hostnames = append(route.Spec.Hostnames, gatewayv1.Hostname(h))
		}
	}
	for range 1 + r.IntN(3) {
		var rule gatewayv1.HTTPRouteRule
		for range r.IntN(4) {
			rule.Matches = append(rule.Matches, randomMatch(r))
		}
		port := gatewayv1.PortNumber(80)
		ref := gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{Name: "web", Port: &port}}
		rule.BackendRefs = []gatewayv1.HTTPBackendRef{{BackendRef: ref}}
		route.Spec.Rules = append(route.Spec.Rules, rule)
	}
	return route
}

// randomWorld is a Gateway with one listener, sometimes a second for one host, and routes.
func randomWorld(t *testing.T, r *rand.Rand) (World, []*gatewayv1.HTTPRoute) {
	class := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "ours"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: api.ControllerName}}
	gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Name: "public", Namespace: "shop"}}
	gateway.Spec.GatewayClassName = "ours"
	gateway.Spec.Listeners = []gatewayv1.Listener{{Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType}}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}}
	service.Spec.Ports = []corev1.ServicePort{{Port: 80}}
	values := []api.Value{class, gateway, service}
	var routes []*gatewayv1.HTTPRoute
	for n := range 2 + r.IntN(6) {
		route := randomRoute(r, n)
		routes = append(routes, route)
		values = append(values, route)
	}
	var w World
	for _, v := range values {
		for _, p := range admission.Admit(v) {
			if p.Severity == api.Error && p.Object.Kind != api.KindHTTPRoute {
				t.Fatal(p)
			}
		}
		key, _ := api.KeyOf(v)
		w.Objects = append(w.Objects, &api.Object{Key: key, Value: v})
	}
	w.Translator = translated(w.Objects)
	return w, routes
}

func randomRequest(r *rand.Rand) request {
	q := request{host: pick(r, pool.requestHosts), path: pick(r, pool.paths), method: pick(r, pool.methods), headers: map[string]string{}, query: map[string]string{}}
	q.path += pick(r, []string{"", "", "b", "/c"})
	q.path = strings.ReplaceAll(q.path, "//", "/")
	for _, name := range []string{"x-a", "x-b"} {
		if r.IntN(2) == 0 {
			q.headers[name] = pick(r, pool.words)
		}
	}
	if r.IntN(2) == 0 {
		q.query["q"] = pick(r, pool.words)
	}
	return q
}

// candidate is a match with all that the Gateway API settles precedence by.
type candidate struct {
	id   matchID
	rank []int // the larger goes first, from left to right
	age  int64
}

// naive finds the match that gets a request, as the specification reads, with regular
// expressions among the prefixes by length: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
func naive(routes []*gatewayv1.HTTPRoute, q request) (matchID, bool) {
	var all []candidate
	for _, route := range routes {
		specificity, answers := hostRank(route, q.host)
		if !answers {
			continue
		}
		for i, rule := range route.Spec.Rules {
			matches := rule.Matches
			if len(matches) == 0 {
				matches = make([]gatewayv1.HTTPRouteMatch, 1)
			}
			for j := range matches {
				if rank, ok := meets(&matches[j], q); ok {
					all = append(all, candidate{matchID{route, i, j}, append([]int{specificity}, rank...), route.CreationTimestamp.Unix()})
				}
			}
		}
	}
	if len(all) == 0 {
		return matchID{}, false
	}
	// The routes are in the order of their names, and their matches as written: a stable sort
	// settles the rest.
	slices.SortStableFunc(all, func(a, b candidate) int {
		if c := slices.Compare(b.rank, a.rank); c != 0 {
			return c
		}
		return int(a.age - b.age)
	})
	return all[0].id, true
}

// hostRank gives the rank of the most specific hostname of a route that a host falls under.
func hostRank(route *gatewayv1.HTTPRoute, host string) (best int, answers bool) {
	if len(route.Spec.Hostnames) == 0 {
		return 0, true
	}
	for _, h := range route.Spec.Hostnames {
		suffix, wild := strings.CutPrefix(string(h), "*")
		switch {
		case string(h) == host:
			best, answers = max(best, 1000), true
		case wild && strings.HasSuffix(host, suffix):
			best, answers = max(best, len(h)), true
		}
	}
	return best, answers
}

// meets says whether a request meets a match, and how the match ranks.
func meets(m *gatewayv1.HTTPRouteMatch, q request) (rank []int, ok bool) {
	kind, path := gatewayv1.PathMatchPathPrefix, "/"
	if m.Path != nil {
		kind, path = *m.Path.Type, *m.Path.Value
	}
	exact, notRegex := 0, 1
	switch kind {
	case gatewayv1.PathMatchExact:
		exact, ok = 1, q.path == path
	case gatewayv1.PathMatchRegularExpression:
		notRegex, ok = 0, fully(path, q.path)
	default:
		if path != "/" {
			path = strings.TrimSuffix(path, "/")
		}
		ok = path == "/" || q.path == path || strings.HasPrefix(q.path, path+"/")
	}
	method := 0
	if m.Method != nil {
		method = 1
		ok = ok && string(*m.Method) == q.method
	}
	for _, h := range m.Headers {
		value, there := q.headers[strings.ToLower(string(h.Name))]
		ok = ok && there && (*h.Type == gatewayv1.HeaderMatchExact && value == h.Value || *h.Type != gatewayv1.HeaderMatchExact && fully(h.Value, value))
	}
	for _, p := range m.QueryParams {
		value, there := q.query[string(p.Name)]
		ok = ok && there && (*p.Type == gatewayv1.QueryParamMatchExact && value == p.Value || *p.Type != gatewayv1.QueryParamMatchExact && fully(p.Value, value))
	}
	return []int{exact, len(path), notRegex, method, len(m.Headers), len(m.QueryParams)}, ok
}

var expressions = map[string]*regexp.Regexp{}

func fully(expression, text string) bool {
	re := expressions[expression]
	if re == nil {
		re = regexp.MustCompile("^(?:" + expression + ")$")
		expressions[expression] = re
	}
	return re.MatchString(text)
}

// called gives what the checks call unreachable, or taken by another route at some host.
func called(found []api.Problem) (unreachable map[string]bool) {
	unreachable = map[string]bool{}
	for _, p := range found {
		all := strings.Contains(p.Message, "does not get any request")
		if p.Reason == api.ReasonRuleUnreachable || p.Reason == api.ReasonRouteConflict && all {
			unreachable[p.Object.Name+" "+p.Path] = true
		}
	}
	return unreachable
}

func nameOf(id matchID) string { return id.route.Name + " " + id.path() }

func TestUnreachableIsNeverReached(t *testing.T) {
	const worlds, requests, explained = 60, 10_000, 200
	total, reached := 0, map[string]int{}
	for seed := range uint64(worlds) {
		r := rand.New(rand.NewPCG(seed, 8))
		w, routes := randomWorld(t, r)
		unreachable := called(Check(w, Options{Now: now}))
		total += len(unreachable)
		model, err := traffic.Build(traffic.Snapshot(w.Translator()), traffic.Viewer{Fleet: "default"})
		if err != nil {
			t.Fatal(err)
		}
		for n := range requests {
			q := randomRequest(r)
			id, ok := naive(routes, q)
			if ok && unreachable[nameOf(id)] {
				t.Fatalf("seed %d: %s is called unreachable, but gets %+v", seed, nameOf(id), q)
			}
			if n < explained {
				sameInEnvoysOrder(t, seed, model, q, id, ok)
			}
			if ok {
				reached[nameOf(id)]++
			}
		}
	}
	if total < worlds {
		t.Errorf("only %d matches are called unreachable in %d worlds: the test shows little", total, worlds)
	}
	t.Logf("%d matches are called unreachable, %d others got requests", total, len(reached))
}

// sameInEnvoysOrder asks that the naive reading agrees with what Envoy is told.
func sameInEnvoysOrder(t *testing.T, seed uint64, model *traffic.Model, q request, id matchID, ok bool) {
	t.Helper()
	r := traffic.Request{Method: q.method, Scheme: "http", Authority: q.host, Path: q.path, Protocol: traffic.HTTP1, Port: 80, Client: "192.0.2.1"}
	for _, name := range slices.Sorted(maps.Keys(q.headers)) {
		r.Headers = append(r.Headers, traffic.Header{Name: name, Value: q.headers[name]})
	}
	if v, there := q.query["q"]; there {
		r.Path += "?q=" + v
	}
	e, err := model.Explain(r)
	if err != nil {
		t.Fatal(err)
	}
	from := e.Outcomes[0].From
	if got := from != nil && from.Object.Kind == api.KindHTTPRoute; got != ok {
		t.Fatalf("seed %d: %+v: the model says %+v, the naive reading %s", seed, q, e.Outcomes, nameOf(id))
	}
	if ok && (from.Object.Name != id.route.Name || !strings.HasPrefix(from.Path+".", fmt.Sprintf("spec.rules[%d].", id.rule))) {
		t.Fatalf("seed %d: %+v goes to %s %s by the model, to %s by the naive reading", seed, q, from.Object, from.Path, nameOf(id))
	}
}

// The index finds a match that takes all requests of another wherever comparing all pairs does.
func TestIndexFindsWhatPairsDo(t *testing.T) {
	shadowed := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		p := newPatterns()
		all := make([]placedPattern, 40)
		for i := range all {
			m := randomMatch(r)
			all[i] = placedPattern{p.of(&m), i}
		}
		by := shadows(p, all, func(int) bool { return false })
		for i := range all {
			want := slices.IndexFunc(all[:i], func(o placedPattern) bool { return p.covers(&o.pattern, &all[i].pattern) })
			if (want >= 0) != (by[i] >= 0) {
				t.Fatalf("seed %d: %+v: pairs say %d, the index %d", seed, all[i], want, by[i])
			}
			if want >= 0 {
				shadowed++
			}
		}
	}
	if shadowed < 1000 {
		t.Errorf("only %d patterns are taken by others", shadowed)
	}
}

// When a pattern is said to take all requests of another, every request that meets the second
// meets the first.
func TestCoversKeepsItsWord(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 10))
	p := newPatterns()
	covered, met := 0, 0
	for range 20_000 {
		a, b := randomMatch(r), randomMatch(r)
		wide, narrow := p.of(&a), p.of(&b)
		if !p.covers(&wide, &narrow) {
			continue
		}
		covered++
		for range 200 {
			q := randomRequest(r)
			if _, ok := meets(&b, q); !ok {
				continue
			}
			met++
			if _, ok := meets(&a, q); !ok {
				t.Fatalf("%+v is said to take all that %+v does, but not %+v", wide, narrow, q)
			}
		}
	}
	if covered < 1000 || met < 10_000 {
		t.Errorf("only %d pairs and %d requests: the test shows little", covered, met)
	}
}
