package xds

import (
	"cmp"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// RefusedFor is why a client is refused. The values are stable: they are labels of a metric.
type RefusedFor string

// The reasons.
const (
	ForMissingIdentity   RefusedFor = "MissingIdentity"   // no node.id or no node.cluster
	ForInvalidIdentity   RefusedFor = "InvalidIdentity"   // cannot be a name, or changes within a stream
	ForUnknownFleet      RefusedFor = "UnknownFleet"      // no such Fleet
	ForNoCertificate     RefusedFor = "NoCertificate"     // TLS without a certificate that is trusted
	ForNoCertifiedName   RefusedFor = "NoCertifiedName"   // the certificate carries no identity
	ForOtherIdentity     RefusedFor = "OtherIdentity"     // the certificate carries another fleet or node
	ForClients           RefusedFor = "Clients"           // Limits.Clients
	ForStreams           RefusedFor = "Streams"           // Limits.StreamsPerClient
	ForRequestBytes      RefusedFor = "RequestBytes"      // Limits.RequestBytes
	ForRequestRate       RefusedFor = "RequestRate"       // Limits.RequestRate
	ForSubscriptions     RefusedFor = "Subscriptions"     // Limits.Subscriptions
	ForNoRequest         RefusedFor = "NoRequest"         // Limits.FirstRequestTimeout
	ForNoAnswer          RefusedFor = "NoAnswer"          // Limits.AnswerTimeout
	ForHandshakes        RefusedFor = "Handshakes"        // Limits.Handshakes
	ForHandshakeTimeout  RefusedFor = "HandshakeTimeout"  // Limits.HandshakeTimeout
	ForPlaintextToTLS    RefusedFor = "PlaintextToTLS"    // the door is TLS, the client is not
	ForTLSToPlaintext    RefusedFor = "TLSToPlaintext"    // the other way round
	ForClientCertificate RefusedFor = "ClientCertificate" // none, of another CA, expired, for something else
	ForServerCertificate RefusedFor = "ServerCertificate" // the client refuses ours
	ForHandshake         RefusedFor = "Handshake"         // TLS fails otherwise
)

// RefusedClient is a client that was refused a short while ago, and has not got in since.
type RefusedClient struct {
	ID, Fleet string   // what it says of itself; empty when it has not got that far
	Address   string   // host, or empty for a Unix socket
	Names     []string // in its certificate
	For       RefusedFor
	Message   string // what it was told
	First     time.Time
	Last      time.Time
	Times     uint64
}

// maxRefused bounds how many refused clients are remembered, maxName the length of what is
// remembered of their names, and maxNames how many of those in a certificate are: these are
// words of strangers.
const (
	maxRefused = 256
	maxName    = 128
	maxNames   = 4
)

// maxCertificates bounds how many clients of one address are told apart by the names in their certificates
// alone: anybody can make up names.
const maxCertificates = 16

// logAgain is the least time between two log lines about the same client and reason.
const logAgain = 10 * time.Minute

// refusedClients remembers, counts and logs who was refused.
type refusedClients struct {
	log     *slog.Logger
	now     func() time.Time
	changed func() // somebody is on the list, or is not any more

	mu      sync.Mutex
	clients map[refusedKey]*refusedEntry
	counts  map[RefusedFor]uint64
	lines   *rate.Limiter
	unsaid  int // lines that the limiter has swallowed
}

type refusedKey struct {
	id, fleet, address string
	certificate        string // its names, of a client that has not got as far as to say who it is
	why                RefusedFor
}

type refusedEntry struct {
	RefusedClient
	logged time.Time
}

func newRefusedClients(log *slog.Logger, now func() time.Time, changed func()) *refusedClients {
	return &refusedClients{
		log: log, now: now, changed: changed,
		clients: map[refusedKey]*refusedEntry{},
		counts:  map[RefusedFor]uint64{},
		lines:   rate.NewLimiter(1, 20),
	}
}

// refusalStatus is a reason with the status that the client is sent.
type refusalStatus struct {
	why     RefusedFor
	code    codes.Code
	message string
}

func (r *refusalStatus) Error() string { return r.message }

// GRPCStatus is what the client sees. Envoy logs code and message as a warning, except for
// codes that mean a passing failure.
func (r *refusalStatus) GRPCStatus() *grpcstatus.Status {
	return grpcstatus.New(r.code, "gateway-cp: "+r.message)
}

// note takes in a refusal.
func (l *refusedClients) note(who RefusedClient) {
	who.ID, who.Fleet, who.Names = cut(who.ID), cut(who.Fleet), few(who.Names)
	now := l.now()
	l.mu.Lock()
	l.counts[who.For]++
	k := l.keyOf(who)
	e := l.clients[k]
	added := e == nil
	if added {
		l.makeRoom()
		e = &refusedEntry{RefusedClient: who}
		e.First = now
		l.clients[k] = e
	}
	e.Names, e.Message, e.Last = who.Names, who.Message, now
	e.Times++
	say := e.logged.IsZero() || now.Sub(e.logged) >= logAgain
	if say {
		if say = l.lines.AllowN(now, 1); say {
			e.logged = now
		} else {
			l.unsaid++
		}
	}
	unsaid := l.unsaid
	if say {
		l.unsaid = 0
	}
	times := e.Times
	l.mu.Unlock()
	if say {
		l.log.Warn("a client is refused", "reason", string(who.For), "message", who.Message, "envoy", who.ID, "fleet", who.Fleet,
			"client", who.Address, "certificate", who.Names, "times", times, "refusals without a line", unsaid)
	}
	if added {
		l.changed()
	}
}

// keyOf gives what a client is remembered by.
func (l *refusedClients) keyOf(who RefusedClient) refusedKey {
	k := refusedKey{id: who.ID, fleet: who.Fleet, address: who.Address, why: who.For}
	if who.ID != "" || len(who.Names) == 0 {
		return k
	}
	named := k
	named.certificate = strings.Join(who.Names, "\x00")
	if l.clients[named] != nil {
		return named
	}
	others := 0
	for o := range l.clients {
		if o.address == k.address && o.why == k.why && o.certificate != "" {
			others++
		}
	}
	if others >= maxCertificates {
		return k
	}
	return named
}

// makeRoom forgets the client that was refused longest ago if there are too many.
func (l *refusedClients) makeRoom() {
	if len(l.clients) < maxRefused {
		return
	}
	var oldest refusedKey
	var at time.Time
	for k, e := range l.clients {
		if at.IsZero() || e.Last.Before(at) {
			oldest, at = k, e.Last
		}
	}
	delete(l.clients, oldest)
}

// in forgets what was held against a client that has got in, whose certificate has these names.
// One that had not got as far as to say its id is known by them.
func (l *refusedClients) in(id string, names []string) {
	names = few(names)
	l.mu.Lock()
	gone := false
	for k, e := range l.clients {
		if k.id == id || k.id == "" && len(names) > 0 && slices.Equal(e.Names, names) {
			delete(l.clients, k)
			gone = true
		}
	}
	l.mu.Unlock()
	if gone {
		l.changed()
	}
}

// list gives the clients that were refused within the time, sorted.
func (l *refusedClients) list(within time.Duration) []RefusedClient {
	since := l.now().Add(-within)
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []RefusedClient
	for k, e := range l.clients {
		if e.Last.Before(since) {
			delete(l.clients, k)
			continue
		}
		all = append(all, e.RefusedClient)
	}
	slices.SortFunc(all, func(a, b RefusedClient) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Fleet, b.Fleet), cmp.Compare(a.Address, b.Address), cmp.Compare(a.For, b.For), slices.Compare(a.Names, b.Names))
	})
	return all
}

// few cuts a list of names.
func few(names []string) []string {
	names = slices.Clone(names[:min(len(names), maxNames)])
	for i, n := range names {
		names[i] = cut(n)
	}
	return names
}

// cut shortens a name.
func cut(name string) string {
	if len(name) <= maxName {
		return name
	}
	return name[:maxName] + "…"
}

// hostOf is the host of an address; ports of clients change with every connection.
func hostOf(a net.Addr) string {
	if a == nil || a.Network() == "unix" {
		return ""
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
