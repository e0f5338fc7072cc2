package traffic

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/translator"
)

// diffWorld is a set of generated documents that get into each other's way.
type diffWorld struct {
	*rand.Rand
	docs map[string]string // by kind and number
	tls  string
}

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

func newDiffWorld(t *testing.T, r *rand.Rand) *diffWorld {
	w := &diffWorld{Rand: r, docs: map[string]string{}, tls: tlsSecret}
	w.docs["class"] = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: gateway-cp}\nspec: {controllerName: gateway-cp.io/gateway-controller}"
	w.docs["tls"] = w.tls
	for _, name := range []string{"web", "cart", "none"} {
		w.service(name)
		w.workload(name)
	}
	w.gateway()
	for i := range 3 + w.IntN(4) {
		w.route(i)
	}
	return w
}

func (w *diffWorld) service(name string) {
	w.docs["service "+name] = fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: one}\nspec: {selector: {app: %s}, ports: [{name: http, port: 80, targetPort: 8080}]}",
		name, name)
	delete(w.docs, "rollout "+name)
	if w.IntN(3) == 0 {
		blue := w.IntN(101)
		w.docs["rollout "+name] = fmt.Sprintf("apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: %s, namespace: one}\nspec: {targetRef: {name: %s}, versions: [{name: blue, selector: {v: blue}}, {name: green, selector: {v: green}}], %s}",
			name, name, []string{
				fmt.Sprintf("traffic: {blue: %d, green: %d}", blue, 100-blue),
				fmt.Sprintf("traffic: {blue: %d, green: %d}, stickiness: {header: x-user}", blue, 100-blue),
				fmt.Sprintf("blueGreen: {active: blue, preview: {version: green, match: [{headers: [{name: x-a, value: %q}]}]}}", fmt.Sprint(w.IntN(3))),
			}[w.IntN(3)])
	}
}

func (w *diffWorld) workload(name string) {
	delete(w.docs, "workload "+name)
	if name == "none" {
		return
	}
	for _, v := range []string{"blue", "green"} {
		w.docs["workload "+name+v] = fmt.Sprintf("apiVersion: gateway-cp.io/v1alpha1\nkind: Workload\nmetadata: {name: %s-%s, namespace: one, labels: {app: %s, v: %s}}\nspec: {addresses: [10.0.0.%d]}",
			name, v, name, v, 1+w.IntN(20))
	}
}

func (w *diffWorld) gateway() {
	listeners := "{name: http, port: 80, protocol: HTTP" + pick(w.Rand, "", "", ", hostname: '*.a.com'") + "}"
	for i, host := range []string{"a.com", "*.a.com", "b.org", ""} {
		if w.IntN(2) == 0 {
			if host != "" {
				host = ", hostname: '" + host + "'"
			}
			listeners += fmt.Sprintf(", {name: tls%d, port: 443, protocol: HTTPS%s, tls: {certificateRefs: [{name: tls}]}}", i, host)
		}
	}
	w.docs["gateway"] = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: one}\nspec: {gatewayClassName: gateway-cp, listeners: [" + listeners + "]}"
}

func (w *diffWorld) route(i int) {
	hosts := ""
	for range w.IntN(3) {
		hosts += "'" + pick(w.Rand, "a.com", "www.a.com", "*.a.com", "b.org", "*.www.a.com") + "', "
	}
	var rules []string
	for range 1 + w.IntN(3) {
		rules = append(rules, w.rule())
	}
	w.docs["route "+strconv.Itoa(i)] = fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r%d, namespace: one}\nspec: {parentRefs: [{name: public}], hostnames: [%s], rules: [%s]}",
		i, hosts, strings.Join(rules, ", "))
}

func (w *diffWorld) rule() string {
	var matches []string
	for range w.IntN(3) {
		m := "path: " + pick(w.Rand, "{type: Exact, value: /a}", "{type: PathPrefix, value: /a}", "{type: PathPrefix, value: /a/b}", "{type: PathPrefix, value: /}",
			"{type: Exact, value: /item/7}", "{type: RegularExpression, value: '/item/[0-9]+'}", "{type: RegularExpression, value: '/(a|item)/.*'}")
		if w.IntN(3) == 0 {
			m += ", method: " + pick(w.Rand, "GET", "POST")
		}
		if w.IntN(3) == 0 {
			m += ", headers: [{name: x-user, " + pick(w.Rand, "value: '7'", "value: yes-1", "type: RegularExpression, value: '[0-9]+'", "type: RegularExpression, value: '.*'") + "}]"
		}
		if w.IntN(4) == 0 {
			m += ", queryParams: [{name: q, " + pick(w.Rand, "value: '1'", "type: RegularExpression, value: '[0-9]'") + "}]"
		}
		matches = append(matches, "{"+m+"}")
	}
	to := pick(w.Rand, "backendRefs: [{name: web, port: 80}]", "backendRefs: [{name: cart, port: 80}]", "backendRefs: [{name: none, port: 80}]",
		"backendRefs: [{name: web, port: 80, weight: 3}, {name: cart, port: 80}]", "backendRefs: [{name: web, port: 80}, {name: gone, port: 80}]",
		"filters: [{type: RequestRedirect, requestRedirect: {hostname: new.com, statusCode: 302}}]",
		"backendRefs: [{name: web, port: 80}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /n}}}]")
	if strings.HasPrefix(to, "backendRefs") && w.IntN(3) == 0 {
		to += ", timeouts: {request: " + pick(w.Rand, "1s", "2s") + "}"
	}
	if strings.Contains(to, "ReplacePrefixMatch") {
		return "{matches: [{path: {type: PathPrefix, value: " + pick(w.Rand, "/a", "/a/b", "/") + "}}], " + to + "}"
	}
	return "{matches: [" + strings.Join(matches, ", ") + "], " + to + "}"
}

// edit changes one to three documents.
func (w *diffWorld) edit() {
	for range 1 + w.IntN(3) {
		switch name := pick(w.Rand, "web", "cart", "none"); w.IntN(8) {
		case 0:
			w.service(name)
		case 1:
			w.workload(name)
		case 2:
			w.gateway()
		case 3:
			delete(w.docs, "route "+strconv.Itoa(w.IntN(6)))
		case 4:
			delete(w.docs, "service "+name)
		default:
			w.route(w.IntN(7))
		}
	}
}

func (w *diffWorld) translate(t *testing.T) *Translation {
	t.Helper()
	contents := map[string][]byte{}
	for name, doc := range w.docs {
		contents[name+".yaml"] = []byte(doc)
	}
	loaded, err := files.Load(files.LoadOptions{Contents: contents})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range loaded.Problems {
		t.Fatalf("the generated manifests are wrong: %s", p)
	}
	tr := translator.New()
	var changes []translator.Change
	for _, o := range loaded.Objects {
		changes = append(changes, translator.Change{Key: o.Key, Object: o})
	}
	tr.Apply(changes)
	return Snapshot(tr)
}

func (w *diffWorld) request() Request {
	q := Request{Method: pick(w.Rand, "GET", "GET", "GET", "POST", "PUT"), Scheme: "http", Protocol: HTTP1, Client: unknownClient, Listener: "0.0.0.0:80"}
	q.Authority = pick(w.Rand, "a.com", "www.a.com", "y.a.com", "x.www.a.com", "b.org", "none.net")
	switch w.IntN(4) {
	case 0:
		q.Listener, q.Authority = "0.0.0.0:10080", pick(w.Rand, "web.one", "cart.one.svc", "none.one.svc.cluster.local:80", "web", "x.one")
	case 1, 2:
		q.Listener, q.Scheme, q.ServerName = "0.0.0.0:443", "https", q.Authority
		if w.IntN(6) == 0 {
			q.ServerName = pick(w.Rand, "a.com", "www.a.com", "b.org", "", "none.net")
		}
	}
	q.Path = pick(w.Rand, "/", "/a", "/a/", "/ab", "/a/b", "/a/b/c", "/item/7", "/item/77", "/item/x", "/a//b", "/%61", "/b") + pick(w.Rand, "", "", "?q=1", "?q=2", "?q=x")
	for range w.IntN(3) {
		q.Headers = append(q.Headers, Header{"x-user", pick(w.Rand, "7", "yes-1", "8", "x", "")})
	}
	return q
}

// told is what an explanation says of the end of a request, without what only names its way.
func told(e *Explanation) string {
	var outcomes []Outcome
	for _, o := range e.Outcomes {
		o.Route, o.From, o.Why = 0, nil, ""
		if o.Forward != nil {
			f := *o.Forward
			f.Clusters = slices.Clone(f.Clusters)
			for i := range f.Clusters {
				f.Clusters[i].From = nil
			}
			o.Forward = &f
		}
		outcomes = append(outcomes, o)
	}
	data, err := json.Marshal(outcomes)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func ask(m *Model, q Request) *Explanation {
	l := m.Listener(q.Listener)
	if l == nil {
		return &Explanation{Outcomes: []Outcome{{Share: 1, Kind: Close, Route: none}}}
	}
	return m.explainAt(l, q)
}

func classOf(m *Model, q Request, e *Explanation) class {
	c := class{route: none}
	if m.Listener(q.Listener) != nil {
		c.listener = q.Listener
	}
	if e.Chain != nil {
		c.chain = e.Chain.Name
	}
	if e.Host != nil {
		c.host = e.Host.Name
	}
	if len(e.Outcomes) > 0 {
		c.route = e.Outcomes[0].Route
	}
	return c
}

// covered says whether a difference tells of what is another one for a request.
func covered(d *Difference, a, b *Model, q Request, x, y *Explanation) bool {
	want := classPair{classOf(a, q, x), classOf(b, q, y)}
	for _, c := range d.Routes {
		if slices.Contains(c.classes, want) {
			return true
		}
	}
	for _, c := range d.Listeners {
		if c.Name == q.Listener && (len(c.ServerNames) == 0 || slices.Contains(c.ServerNames, otherNames) ||
			slices.ContainsFunc(c.ServerNames, func(n string) bool {
				return n == q.ServerName || strings.HasPrefix(n, "*") && strings.HasSuffix(q.ServerName, n[1:])
			})) {
			return true
		}
	}
	for _, c := range d.Clusters {
		for _, o := range y.Outcomes {
			if o.Forward != nil && slices.ContainsFunc(o.Forward.Clusters, func(s ClusterShare) bool { return s.Name == c.Cluster }) {
				return true
			}
		}
	}
	return false
}

var tlsSecret string

// Whatever becomes another end of a random request after random edits, the difference tells of;
// and whatever it tells of, its example shows.
func TestDiffTellsOfWhatChangesAndOfNothingElse(t *testing.T) {
	tlsSecret = secretOf(t)
	worlds := 20
	if os.Getenv("GATEWAY_CP_SOAK") != "" {
		worlds = 2000
	}
	seed := rand.Uint64()
	counts := map[string]int{}
	for i := range uint64(worlds) {
		r := rand.New(rand.NewPCG(seed+i, 0))
		w := newDiffWorld(t, r)
		was := w.translate(t)
		w.edit()
		diffHolds(t, w, was, w.translate(t), counts)
		if t.Failed() {
			t.Fatalf("seed %d", seed+i)
		}
	}
	t.Log(counts)
	if counts["requests that end differently"] < 10*worlds || counts["entries"] < worlds {
		t.Errorf("too little changes for this to say much: %v", counts)
	}
}

func diffHolds(t *testing.T, w *diffWorld, was, now *Translation, counts map[string]int) {
	t.Helper()
	of := Viewer{Fleet: "default"}
	d, err := Diff(was, now, of)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := Diff(now, now, of); err != nil || !same.Empty() {
		t.Errorf("a set differs from itself: %+v %v", same, err)
	}
	a, _ := Build(was, of)
	b, _ := Build(now, of)
	for range 300 {
		q := w.request()
		x, y := ask(a, q), ask(b, q)
		if told(x) == told(y) {
			continue
		}
		counts["requests that end differently"]++
		if !covered(d, a, b, q, x, y) {
			t.Errorf("nothing tells of %+v\nwas %s\nnow %s\nclasses %+v %+v", q, told(x), told(y), classOf(a, q, x), classOf(b, q, y))
			for _, c := range d.Routes {
				t.Logf("%s %+v", c.Sentence, c.classes)
			}
			return
		}
	}
	for _, c := range d.Routes {
		counts["entries"]++
		for _, l := range c.Listeners {
			q := c.Example
			if q.Listener = l; l != "0.0.0.0:443" {
				q.Scheme, q.ServerName = "http", ""
			} else if q.Scheme == "http" {
				q.Scheme, q.ServerName = "https", q.Authority
			}
			if x, y := told(ask(a, q)), told(ask(b, q)); x == y {
				t.Errorf("%s: the example %+v shows nothing: %s", c.Sentence, q, x)
			}
		}
	}
	for _, c := range d.Listeners {
		if len(c.Aspects) == 0 {
			t.Errorf("an empty entry %+v", c)
		}
	}
}

func secretOf(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a.com", "*.a.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(cryptorand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: tls, namespace: one}\ntype: kubernetes.io/tls\ndata: {tls.crt: %s, tls.key: %s}",
		text("CERTIFICATE", der), text("PRIVATE KEY", private))
}
