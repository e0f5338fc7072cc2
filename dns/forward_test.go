package dns

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// resolver is an upstream: a DNS server that counts what it is asked.
type resolver struct {
	address string
	asked   atomic.Int32
	answer  atomic.Pointer[func(*dns.Msg) *dns.Msg]
}

// newResolver starts one that answers with records, as in a zone file, whatever the name, with
// $ in the place of it.
func newResolver(t *testing.T, records ...string) *resolver {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver{address: l.Addr()}
	r.says(t, dns.RcodeSuccess, records...)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r.asked.Add(1)
		m := (*r.answer.Load())(q)
		if m == nil {
			return // and never will
		}
		if _, ok := w.RemoteAddr().(*net.UDPAddr); ok {
			m.Truncate(1232)
		}
		_ = w.WriteMsg(m)
	})
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	for _, s := range []*dns.Server{{PacketConn: l.udp, Handler: handler}, {Listener: l.tcp, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		running.Go(func() { _ = s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return r
}

func (r *resolver) says(t *testing.T, rcode int, records ...string) {
	t.Helper()
	f := func(q *dns.Msg) *dns.Msg {
		m := &dns.Msg{}
		m.SetRcode(q, rcode)
		for _, record := range records {
			rr, err := dns.NewRR(strings.ReplaceAll(record, "$", q.Question[0].Name))
			if err != nil {
				panic(err)
			}
			if rr.Header().Rrtype == dns.TypeSOA {
				m.Ns = append(m.Ns, rr)
			} else {
				m.Answer = append(m.Answer, rr)
			}
		}
		return m
	}
	r.answer.Store(&f)
}

// silent has it answer nothing.
func (r *resolver) silent() {
	f := func(*dns.Msg) *dns.Msg { return nil }
	r.answer.Store(&f)
}

// forwarding is a Server with upstreams, and a clock that the test turns.
func forwarding(t *testing.T, change func(*Options), upstreams ...*resolver) (s *Server, turn func(time.Duration)) {
	t.Helper()
	o := Options{Limits: DefaultLimits()}
	for _, u := range upstreams {
		o.Upstreams = append(o.Upstreams, u.address)
	}
	if change != nil {
		change(&o)
	}
	s = NewServer(zoneOf(t, cluster), o)
	var ahead atomic.Int64
	s.forward.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	return s, func(d time.Duration) { ahead.Add(int64(d)) }
}

func expect(t *testing.T, s *Server, q *dns.Msg, want string, from origin) {
	t.Helper()
	m, got := s.reply(q, "udp")
	if text(m) != want || got != from {
		t.Errorf("%s: %s from %s, want %s from %s", q.Question[0].Name, text(m), originNames[got], want, originNames[from])
	}
	if m.Id != q.Id || m.Question[0] != q.Question[0] || len(m.Answer) > 0 && m.Answer[0].Header().Name != q.Question[0].Name {
		t.Errorf("the answer is not to the question: %v", m)
	}
}

// Other names are asked of the upstream, once for as long as its answer holds; the time that is
// left goes down, and the name comes back as it was asked.
func TestOtherNamesAreForwardedAndKept(t *testing.T) {
	up := newResolver(t, "$ 60 IN A 192.0.2.1")
	s, turn := forwarding(t, nil, up)
	expect(t, s, query("example.com", dns.TypeA), "NOERROR A 192.0.2.1", fromUpstream)
	expect(t, s, query("Example.COM", dns.TypeA), "NOERROR A 192.0.2.1", fromCache)
	turn(50 * time.Second)
	m, _ := s.reply(query("example.com", dns.TypeA), "udp")
	if left := m.Answer[0].Header().Ttl; left > 10 || left < 9 {
		t.Errorf("%d s are left after 50 of 60", left)
	}
	turn(11 * time.Second)
	expect(t, s, query("example.com", dns.TypeA), "NOERROR A 192.0.2.1", fromUpstream)
	if n := up.asked.Load(); n != 2 {
		t.Errorf("the upstream was asked %d times", n)
	}
	// Who does not want recursion gets none; the names of the cluster are never passed on.
	q := query("example.com", dns.TypeA)
	q.RecursionDesired = false
	expect(t, s, q, "REFUSED", fromNobody)
	expect(t, s, query("none.shop.svc.cluster.local", dns.TypeA), "NXDOMAIN SOA", fromServices)
	if n := up.asked.Load(); n != 2 {
		t.Errorf("the upstream was asked %d times", n)
	}
}

// That there is no such name is kept for as long as its SOA says, and for 30 s at most.
func TestNegativeAnswersAreKept(t *testing.T) {
	for _, rcode := range []int{dns.RcodeNameError, dns.RcodeSuccess} {
		up := newResolver(t)
		up.says(t, rcode, "com. 900 IN SOA a. b. 1 2 3 4 20")
		s, turn := forwarding(t, nil, up)
		want := dns.RcodeToString[rcode] + " SOA"
		expect(t, s, query("no.example.com", dns.TypeA), want, fromUpstream)
		turn(19 * time.Second)
		expect(t, s, query("no.example.com", dns.TypeA), want, fromCache)
		turn(2 * time.Second)
		expect(t, s, query("no.example.com", dns.TypeA), want, fromUpstream)
		up.says(t, rcode, "com. 900 IN SOA a. b. 1 2 3 4 900")
		expect(t, s, query("no2.example.com", dns.TypeA), want, fromUpstream)
		turn(31 * time.Second)
		expect(t, s, query("no2.example.com", dns.TypeA), want, fromUpstream)
		up.says(t, rcode) // nothing says for how long it holds
		expect(t, s, query("no3.example.com", dns.TypeA), dns.RcodeToString[rcode], fromUpstream)
		expect(t, s, query("no3.example.com", dns.TypeA), dns.RcodeToString[rcode], fromUpstream)
	}
}

// An answer that is used is asked for again before it is too old, and nobody waits.
func TestUsedAnswersAreRenewed(t *testing.T) {
	up := newResolver(t, "$ 100 IN A 192.0.2.1")
	s, turn := forwarding(t, nil, up)
	q := query("example.com", dns.TypeA)
	expect(t, s, q, "NOERROR A 192.0.2.1", fromUpstream)
	expect(t, s, q, "NOERROR A 192.0.2.1", fromCache)
	up.says(t, dns.RcodeSuccess, "$ 100 IN A 192.0.2.2")
	turn(95 * time.Second)
	expect(t, s, q, "NOERROR A 192.0.2.1", fromCache)
	for end := time.Now().Add(5 * time.Second); up.asked.Load() < 2 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	turn(6 * time.Second)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if m, from := s.reply(q, "udp"); text(m) == "NOERROR A 192.0.2.2" && from == fromCache {
			return
		}
	}
	t.Error("the new answer is not kept")
}

// When an upstream is silent or fails, the next one is asked, and the first one last from then on.
func TestUpstreamsThatFail(t *testing.T) {
	silent, failing, good := newResolver(t), newResolver(t), newResolver(t, "$ 60 IN A 192.0.2.1")
	silent.silent()
	failing.says(t, dns.RcodeServerFailure)
	s, _ := forwarding(t, nil, silent, failing, good)
	expect(t, s, query("a.example.com", dns.TypeA), "NOERROR A 192.0.2.1", fromUpstream)
	began := time.Now()
	expect(t, s, query("b.example.com", dns.TypeA), "NOERROR A 192.0.2.1", fromUpstream)
	if took := time.Since(began); took >= patience {
		t.Errorf("the silent one was waited for once more: %s", took)
	}
	good.says(t, dns.RcodeServerFailure)
	silent.says(t, dns.RcodeServerFailure)
	expect(t, s, query("c.example.com", dns.TypeA), "SERVFAIL", fromUpstream)
	expect(t, s, query("c.example.com", dns.TypeA), "SERVFAIL", fromCache) // for a second
}

// What does not fit over UDP is asked for over TCP.
func TestUpstreamsLongAnswers(t *testing.T) {
	var records []string
	for _, a := range []string{"1", "2"} {
		for range 10 {
			records = append(records, `$ 60 IN TXT "`+strings.Repeat(a, 200)+`"`)
		}
	}
	up := newResolver(t, records...)
	s, _ := forwarding(t, nil, up)
	m, _ := s.reply(query("example.com", dns.TypeTXT), "tcp")
	if len(m.Answer) != 20 || m.Truncated {
		t.Errorf("%d records, cut: %v", len(m.Answer), m.Truncated)
	}
}

// The name that an ExternalName Service stands for is resolved for the client.
func TestExternalNamesAreResolved(t *testing.T) {
	up := newResolver(t, "$ 60 IN A 192.0.2.1")
	s, _ := forwarding(t, nil, up)
	expect(t, s, query("outside.shop.svc.cluster.local", dns.TypeA), "NOERROR A 192.0.2.1, CNAME db.example.com.", fromUpstream)
	expect(t, s, query("outside.shop.svc.cluster.local", dns.TypeCNAME), "NOERROR CNAME db.example.com.", fromServices)
	up.silent()
	s, _ = forwarding(t, nil, up)
	expect(t, s, query("outside.shop.svc.cluster.local", dns.TypeA), "SERVFAIL", fromUpstream)
}

// Queries beyond the limit do not wait; those for the same at the same time are one to the upstream.
func TestForwardsAreLimited(t *testing.T) {
	up := newResolver(t)
	free := make(chan struct{})
	f := func(q *dns.Msg) *dns.Msg { <-free; m := &dns.Msg{}; return m.SetReply(q) }
	up.answer.Store(&f)
	s, _ := forwarding(t, func(o *Options) { o.Limits.Forwards = 2 }, up)
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() { expect(t, s, query("same.example.com", dns.TypeA), "NOERROR", fromUpstream) })
	}
	for end := time.Now().Add(5 * time.Second); len(s.forward.slots) < 2 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	expect(t, s, query("other.example.com", dns.TypeA), "SERVFAIL", fromNobody)
	expect(t, s, query("web.shop.svc.cluster.local", dns.TypeA), "NOERROR A 10.96.0.10", fromServices)
	close(free)
	waiting.Wait()
	if n := up.asked.Load(); n != 1 {
		t.Errorf("the upstream was asked %d times for the same", n)
	}
}

// The cache does not grow beyond its size, keeps nothing that is very large, and may be none.
func TestCacheIsBounded(t *testing.T) {
	up := newResolver(t, "$ 60 IN A 192.0.2.1")
	s, _ := forwarding(t, func(o *Options) { o.Limits.CacheSize = 3 }, up)
	for _, label := range []string{"a", "b", "c", "d", "e"} {
		expect(t, s, query(label+".example.com", dns.TypeA), "NOERROR A 192.0.2.1", fromUpstream)
	}
	if n := s.forward.cached(); n != 3 {
		t.Errorf("%d answers are kept", n)
	}
	var records []string
	for i := range 25 {
		records = append(records, `$ 60 IN TXT "`+strings.Repeat(string(rune('a'+i)), 200)+`"`)
	}
	up.says(t, dns.RcodeSuccess, records...)
	for range 2 {
		if _, from := s.reply(query("large.example.com", dns.TypeTXT), "tcp"); from != fromUpstream {
			t.Errorf("an answer of 5,000 bytes came from %s", originNames[from])
		}
	}
	s, _ = forwarding(t, func(o *Options) { o.Limits.CacheSize = 0 }, newResolver(t, "$ 60 IN A 192.0.2.1"))
	for range 2 {
		expect(t, s, query("a.example.com", dns.TypeA), "NOERROR A 192.0.2.1", fromUpstream)
	}
}
