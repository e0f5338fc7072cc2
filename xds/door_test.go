package xds

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/resource"
)

// authority issues certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "a CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(template, template, a.key, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template, parent *x509.Certificate, of, by *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, of.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue gives a certificate with a name, valid until a time.
func (a *authority) issue(name string, until time.Time, usage ...x509.ExtKeyUsage) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if len(usage) > 0 {
		template.ExtKeyUsage = usage
	}
	if u, err := url.Parse(name); err == nil && u.Scheme != "" {
		template.URIs = []*url.URL{u}
	} else if name != "" {
		template.DNSNames = []string{name}
	}
	key := newKey(a.t)
	c := a.sign(template, a.cert, key, a.key)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

// door is a server with credentials, and what it has logged.
type door struct {
	*testing.T
	server *Server
	addr   string
	log    *lockedBuffer
	ca     *authority // nil without TLS
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newDoor starts a server with TLS.
func newDoor(t *testing.T, options ...Option) *door {
	t.Helper()
	d := &door{T: t, ca: newAuthority(t)}
	d.open(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{d.ca.issue("cp", time.Now().Add(time.Hour))},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: d.ca.pool(),
	}), options...)
	return d
}

// newPlainDoor starts one without.
func newPlainDoor(t *testing.T, options ...Option) *door {
	t.Helper()
	d := &door{T: t}
	d.open(insecure.NewCredentials(), options...)
	return d
}

func (d *door) open(c credentials.TransportCredentials, options ...Option) {
	d.Helper()
	d.log = &lockedBuffer{}
	d.server = NewServer(slog.New(slog.NewTextHandler(d.log, nil)), options...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.Fatal(err)
	}
	g := grpc.NewServer(append(d.server.Options(), grpc.Creds(d.server.Credentials(c)))...)
	d.server.Register(g)
	go func() { _ = g.Serve(l) }()
	d.Cleanup(g.Stop)
	d.addr = l.Addr().String()
}

// client is a connection with a certificate, or without.
func (d *door) client(certificates ...tls.Certificate) *grpc.ClientConn {
	d.Helper()
	creds := insecure.NewCredentials()
	if d.ca != nil {
		creds = credentials.NewTLS(&tls.Config{RootCAs: d.ca.pool(), ServerName: "cp", Certificates: certificates})
	}
	return d.clientWith(creds)
}

func (d *door) clientWith(creds credentials.TransportCredentials, options ...grpc.DialOption) *grpc.ClientConn {
	d.Helper()
	conn, err := grpc.NewClient(d.addr, append(options, grpc.WithTransportCredentials(creds))...)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = conn.Close() })
	return conn
}

// named is a client whose certificate has a name.
func (d *door) named(name string) *grpc.ClientConn {
	d.Helper()
	return d.client(d.ca.issue(name, time.Now().Add(time.Hour)))
}

type deltaStream = discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient

// stream opens a stream that lives as long as the test.
func (d *door) stream(conn *grpc.ClientConn) deltaStream {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	d.Cleanup(cancel)
	s, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

var asked atomic.Int64

// ask sends the request of an Envoy for something that is not there, and gives what comes back.
func ask(s deltaStream, id, fleet string) (*discoveryv3.DeltaDiscoveryResponse, error) {
	_ = s.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: id, Cluster: fleet}, TypeUrl: resource.Secret.URL(), ResourceNamesSubscribe: []string{fmt.Sprint("nothing ", asked.Add(1))},
	}) // an error comes with Recv
	return s.Recv()
}

// letsIn checks that an Envoy gets an answer.
func (d *door) letsIn(conn *grpc.ClientConn, id, fleet string) deltaStream {
	d.Helper()
	s := d.stream(conn)
	r, err := ask(s, id, fleet)
	if err != nil {
		d.Fatalf("node %q of fleet %q is refused: %v", id, fleet, err)
	}
	if err := s.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce}); err != nil {
		d.Fatal(err)
	}
	return s
}

// refuses checks that a client is told a status, and that it is counted and logged.
func (d *door) refuses(conn *grpc.ClientConn, id, fleet string, code codes.Code, why RefusedFor, message string) {
	d.Helper()
	before := d.server.Traffic().Refused[why]
	_, err := ask(d.stream(conn), id, fleet)
	d.refused(err, before, code, why, message)
}

func (d *door) refused(err error, before uint64, code codes.Code, why RefusedFor, message string) {
	d.Helper()
	if grpcstatus.Code(err) != code || !strings.Contains(err.Error(), message) {
		d.Fatalf("got %v, want %s with %q", err, code, message)
	}
	d.eventually("a count of "+string(why), func() bool { return d.server.Traffic().Refused[why] > before })
	d.eventually("a line", func() bool { return strings.Contains(d.log.String(), "reason="+string(why)) })
}

func (d *door) eventually(what string, check func() bool) {
	d.Helper()
	for end := time.Now().Add(patience); !check(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			d.Fatalf("%s does not come true; the log is\n%s", what, d.log)
		}
	}
}
