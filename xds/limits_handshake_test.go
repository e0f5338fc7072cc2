package xds

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/test/certs"
)

// A client that does not get through the handshake is counted by its reason, and leaves one
// line that says what to do; others are let in as before.
func TestFailedHandshakesLeaveALine(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	withTLS := func(d *door, trust *certs.CA, certificates ...tls.Certificate) credentials.TransportCredentials {
		return credentials.NewTLS(&tls.Config{RootCAs: trust.Pool(), ServerName: "cp", Certificates: certificates})
	}
	for name, c := range map[string]struct {
		plain  bool // the door
		client func(d *door, stranger *certs.CA) credentials.TransportCredentials
		why    RefusedFor
		line   string
	}{
		"wrong CA": {client: func(d *door, stranger *certs.CA) credentials.TransportCredentials {
			return withTLS(d, d.ca, stranger.Issue("e"))
		}, why: ForClientCertificate, line: "is not from --xds-client-ca"},
		"expired": {client: func(d *door, _ *certs.CA) credentials.TransportCredentials {
			return withTLS(d, d.ca, d.ca.IssueUntil(time.Now().Add(-time.Minute), "e"))
		}, why: ForClientCertificate, line: "has expired"},
		"none": {client: func(d *door, _ *certs.CA) credentials.TransportCredentials {
			return withTLS(d, d.ca)
		}, why: ForClientCertificate, line: "shows no certificate: make its bootstrap with --xds-cert"},
		"for servers": {client: func(d *door, _ *certs.CA) credentials.TransportCredentials {
			return withTLS(d, d.ca, d.ca.IssueFor([]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, hour, "e"))
		}, why: ForClientCertificate, line: "is not for clients (extended key usage clientAuth)"},
		"client trusts another CA": {client: func(d *door, stranger *certs.CA) credentials.TransportCredentials {
			return withTLS(d, stranger, d.ca.Issue("e"))
		}, why: ForServerCertificate, line: "does not accept our certificate"},
		"TLS 1.2": {client: func(d *door, _ *certs.CA) credentials.TransportCredentials {
			return credentials.NewTLS(&tls.Config{RootCAs: d.ca.Pool(), ServerName: "cp", MaxVersion: tls.VersionTLS12})
		}, why: ForHandshake, line: "does not speak TLS 1.3"},
		"plaintext to TLS": {client: func(*door, *certs.CA) credentials.TransportCredentials {
			return insecure.NewCredentials()
		}, why: ForPlaintextToTLS, line: "speaks plaintext, but the xDS address TLS"},
		"TLS to plaintext": {plain: true, client: func(d *door, stranger *certs.CA) credentials.TransportCredentials {
			return withTLS(d, stranger)
		}, why: ForTLSToPlaintext, line: "speaks TLS, but the xDS address does not"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			good := d.named("e2")
			if c.plain {
				d = newPlainDoor(t)
				good = d.client()
			}
			other := d.letsIn(good, "e2", "f")
			conn := d.clientWith(c.client(d, certs.New(t)))
			for range 3 {
				s, err := d.tryStream(conn)
				if err == nil {
					_, err = ask(s, "e", "f")
				}
				if grpcstatus.Code(err) != codes.Unavailable {
					t.Fatalf("the client gets %v", err)
				}
			}
			d.eventually("a count", func() bool { return d.server.Traffic().Refused[c.why] > 0 })
			d.eventually("a line", func() bool { return strings.Contains(d.log.String(), c.line) })
			if n := strings.Count(d.log.String(), "a client is refused"); n != 1 || !strings.Contains(d.log.String(), "client=127.0.0.1") {
				t.Errorf("%d lines, want 1 with the address:\n%s", n, d.log)
			}
			d.works(other, "e2", "f")
		})
	}
}

// A client whose certificate was not accepted is known by the names in it, until it gets in with
// another that has the same.
func TestANewCertificateTakesAClientOffTheList(t *testing.T) {
	d := newDoor(t, strictly(t, DefaultIdentity))
	name := spiffeName("f", "e")
	for range 2 {
		old := d.client(d.ca.IssueUntil(time.Now().Add(-time.Minute), name))
		if s, err := d.tryStream(old); err == nil {
			if _, err = ask(s, "e", "f"); err == nil {
				t.Fatal("an expired certificate is accepted")
			}
		}
	}
	d.eventually("it is listed by the name in its certificate", func() bool {
		list := d.server.RefusedClients()
		return len(list) == 1 && list[0].Times >= 2 && slices.Equal(list[0].Names, []string{name})
	})
	d.letsIn(d.named(spiffeName("f", "other")), "other", "f")
	if list := d.server.RefusedClients(); len(list) != 1 {
		t.Errorf("another client has got in, and the list is %+v", list)
	}
	d.letsIn(d.named(name), "e", "f")
	if list := d.server.RefusedClients(); len(list) != 0 {
		t.Errorf("it is in, and still on the list: %+v", list)
	}
}

// Connections that never begin are closed, and do not keep others out.
func TestHandshakesHaveAnEnd(t *testing.T) {
	for _, open := range []func(*testing.T, ...Option) *door{newDoor, newPlainDoor} {
		d := open(t, limited(func(l *Limits) { l.HandshakeTimeout, l.Handshakes = time.Second, 3 }))
		var slow []net.Conn
		for range 3 {
			conn, err := net.Dial("tcp", d.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			slow = append(slow, conn)
		}
		d.eventually("all are at their handshakes", func() bool { return d.server.Traffic().Handshakes == 3 })
		extra, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = extra.Close() }()
		closed(t, extra)
		d.eventually("one too many is told", func() bool { return d.server.Traffic().Refused[ForHandshakes] == 1 })
		for _, conn := range slow {
			closed(t, conn)
		}
		d.eventually("the others' end is told", func() bool { return d.server.Traffic().Refused[ForHandshakeTimeout] == 3 })
		if !strings.Contains(d.log.String(), "has not begun within 1s (--xds-handshake-timeout)") {
			t.Errorf("the log is %s", d.log)
		}
	}
}

// A health check of a load balancer, which connects and goes, is nobody's mistake.
func TestConnectingAndGoingIsNotTold(t *testing.T) {
	for _, open := range []func(*testing.T, ...Option) *door{newDoor, newPlainDoor} {
		d := open(t)
		for range 3 {
			conn, err := net.Dial("tcp", d.addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
		}
		good := func() { d.letsIn(d.client(), "e", "f") }
		if d.ca != nil {
			good = func() { d.letsIn(d.named("e"), "e", "f") }
		}
		good()
		d.eventually("nobody is at a handshake", func() bool { return d.server.Traffic().Handshakes == 0 })
		if strings.Contains(d.log.String(), "refused") || len(d.server.Traffic().Refused) > 0 {
			t.Errorf("it is told:\n%s", d.log)
		}
	}
}

// closed waits until the other side closes a connection.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("the connection stays open: %v", err)
	}
}
