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
	e := harness.New(t)
	outside, port, gateway := newResolver(e), e.FreePort(), e.FreePort()
	one, two := e.Backend("one"), e.Backend("two")
	for _, b := range []*harness.Backend{one, two} {
		b.Handle(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.Host) })
	}
	web := one.Address.Port()
	db := newSpeaker(e, "db")
	dbAddress := e.IP
	right, wrong := newCertificate(t, 1, "secure.example.com"), newCertificate(t, 2, "other.example.com")
	authorities := filepath.Join(e.Dir, "ca.crt")
	if err := os.WriteFile(authorities, append(right.cert, wrong.cert...), 0o600); err != nil {
		t.Fatal(err)
	}
	secure, impostor := tlsServer(t, e, right), tlsServer(t, e, wrong)
	outside.set("one.example.com", dnsAnswer{ttl: 1, addresses: []netip.Addr{one.Address.Addr()}})
	outside.set("slow.example.com", dnsAnswer{ttl: 300, addresses: []netip.Addr{one.Address.Addr()}})
	outside.set("db.example.com", dnsAnswer{ttl: 60, addresses: []netip.Addr{dbAddress}})
	outside.set("secure.example.com", dnsAnswer{ttl: 60, addresses: []netip.Addr{secure.Addr()}})
	outside.set("impostor.example.com", dnsAnswer{ttl: 60, addresses: []netip.Addr{impostor.Addr()}})
	external := func(name, outside string, port, target int, more string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {type: ExternalName, externalName: %s, ports: [{port: %d, targetPort: %d%s}]}\n---\n", name, outside, port, target, more)
	}
	front := beside(e, 250)
	e.Write("fleet.yaml", strings.Replace(e.Fleet(port), "\n---", fmt.Sprintf(`
  dns: {resolvers: [%q], negativeRefresh: 200ms, failureRefresh: 100ms}
  externalIPRanges: [%q]
  systemCACertificates: %q
---`, outside.address, front, authorities), 1)+harness.Gateway(gateway)+harness.Route("split", "split.example.com", 80))
	e.Write("services.yaml",
		external("one", "one.example.com", 80, int(web), "")+external("slow", "slow.example.com", 80, int(web), "")+
			external("secure", "secure.example.com", 443, int(secure.Port()), ", appProtocol: https")+
			external("impostor", "impostor.example.com", 443, int(impostor.Port()), ", appProtocol: https")+
			external("back", "split.example.com", 80, 80, "")+
			strings.Replace(external("split", "one.example.com", 80, int(web), ""), "ports", "externalIPs: [203.0.113.9], ports", 1)+
			strings.Replace(external("db", "db.example.com", 5432, db.address.Port, ""), "ports", fmt.Sprintf("externalIPs: [%q], ports", front), 1))
	c := e.Run()
	url := "http://" + e.Address(port) + "/"
	named := func(host string) harness.Stream { return harness.Stream{URL: url, Host: host} }
	is := func(s harness.Stream, status int, version, body string) error {
		resp, got, err := s.Do()
		if err == nil && (resp.StatusCode != status || resp.Header.Get(harness.VersionHeader) != version || body != "" && got != body) {
			err = fmt.Errorf("%s: %s from %q: %q, want %d from %q: %q", s.Host, resp.Status, resp.Header.Get(harness.VersionHeader), got, status, version, body)
		}
		return err
	}
	told := fmt.Sprintf("one.example.com:%d", web)
	e.Await("the name outside", 20*time.Second, func() error { return is(named("one.default"), 200, "one", told) })
	e.Await("a backend of a route", 10*time.Second, func() error {
		return is(harness.Stream{URL: "http://" + e.Address(gateway) + "/", Host: "split.example.com"}, 200, "one", told)
	})
	e.Await("TLS to who has the name", 10*time.Second, func() error { return is(named("secure.default"), 200, "", "secure.example.com") })
	e.Await("TCP at an external IP", 10*time.Second, func() error {
		l, err := call(netip.AddrPortFrom(front, 5432).String())
		if err != nil {
			return err
		}
		return errors.Join(l.say("hello"), l.Close())
	})
	if err := is(named("impostor.default"), 503, "", ""); err != nil {
		t.Errorf("TLS to who has another name: %v", err)
	}
	if err := is(named("back.default"), 404, "", ""); err != nil {
		t.Errorf("a name of the fleet itself: %v", err)
	}
	c.AwaitStatus("the loop and the address are told", 10*time.Second, func(s admin.Status) error {
		if got := fmt.Sprint(s.Problems); len(s.Problems) != 2 || !strings.Contains(got, "split.example.com is a host name of HTTPRoute default/split") ||
			!strings.Contains(got, "no Fleet permits 203.0.113.9") {
			return fmt.Errorf("%d problems: %s", len(s.Problems), got)
		}
		return nil
	})

	// Answers change: the TTL of one has passed after a second, that of the other has not.
	moved := time.Now()
	for _, name := range []string{"one.example.com", "slow.example.com"} {
		outside.set(name, dnsAnswer{ttl: 1, addresses: []netip.Addr{two.Address.Addr()}})
	}
	e.Await("the new address", 5*time.Second, func() error { return is(named("one.default"), 200, "two", told) })
	t.Logf("an address with a TTL of 1 s is replaced after %s", time.Since(moved).Round(time.Millisecond))
	if err := is(named("slow.default"), 200, "one", ""); err != nil {
		t.Errorf("a TTL that has not passed: %v", err)
	}
	// A failure keeps what is known. Asking goes on, less often each time.
	outside.set("one.example.com", dnsAnswer{rcode: dns.RcodeServerFailure})
	before := outside.count("one.example.com")
	e.Await("it is asked during a failure", 10*time.Second, func() error {
		if outside.count("one.example.com") < before+4 {
			return errors.New("not yet")
		}
		return nil
	})
	if err := is(named("one.default"), 200, "two", ""); err != nil {
		t.Errorf("while the resolver fails: %v", err)
	}
	// The name goes away, and comes back.
	outside.set("one.example.com", dnsAnswer{rcode: dns.RcodeNameError})
	e.Await("503 without the name", 10*time.Second, func() error { return is(named("one.default"), 503, "", "") })
	outside.set("one.example.com", dnsAnswer{ttl: 1, addresses: []netip.Addr{one.Address.Addr()}})
	back := time.Now()
	e.Await("the name is back", 3*time.Second, func() error { return is(named("one.default"), 200, "one", told) })
	t.Logf("a name that is back is served after %s", time.Since(back).Round(time.Millisecond))

	// A name that no resolver answers for, and one beside it, new at the same time.
	e.Write("more.yaml", external("silent", "silent.example.com", 80, 80, "")+one.Workload("inside")+harness.Service("inside", 80))
	e.Await("a Service beside one that is not resolved", 10*time.Second, named("inside.default").Answers("one"))
	e.Await("an unresolved name", 10*time.Second, func() error { return is(named("silent.default"), 503, "", "") })
	// Another name outside: no request is lost while it is resolved.
	outside.set("new.example.com", dnsAnswer{ttl: 60, addresses: []netip.Addr{two.Address.Addr()}})
	load := e.Load(harness.Stream{Name: "slow", URL: url, Host: "slow.default", Rate: 500})
	e.Write("services.yaml", external("slow", "new.example.com", 80, int(web), ""))
	e.Await("the new name", 10*time.Second, func() error { return is(named("slow.default"), 200, "two", "") })
	samples := load.Stop()
	if failed := load.Failed(); failed > 0 || load.Sent() == 0 {
		t.Errorf("%d of %d requests failed while the name was changed: %v", failed, load.Sent(), samples)
	}
	explained, _ := e.GatewayCP("explain", e.Manifests, "--port", fmt.Sprint(port), "--", "http://slow.default/")
	if !strings.Contains(explained, fmt.Sprintf("host slow.default becomes new.example.com:%d", web)) {
		t.Errorf("explain says\n%s", explained)
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
