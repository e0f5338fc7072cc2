package xds

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Limits bound what a client can take from the others. A count of 0 is no limit. The defaults
// fit 1,000 Envoys that subscribe to 10,000 resources each many times over.
type Limits struct {
	// Clients is how many clients are served at once: certificates that name a node, else
	// connections. An Envoy is one.
	Clients int
	// StreamsPerClient is how many streams a client may have open. Envoy has three: discovery,
	// load reports and metrics; clients that use a stream for every type have a dozen.
	StreamsPerClient int
	// RequestBytes is the size of the largest message that is taken. An Envoy that comes back
	// with 10,000 resources of each type sends about 2 MiB.
	RequestBytes int
	// RequestRate is how many messages a second a stream may send, beyond those that answer
	// responses, once it has sent RequestBurst of them at once. What comes faster waits; a
	// client that goes on for PatienceWithRate is refused.
	RequestRate  int
	RequestBurst int
	// Subscriptions is how many names a stream may be subscribed to at once.
	Subscriptions int

	// Handshakes is how many connections may be at their handshakes at once.
	Handshakes int
	// HandshakeTimeout is how long a connection may take until TLS and HTTP/2 have begun.
	HandshakeTimeout time.Duration
	// FirstRequestTimeout is how long a stream may be open without a first message in full.
	FirstRequestTimeout time.Duration
	// AnswerTimeout is how long a client may leave a response unread or unanswered. Clusters have
	// to be read, too, but Envoy withholds their answers while any of them warms. Unread is what
	// the client's flow control windows have no room for. It gets the newest state when it returns.
	AnswerTimeout time.Duration
	// IdleTimeout is how long a connection may be open without a stream.
	IdleTimeout time.Duration
	// KeepaliveTime is how long a connection may be silent before it is asked for a sign of
	// life, and KeepaliveTimeout how long that may take.
	KeepaliveTime, KeepaliveTimeout time.Duration
	// ConnectionAge is how long a connection may last, give or take a tenth, so that Envoys
	// spread over replicas again, and show their certificates again; 0: for ever. The client
	// is told to use a new connection, and after ConnectionGrace the old one is closed.
	ConnectionAge, ConnectionGrace time.Duration
}

// DefaultLimits are the limits of a server that is given none.
func DefaultLimits() Limits {
	return Limits{
		Clients:             5000,
		StreamsPerClient:    128,
		RequestBytes:        16 << 20,
		RequestRate:         100,
		RequestBurst:        20_000,
		Subscriptions:       100_000,
		Handshakes:          2000,
		HandshakeTimeout:    10 * time.Second,
		FirstRequestTimeout: 30 * time.Second,
		AnswerTimeout:       time.Minute,
		IdleTimeout:         time.Minute,
		KeepaliveTime:       30 * time.Second,
		KeepaliveTimeout:    10 * time.Second,
		ConnectionAge:       time.Hour,
		ConnectionGrace:     10 * time.Second,
	}
}

// PatienceWithRate is how long a stream may be over its rate before it is ended.
const PatienceWithRate = time.Minute

// headerBytes is the size of the largest header list that is taken; Envoy's is some hundred
// bytes. gRPC's default is 16 MiB.
const headerBytes = 64 << 10

// spareStreams is how many streams beyond the limit HTTP/2 lets through, so that they can be
// refused with a reason; more wait at the client.
const spareStreams = 8

// minPing is how often clients may ask for a sign of life. The bootstrap of gateway-cp has
// Envoys ask every 5 s.
const minPing = 500 * time.Millisecond

// Check says which limit makes no sense.
func (l Limits) Check() error {
	for _, c := range []struct {
		name string
		n    int
	}{
		{"clients", l.Clients}, {"streams per client", l.StreamsPerClient}, {"request bytes", l.RequestBytes},
		{"request rate", l.RequestRate}, {"subscriptions", l.Subscriptions}, {"handshakes", l.Handshakes},
	} {
		if c.n < 0 {
			return fmt.Errorf("%s: must not be negative", c.name)
		}
	}
	if l.RequestRate > 0 && l.RequestBurst < 1 {
		return errors.New("request burst: must be more than 0")
	}
	for _, d := range []struct {
		name string
		t    time.Duration
	}{
		{"handshake timeout", l.HandshakeTimeout}, {"first request timeout", l.FirstRequestTimeout}, {"answer timeout", l.AnswerTimeout}, {"idle timeout", l.IdleTimeout},
		{"keepalive time", l.KeepaliveTime}, {"keepalive timeout", l.KeepaliveTimeout}, {"connection grace", l.ConnectionGrace},
	} {
		if d.t <= 0 {
			return fmt.Errorf("%s: must be more than 0", d.name)
		}
	}
	if l.ConnectionAge < 0 {
		return errors.New("connection age: must not be negative")
	}
	return nil
}

// options are those of the limits that gRPC keeps by itself.
func (l Limits) options() []grpc.ServerOption {
	server := keepalive.ServerParameters{
		Time: l.KeepaliveTime, Timeout: l.KeepaliveTimeout, MaxConnectionIdle: l.IdleTimeout,
	}
	if l.ConnectionAge > 0 {
		server.MaxConnectionAge, server.MaxConnectionAgeGrace = l.ConnectionAge, l.ConnectionGrace
	}
	options := []grpc.ServerOption{
		grpc.ConnectionTimeout(l.HandshakeTimeout),
		grpc.MaxHeaderListSize(headerBytes),
		grpc.KeepaliveParams(server),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
	}
	if l.RequestBytes > 0 {
		options = append(options, grpc.MaxRecvMsgSize(l.RequestBytes))
	} else {
		options = append(options, grpc.MaxRecvMsgSize(1<<31-1))
	}
	if l.StreamsPerClient > 0 {
		options = append(options, grpc.MaxConcurrentStreams(uint32(l.StreamsPerClient+spareStreams)))
	}
	return options
}
