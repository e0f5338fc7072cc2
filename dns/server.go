package dns

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

// Options say what a Server does beside answering for a Zone.
type Options struct {
	// Upstreams are the resolvers that are asked about other names, as host:port. Without any, such
	// queries are refused.
	Upstreams []string
	Limits    Limits
}

// Limits bound what clients can take.
type Limits struct {
	// UDPSize is the size in bytes of an answer over UDP at most, whatever the client says that it
	// takes. What is longer is cut, and the client comes back over TCP.
	UDPSize int
	// Connections are the TCP connections that are served at once.
	Connections int
	// Forwards are the queries that wait for upstreams at once. Those beyond get SERVFAIL.
	Forwards int
	// CacheSize is how many answers of upstreams are kept; 0: none.
	CacheSize int
}

// DefaultLimits are the limits that suit a cluster.
func DefaultLimits() Limits {
	// 1232: https://www.dnsflagday.net/2020/
	return Limits{UDPSize: 1232, Connections: 1000, Forwards: 1000, CacheSize: 10_000}
}

// Check says which limit cannot be.
func (l Limits) Check() error {
	switch {
	case l.UDPSize < dns.MinMsgSize || l.UDPSize > 4096:
		return errors.New("an answer over UDP may have from 512 to 4096 bytes")
	case l.Connections < 1:
		return errors.New("at least one TCP connection must be served")
	case l.Forwards < 1:
		return errors.New("at least one query must be let through to the upstreams")
	case l.CacheSize < 0:
		return errors.New("the size of the cache must not be negative")
	}
	return nil
}

// Server answers DNS queries. It is also a prometheus.Collector. Several goroutines may use it.
type Server struct {
	zone    *Zone
	options Options
	forward *forwarder // nil without upstreams
	metrics *metrics
}

// NewServer makes a Server for the names of a Zone.
func NewServer(zone *Zone, o Options) *Server {
	s := &Server{zone: zone, options: o}
	if len(o.Upstreams) > 0 {
		s.forward = newForwarder(o)
	}
	s.metrics = newMetrics(func() int {
		if s.forward == nil {
			return 0
		}
		return s.forward.cached()
	})
	return s
}

// Listener is an address that is listened on over UDP and TCP.
type Listener struct {
	udp net.PacketConn
	tcp net.Listener
}

// Listen opens host:port. Port 0 is any port, the same for both.
func Listen(address string) (*Listener, error) {
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		return nil, errors.Join(err, udp.Close())
	}
	return &Listener{udp, tcp}, nil
}

// Addr is the address, host:port.
func (l *Listener) Addr() string { return l.udp.LocalAddr().String() }

// Close closes both. It may be called more than once.
func (l *Listener) Close() error { return errors.Join(l.udp.Close(), l.tcp.Close()) }

// idle is how long a TCP connection may be open without a query.
const idle = 10 * time.Second

// Serve answers until ctx ends, and closes the listener. Queries that are being answered then have
// a moment to be finished.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	servers := []*dns.Server{
		{PacketConn: l.udp, UDPSize: s.options.Limits.UDPSize, Handler: s.handler("udp")},
		{
			Listener: netutil.LimitListener(l.tcp, s.options.Limits.Connections), Handler: s.handler("tcp"),
			IdleTimeout: func() time.Duration { return idle },
		},
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, server := range servers {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		ended := make(chan error, 1)
		go func() { ended <- server.ActivateAndServe() }()
		g.Go(func() error {
			select {
			case err := <-ended:
				return err
			case <-started:
			}
			select {
			case err := <-ended:
				return err
			case <-ctx.Done():
			}
			soon, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = server.ShutdownContext(soon) // who is not done by then is cut
			return nil
		})
	}
	return errors.Join(g.Wait(), ignoreClosed(l.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) handler(protocol string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		began := time.Now()
		reply, from := s.reply(q, protocol)
		s.metrics.count(q, reply, protocol, from, time.Since(began))
		_ = w.WriteMsg(reply) // a client that has gone is no loss
	}
}

// reply answers a query.
func (s *Server) reply(q *dns.Msg, protocol string) (*dns.Msg, origin) {
	m := &dns.Msg{}
	m.SetReply(q)
	m.RecursionAvailable = s.forward != nil
	size := s.negotiate(m, q, protocol)
	if rcode := refusal(q); rcode != dns.RcodeSuccess {
		m.Rcode = rcode
		return m, fromNobody
	}
	from := s.fill(m, q, size)
	if m.Len() > size { // it takes time, and most answers are short
		m.Compress = true
		m.Truncate(size)
	}
	return m, from
}

// negotiate gives the size that the answer may have, and answers what the client says about itself.
// https://www.rfc-editor.org/rfc/rfc6891
func (s *Server) negotiate(m, q *dns.Msg, protocol string) (size int) {
	size = dns.MaxMsgSize
	if protocol == "udp" {
		size = dns.MinMsgSize
	}
	opt := q.IsEdns0()
	if opt == nil {
		return size
	}
	if protocol == "udp" {
		size = min(max(size, int(opt.UDPSize())), s.options.Limits.UDPSize)
	}
	m.SetEdns0(uint16(s.options.Limits.UDPSize), opt.Do())
	return size
}

// refusal is the code for what is not a query that anybody could answer.
func refusal(q *dns.Msg) int {
	switch opt := q.IsEdns0(); {
	case q.Opcode != dns.OpcodeQuery:
		return dns.RcodeNotImplemented
	case len(q.Question) != 1:
		return dns.RcodeFormatError
	case opt != nil && opt.Version() != 0:
		return dns.RcodeBadVers
	case q.Question[0].Qclass != dns.ClassINET:
		return dns.RcodeRefused
	}
	switch q.Question[0].Qtype {
	case dns.TypeAXFR, dns.TypeIXFR:
		return dns.RcodeRefused
	}
	return dns.RcodeSuccess
}

// smallestRecord is the least that a record takes: a pointer to its name, type, class, TTL, length,
// and four bytes of an address.
const smallestRecord = 2 + 2 + 2 + 4 + 2 + 4

// fill adds the answer. Of very many records it adds one more than fit, so that it is seen to be cut.
func (s *Server) fill(m, q *dns.Msg, size int) origin {
	snapshot := s.zone.current.Load()
	if snapshot == nil { // nothing has been read yet
		m.Rcode = dns.RcodeServerFailure
		return fromNobody
	}
	question := &q.Question[0]
	a := snapshot.answer(question, size/smallestRecord+1)
	m.Rcode, m.Answer, m.Ns = a.rcode, a.records, a.authority
	m.Extra = append(a.extra, m.Extra...)
	m.Authoritative = a.authoritative
	switch {
	case a.next == "":
		return fromServices
	case s.forward != nil && q.RecursionDesired:
		return s.forwardRest(m, q, a.next)
	case len(a.records) == 0:
		m.Rcode = dns.RcodeRefused
		return fromNobody
	}
	return fromServices // the other name is all that we know
}

// forwardRest adds what upstreams say of a name.
func (s *Server) forwardRest(m, q *dns.Msg, name string) origin {
	said, from := s.forward.resolve(question{
		name: name, qtype: q.Question[0].Qtype, dnssec: q.IsEdns0() != nil && q.IsEdns0().Do(), unchecked: q.CheckingDisabled,
	})
	if said == nil {
		m.Rcode, m.Answer, m.Authoritative = dns.RcodeServerFailure, nil, false
		if from == fromNobody {
			s.metrics.limited.Inc()
		}
		return from
	}
	m.Rcode, m.Ns = said.Rcode, said.Ns
	m.Answer = append(m.Answer, said.Answer...)
	m.Extra = append(said.Extra, m.Extra...)
	return from
}
