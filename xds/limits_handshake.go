package xds

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc/credentials"
)

// Credentials wraps those of a door, so that clients that do not get through it are counted
// and logged: gRPC drops them without a word. They must be TLS, or none at all (a client that
// speaks TLS there is found out).
func (s *Server) Credentials(c credentials.TransportCredentials) credentials.TransportCredentials {
	return watchedCredentials{c, s.guard}
}

type watchedCredentials struct {
	credentials.TransportCredentials
	guard *guard
}

// Clone keeps the guard in common.
func (w watchedCredentials) Clone() credentials.TransportCredentials {
	return watchedCredentials{w.TransportCredentials.Clone(), w.guard}
}

// ServerHandshake is the wrapped one's. gRPC sets the deadline (Limits.HandshakeTimeout).
func (w watchedCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	g := w.guard
	if n := g.handshakes.Add(1); g.limits.Handshakes > 0 && n > int64(g.limits.Handshakes) {
		g.handshakes.Add(-1)
		return nil, nil, g.turnAway(conn, ForHandshakes, fmt.Errorf(
			"%d connections have not finished their handshakes, as many as may (--xds-max-handshakes)", g.limits.Handshakes))
	}
	defer g.handshakes.Add(-1)
	if w.Info().SecurityProtocol != "tls" {
		start := make([]byte, len(tlsRecord))
		if _, err := io.ReadFull(conn, start); err != nil {
			return nil, nil, g.turnAway(conn, ForHandshake, err)
		}
		if bytes.Equal(start, tlsRecord) {
			_, _ = conn.Write(handshakeFailure)
			return nil, nil, g.turnAway(conn, ForTLSToPlaintext,
				errors.New("the client speaks TLS, but the xDS address does not: serve with --xds-cert, --xds-key and --xds-client-ca, or make the client's bootstrap without --xds-ca, --xds-cert and --xds-key"))
		}
		conn = &begunConn{conn, start}
	}
	out, info, err := w.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		why, message := explainHandshake(err)
		return nil, nil, g.turnAway(conn, why, fmt.Errorf("%s: %w", message, err))
	}
	return out, info, nil
}

// tlsRecord is how a TLS connection begins, and handshakeFailure how one is told that it
// cannot go on: https://www.rfc-editor.org/rfc/rfc8446#section-5.1 and section 6.
var (
	tlsRecord        = []byte{22, 3}
	handshakeFailure = []byte{21, 3, 3, 0, 2, 2, 40}
)

// turnAway notes a connection that goes no further.
func (g *guard) turnAway(conn net.Conn, why RefusedFor, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		// A health check of a load balancer connects and goes.
		g.refused.log.Debug("a client left before it was let in", "client", conn.RemoteAddr().String())
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		why = ForHandshakeTimeout
		err = fmt.Errorf("the client has not begun within %s (--xds-handshake-timeout)", g.limits.HandshakeTimeout)
	}
	g.refused.note(RefusedClient{Address: hostOf(conn.RemoteAddr()), Names: shownNames(err), For: why, Message: err.Error()})
	return err
}

// shownNames gives the names in a certificate that was not accepted: nothing proves them, but
// they tell which client needs another one.
func shownNames(err error) []string {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0 {
		return namesIn(verification.UnverifiedCertificates[0])
	}
	return nil
}

// explainHandshake says what the error of a TLS handshake most likely means.
func explainHandshake(err error) (RefusedFor, string) {
	var notTLS tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	text := err.Error()
	switch {
	case errors.As(err, &notTLS) && bytes.HasPrefix(notTLS.RecordHeader[:], []byte("PRI")):
		return ForPlaintextToTLS, "the client speaks plaintext, but the xDS address TLS: make its bootstrap with --xds-ca, --xds-cert and --xds-key"
	case errors.As(err, &notTLS):
		return ForPlaintextToTLS, "the client does not speak TLS"
	case errors.As(err, &unknown):
		return ForClientCertificate, "the client's certificate is not from --xds-client-ca"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ForClientCertificate, "the client's certificate has expired, or is not valid yet: it must be renewed, and Envoy must read it again (gateway-cp bootstrap --sds-dir)"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return ForClientCertificate, "the client's certificate is not for clients (extended key usage clientAuth)"
	case errors.As(err, &invalid):
		return ForClientCertificate, "the client's certificate is not valid"
	case strings.Contains(text, "didn't provide a certificate"):
		return ForClientCertificate, "the client shows no certificate: make its bootstrap with --xds-cert and --xds-key"
	case strings.Contains(text, "unsupported versions"):
		return ForHandshake, "the client does not speak TLS 1.3"
	case errors.As(err, &alert) || strings.Contains(text, "remote error"):
		return ForServerCertificate, "the client does not accept our certificate (--xds-cert): check its --xds-ca and --xds-server-name"
	}
	return ForHandshake, "the client needs TLS, and a certificate from --xds-client-ca"
}

// begunConn gives back what was read of a connection to see how it begins.
type begunConn struct {
	net.Conn
	start []byte
}

// Read gives what was read already, then the rest.
func (c *begunConn) Read(p []byte) (int, error) {
	if len(c.start) > 0 {
		n := copy(p, c.start)
		c.start = c.start[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
