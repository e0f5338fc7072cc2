package dns

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/gateway-cp/gateway-cp/api"
)

// serve starts a Server and gives its address.
func serve(t *testing.T, s *Server) string {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr()
}

// exchange sends a query over a network and gives the answer.
func exchangeOver(t *testing.T, network, address string, q *dns.Msg) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network, Timeout: 5 * time.Second, UDPSize: dns.MaxMsgSize}
	m, _, err := client.Exchange(q, address)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func query(owner string, qtype uint16) *dns.Msg {
	q := &dns.Msg{}
	return q.SetQuestion(dns.Fqdn(owner), qtype)
}

// manyEndpoints is a headless Service that has more than fit into a message over UDP.
func manyEndpoints(t *testing.T, n int) *Zone {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: Service\nmetadata: {name: many}\nspec: {clusterIP: None, selector: {app: many}, ports: [{name: http, port: 80}]}\n")
	for slice := range (n + 999) / 1000 {
		fmt.Fprintf(&b, "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: many-%d, labels: {kubernetes.io/service-name: many}}\naddressType: IPv4\nports: [{name: http, port: 80}]\nendpoints:\n", slice)
		for i := range min(1000, n-1000*slice) {
			fmt.Fprintf(&b, "- {addresses: [10.%d.%d.%d]}\n", slice, i/250, i%250+1)
		}
	}
	return zoneOf(t, b.String())
}

// An answer over UDP has the size that the client takes, and no more than the limit; what is cut is
// whole over TCP.
func TestLongAnswersAreCut(t *testing.T) {
	address := serve(t, NewServer(manyEndpoints(t, 500), Options{Limits: DefaultLimits()}))
	const owner = "many.default.svc.cluster.local"
	for _, x := range []struct{ offered, limit int }{{0, 512}, {100, 512}, {800, 800}, {1232, 1232}, {4096, 1232}, {65535, 1232}} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
			q := query(owner, qtype)
			if qtype == dns.TypeSRV {
				q = query("_http._tcp."+owner, qtype)
			}
			if x.offered > 0 {
				q.SetEdns0(uint16(x.offered), false)
			}
			m := exchangeOver(t, "udp", address, q)
			m.Compress = true // as it was
			packed, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if !m.Truncated || len(packed) > x.limit || len(m.Answer) < x.limit/100 {
				t.Errorf("%d bytes offered: %d bytes, %d records, cut: %v", x.offered, len(packed), len(m.Answer), m.Truncated)
			}
			if (m.IsEdns0() != nil) != (x.offered > 0) {
				t.Errorf("%d bytes offered: EDNS0 is %v", x.offered, m.IsEdns0())
			}
			if m := exchangeOver(t, "tcp", address, q); m.Truncated || len(m.Answer) != 500 {
				t.Errorf("over TCP: %d records, cut: %v", len(m.Answer), m.Truncated)
			}
		}
	}
}

// What does not fit into any message is cut over TCP as well, rather than not answered.
func TestTheLongestAnswer(t *testing.T) {
	address := serve(t, NewServer(manyEndpoints(t, 6000), Options{Limits: DefaultLimits()}))
	m := exchangeOver(t, "tcp", address, query("many.default.svc.cluster.local", dns.TypeA))
	if !m.Truncated || len(m.Answer) < 4000 {
		t.Errorf("%d records, cut: %v", len(m.Answer), m.Truncated)
	}
}

// What is no query for a name gets the code that says so.
func TestWhatIsNoQuery(t *testing.T) {
	server := NewServer(zoneOf(t, cluster), Options{Limits: DefaultLimits()})
	address := serve(t, server)
	const owner = "web.shop.svc.cluster.local"
	with := func(change func(*dns.Msg)) *dns.Msg {
		q := query(owner, dns.TypeA)
		change(q)
		return q
	}
	for what, x := range map[string]struct {
		q     *dns.Msg
		rcode int
	}{
		"a query":          {with(func(*dns.Msg) {}), dns.RcodeSuccess},
		"no question":      {with(func(q *dns.Msg) { q.Question = nil }), dns.RcodeFormatError},
		"two questions":    {with(func(q *dns.Msg) { q.Question = append(q.Question, q.Question[0]) }), dns.RcodeFormatError},
		"an update":        {with(func(q *dns.Msg) { q.Opcode = dns.OpcodeUpdate }), dns.RcodeNotImplemented},
		"a notification":   {with(func(q *dns.Msg) { q.Opcode = dns.OpcodeNotify }), dns.RcodeNotImplemented},
		"CHAOS":            {with(func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS }), dns.RcodeRefused},
		"a zone transfer":  {query("cluster.local", dns.TypeAXFR), dns.RcodeRefused},
		"EDNS version 1":   {with(func(q *dns.Msg) { q.SetEdns0(1232, false); q.IsEdns0().SetVersion(1) }), dns.RcodeBadVers},
		"an unknown type":  {with(func(q *dns.Msg) { q.Question[0].Qtype = 65280 }), dns.RcodeSuccess},
		"somebody's name":  {query("example.com", dns.TypeA), dns.RcodeRefused},
		"no recursion":     {with(func(q *dns.Msg) { q.RecursionDesired = false }), dns.RcodeSuccess},
		"a name in Hebrew": {query(`\215\169.shop.svc.cluster.local`, dns.TypeA), dns.RcodeNameError},
	} {
		for _, network := range []string{"udp", "tcp"} {
			if m := exchangeOver(t, network, address, x.q); m.Rcode != x.rcode || m.Id != x.q.Id || m.RecursionAvailable {
				t.Errorf("%s over %s: %v", what, network, m)
			}
		}
	}
	if n := testutil.CollectAndCount(server, "service_dns_resolution_duration"); n != len(originNames) {
		t.Errorf("service_dns_resolution_duration has %d series", n)
	}
	const refused = `
# HELP gateway_cp_dns_responses_total DNS responses, by code.
# TYPE gateway_cp_dns_responses_total counter
gateway_cp_dns_responses_total{rcode="BADVERS"} 2
gateway_cp_dns_responses_total{rcode="NOERROR"} 6
gateway_cp_dns_responses_total{rcode="NOTIMP"} 2
gateway_cp_dns_responses_total{rcode="NXDOMAIN"} 2
gateway_cp_dns_responses_total{rcode="REFUSED"} 6
`
	// The updates, and those without exactly one question, are refused before anybody counts.
	if err := testutil.CollectAndCompare(server, strings.NewReader(refused), "gateway_cp_dns_responses_total"); err != nil {
		t.Error(err)
	}
}

// More TCP connections than the limit wait their turn.
func TestConnectionsAreLimited(t *testing.T) {
	limits := DefaultLimits()
	limits.Connections = 2
	address := serve(t, NewServer(zoneOf(t, cluster), Options{Limits: limits}))
	ask := func(c net.Conn, bound time.Duration) error {
		conn := dns.Conn{Conn: c}
		_ = c.SetDeadline(time.Now().Add(bound))
		if err := conn.WriteMsg(query("web.shop.svc.cluster.local", dns.TypeA)); err != nil {
			return err
		}
		_, err := conn.ReadMsg()
		return err
	}
	var all []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		all = append(all, c)
	}
	for i, c := range all[:2] {
		if err := ask(c, 5*time.Second); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	if err := ask(all[2], 100*time.Millisecond); err == nil {
		t.Error("the third connection was answered while two were open")
	}
	_ = all[0].Close()
	conn := dns.Conn{Conn: all[2]}
	_ = all[2].SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.ReadMsg(); err != nil {
		t.Errorf("the third connection, when one of the two is gone: %v", err)
	}
}

// A query that comes before anything has been read is not told that there is nothing.
func TestBeforeAnythingIsRead(t *testing.T) {
	z := NewZone(ZoneOptions{Fleet: "default"})
	address := serve(t, NewServer(z, Options{Limits: DefaultLimits()}))
	q := query("web.shop.svc.cluster.local", dns.TypeA)
	if m := exchangeOver(t, "udp", address, q); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("before: %v", m)
	}
	z.Apply([]*api.Object{}, nil)
	if m := exchangeOver(t, "udp", address, q); m.Rcode != dns.RcodeNameError {
		t.Errorf("when there is nothing: %v", m)
	}
}
