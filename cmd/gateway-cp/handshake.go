package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// loggedHandshakes logs clients that fail to get in: gRPC drops them without a word. What a
// misconfigured Envoy tries every second is one line per refusalEvery.
type loggedHandshakes struct {
	credentials.TransportCredentials
	failures *failures
}

// refusalEvery is the least time between two log lines about clients that failed to get in.
const refusalEvery = 10 * time.Second

func logHandshakes(c credentials.TransportCredentials, log *slog.Logger) credentials.TransportCredentials {
	return loggedHandshakes{c, &failures{log: log, now: time.Now}}
}

// ServerHandshake is the wrapped one's.
func (l loggedHandshakes) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	out, info, err := l.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		l.failures.note(conn.RemoteAddr(), err)
	}
	return out, info, err
}

// Clone keeps the failures in common.
func (l loggedHandshakes) Clone() credentials.TransportCredentials {
	return loggedHandshakes{l.TransportCredentials.Clone(), l.failures}
}

// failures are the handshakes that failed at one door.
type failures struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	next    time.Time // of a log line
	skipped int       // since the last one
}

func (f *failures) note(client net.Addr, err error) {
	if errors.Is(err, io.EOF) {
		// A health check of a load balancer connects and goes.
		f.log.Debug("a client left before it was let in", "client", client.String())
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if now.Before(f.next) {
		f.skipped++
		return
	}
	f.log.Warn("a client was refused at the xDS address: it needs TLS, and a certificate from --xds-client-ca",
		"client", client.String(), "error", err, "others since the last line", f.skipped)
	f.next, f.skipped = now.Add(refusalEvery), 0
}
