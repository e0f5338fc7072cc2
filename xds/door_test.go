package xds

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
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
	"github.com/gateway-cp/gateway-cp/test/certs"
)

// door is a server with credentials, and what it has logged.
type door struct {
	*testing.T
	server *Server
	addr   string
	log    *lockedBuffer
	ca     *certs.CA // nil without TLS
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
	d := &door{T: t, ca: certs.New(t)}
	d.open(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{d.ca.Issue("cp")},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: d.ca.Pool(),
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
		creds = credentials.NewTLS(&tls.Config{RootCAs: d.ca.Pool(), ServerName: "cp", Certificates: certificates})
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
	return d.client(d.ca.Issue(name))
}

type deltaStream = discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient

// stream opens a stream that lives as long as the test.
func (d *door) stream(conn *grpc.ClientConn) deltaStream {
	d.Helper()
	s, err := d.tryStream(conn)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// tryStream opens a stream on a connection that may not come about.
func (d *door) tryStream(conn *grpc.ClientConn) (deltaStream, error) {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	d.Cleanup(cancel)
	return discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
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
