package test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// resolver is a DNS server whose answers the test changes.
type resolver struct {
	mu      sync.Mutex
	names   map[string]dnsAnswer
	queries map[string]int
	address string
}

type dnsAnswer struct {
	rcode     int
	ttl       uint32
	addresses []netip.Addr
}

func newResolver(e *harness.Env) *resolver {
	e.Helper()
	r := &resolver{names: map[string]dnsAnswer{}, queries: map[string]int{}}
	conn, err := net.ListenPacket("udp", e.Address(0))
	if err != nil {
		e.Fatalf("%v", err)
	}
	r.address = conn.LocalAddr().String()
	server := &dns.Server{PacketConn: conn, Handler: r}
	go func() { _ = server.ActivateAndServe() }()
	e.Cleanup(func() { _ = server.Shutdown() })
	return r
}

func (r *resolver) set(name string, a dnsAnswer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[name+"."] = a
}

func (r *resolver) count(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queries[name+"."]
}

// ServeDNS answers; a name that it was not told of gets no answer at all.
func (r *resolver) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	name := strings.ToLower(q.Question[0].Name)
	r.mu.Lock()
	a, known := r.names[name]
	if q.Question[0].Qtype == dns.TypeA {
		r.queries[name]++
	}
	r.mu.Unlock()
	if !known {
		return
	}
	m := new(dns.Msg).SetRcode(q, a.rcode)
	for _, ip := range a.addresses {
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: a.ttl}, A: ip.AsSlice(),
			})
		}
	}
	_ = w.WriteMsg(m)
}

// A Service of type ExternalName carries traffic to a name outside: with that name as the host, to the addresses that
// DNS gives as long as it gives them, over TLS only to who can show to have the name, over TCP at an
// external IP, and to nobody when the name is one of the fleet's own. A resolver that is silent about one name
// holds nothing else up.
func TestExternalName(t *testing.T) {
	t.Parallel()
	w := newOutsideWorld(t)
	w.reaches()
	w.follows()
	w.changes()
	explained, _ := w.GatewayCP("explain", w.Manifests, "--port", fmt.Sprint(w.port), "--", "http://slow.default/")
	if !strings.Contains(explained, fmt.Sprintf("host slow.default becomes new.example.com:%d", w.web)) {
		t.Errorf("explain says\n%s", explained)
	}
}

// outsideWorld has Services that are names outside, and who has these names.
type outsideWorld struct {
	*harness.Env
	t             *testing.T
	outside       *resolver
	port, gateway int
	one, two      *harness.Backend
	web           uint16 // the port of both
	front         netip.Addr
	c             *harness.ControlPlane
}

func newOutsideWorld(t *testing.T) *outsideWorld {
	e := harness.New(t)
	w := &outsideWorld{Env: e, t: t, outside: newResolver(e), port: e.FreePort(), gateway: e.FreePort(), one: e.Backend("one"), two: e.Backend("two"), front: beside(e, 250)}
	for _, b := range []*harness.Backend{w.one, w.two} {
		b.Handle(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.Host) })
	}
	w.web = w.one.Address.Port()
	db := newSpeaker(e, "db")
	right, wrong := newCertificate(t, 1, "secure.example.com"), newCertificate(t, 2, "other.example.com")
	authorities := filepath.Join(e.Dir, "ca.crt")
	if err := os.WriteFile(authorities, append(right.cert, wrong.cert...), 0o600); err != nil {
		t.Fatal(err)
	}
	secure, impostor := tlsServer(t, e, right), tlsServer(t, e, wrong)
	for name, a := range map[string]dnsAnswer{
		"one.example.com":      {ttl: 1, addresses: []netip.Addr{w.one.Address.Addr()}},
		"slow.example.com":     {ttl: 300, addresses: []netip.Addr{w.one.Address.Addr()}},
		"db.example.com":       {ttl: 60, addresses: []netip.Addr{e.IP}},
		"secure.example.com":   {ttl: 60, addresses: []netip.Addr{secure.Addr()}},
		"impostor.example.com": {ttl: 60, addresses: []netip.Addr{impostor.Addr()}},
	} {
		w.outside.set(name, a)
	}
	e.Write("fleet.yaml", strings.Replace(e.Fleet(w.port), "\n---", fmt.Sprintf(`
  dns: {resolvers: [%q], negativeRefresh: 200ms, failureRefresh: 100ms}
  externalIPRanges: [%q]
  systemCACertificates: %q
---`, w.outside.address, w.front, authorities), 1)+harness.Gateway(w.gateway)+harness.Route("split", "split.example.com", 80))
	web := int(w.web)
	e.Write("services.yaml",
		external("one", "one.example.com", 80, web, "")+external("slow", "slow.example.com", 80, web, "")+
			external("secure", "secure.example.com", 443, int(secure.Port()), ", appProtocol: https")+
			external("impostor", "impostor.example.com", 443, int(impostor.Port()), ", appProtocol: https")+
			external("back", "split.example.com", 80, 80, "")+
			strings.Replace(external("split", "one.example.com", 80, web, ""), "ports", "externalIPs: [203.0.113.9], ports", 1)+
			strings.Replace(external("db", "db.example.com", 5432, db.address.Port, ""), "ports", fmt.Sprintf("externalIPs: [%q], ports", w.front), 1))
	w.c = e.Run()
	return w
}

// external is the manifest of a Service that is a name outside.
func external(name, outside string, port, target int, more string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {type: ExternalName, externalName: %s, ports: [{port: %d, targetPort: %d%s}]}\n---\n", name, outside, port, target, more)
}

// named is requests to a Service by its name.
func (w *outsideWorld) named(host string) harness.Stream {
	return harness.Stream{URL: "http://" + w.Address(w.port) + "/", Host: host}
}

// told is the host that backends are told for the Service "one".
func (w *outsideWorld) told() string { return fmt.Sprintf("one.example.com:%d", w.web) }

// is checks an answer.
func (w *outsideWorld) is(s harness.Stream, status int, version, body string) error {
	resp, got, err := s.Do()
	if err == nil && (resp.StatusCode != status || resp.Header.Get(harness.VersionHeader) != version || body != "" && got != body) {
		err = fmt.Errorf("%s: %s from %q: %q, want %d from %q: %q", s.Host, resp.Status, resp.Header.Get(harness.VersionHeader), got, status, version, body)
	}
	return err
}

// reaches looks who is reached, on every way in, and who is not.
func (w *outsideWorld) reaches() {
	w.Await("the name outside", 20*time.Second, func() error { return w.is(w.named("one.default"), 200, "one", w.told()) })
	w.Await("a backend of a route", 10*time.Second, func() error {
		return w.is(harness.Stream{URL: "http://" + w.Address(w.gateway) + "/", Host: "split.example.com"}, 200, "one", w.told())
	})
	w.Await("TLS to who has the name", 10*time.Second, func() error { return w.is(w.named("secure.default"), 200, "", "secure.example.com") })
	w.Await("TCP at an external IP", 10*time.Second, func() error {
		l, err := call(netip.AddrPortFrom(w.front, 5432).String())
		if err != nil {
			return err
		}
		return errors.Join(l.say("hello"), l.Close())
	})
	if err := w.is(w.named("impostor.default"), 503, "", ""); err != nil {
		w.t.Errorf("TLS to who has another name: %v", err)
	}
	if err := w.is(w.named("back.default"), 404, "", ""); err != nil {
		w.t.Errorf("a name of the fleet itself: %v", err)
	}
	w.c.AwaitStatus("the loop and the address are told", 10*time.Second, func(s admin.Status) error {
		if got := fmt.Sprint(s.Problems); len(s.Problems) != 2 || !strings.Contains(got, "split.example.com is a host name of HTTPRoute default/split") ||
			!strings.Contains(got, "no Fleet permits 203.0.113.9") {
			return fmt.Errorf("%d problems: %s", len(s.Problems), got)
		}
		return nil
	})
}

// follows has the answers of DNS change: the TTL of one has passed after a second, that of the other has not.
func (w *outsideWorld) follows() {
	moved := time.Now()
	for _, name := range []string{"one.example.com", "slow.example.com"} {
		w.outside.set(name, dnsAnswer{ttl: 1, addresses: []netip.Addr{w.two.Address.Addr()}})
	}
	w.Await("the new address", 5*time.Second, func() error { return w.is(w.named("one.default"), 200, "two", w.told()) })
	w.t.Logf("an address with a TTL of 1 s is replaced after %s", time.Since(moved).Round(time.Millisecond))
	if err := w.is(w.named("slow.default"), 200, "one", ""); err != nil {
		w.t.Errorf("a TTL that has not passed: %v", err)
	}
	// A failure keeps what is known. Asking goes on, less often each time.
	w.outside.set("one.example.com", dnsAnswer{rcode: dns.RcodeServerFailure})
	before := w.outside.count("one.example.com")
	w.Await("it is asked during a failure", 10*time.Second, func() error {
		if w.outside.count("one.example.com") < before+4 {
			return errors.New("not yet")
		}
		return nil
	})
	if err := w.is(w.named("one.default"), 200, "two", ""); err != nil {
		w.t.Errorf("while the resolver fails: %v", err)
	}
	// The name goes away, and comes back.
	w.outside.set("one.example.com", dnsAnswer{rcode: dns.RcodeNameError})
	w.Await("503 without the name", 10*time.Second, func() error { return w.is(w.named("one.default"), 503, "", "") })
	w.outside.set("one.example.com", dnsAnswer{ttl: 1, addresses: []netip.Addr{w.one.Address.Addr()}})
	back := time.Now()
	w.Await("the name is back", 3*time.Second, func() error { return w.is(w.named("one.default"), 200, "one", w.told()) })
	w.t.Logf("a name that is back is served after %s", time.Since(back).Round(time.Millisecond))
}

// changes writes other names: one that no resolver answers for, with one beside it that is new at the same time,
// and another name for a Service that has traffic, of which no request is lost while it is resolved.
func (w *outsideWorld) changes() {
	w.Write("more.yaml", external("silent", "silent.example.com", 80, 80, "")+w.one.Workload("inside")+harness.Service("inside", 80))
	w.Await("a Service beside one that is not resolved", 10*time.Second, w.named("inside.default").Answers("one"))
	w.Await("an unresolved name", 10*time.Second, func() error { return w.is(w.named("silent.default"), 503, "", "") })
	w.outside.set("new.example.com", dnsAnswer{ttl: 60, addresses: []netip.Addr{w.two.Address.Addr()}})
	slow := w.named("slow.default")
	slow.Name, slow.Rate = "slow", 500
	load := w.Load(slow)
	w.Write("services.yaml", external("slow", "new.example.com", 80, int(w.web), ""))
	w.Await("the new name", 10*time.Second, func() error { return w.is(w.named("slow.default"), 200, "two", "") })
	samples := load.Stop()
	if failed := load.Failed(); failed > 0 || load.Sent() == 0 {
		w.t.Errorf("%d of %d requests failed while the name was changed: %v", failed, load.Sent(), samples)
	}
}

// tlsServer answers with the host that it was asked for.
func tlsServer(t *testing.T, e *harness.Env, c certificate) netip.AddrPort {
	t.Helper()
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", e.Address(0))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		if r.TLS.ServerName != host {
			http.Error(w, "SNI "+r.TLS.ServerName, http.StatusMisdirectedRequest)
			return
		}
		_, _ = fmt.Fprint(w, host)
	}))
	_ = s.Listener.Close()
	s.Listener = l
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return l.Addr().(*net.TCPAddr).AddrPort()
}
