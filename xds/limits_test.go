package xds

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/resource"
)

// limited gives the default limits with a change.
func limited(change func(*Limits)) Option {
	l := DefaultLimits()
	change(&l)
	return WithLimits(l)
}

// works checks that a stream which is in still gets answers.
func (d *door) works(s deltaStream, id, fleet string) {
	d.Helper()
	r, err := ask(s, id, fleet)
	if err != nil {
		d.Fatalf("%s, which is within the limits, is disturbed: %v", id, err)
	}
	_ = s.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
}

func TestLimitsAreChecked(t *testing.T) {
	if err := DefaultLimits().Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Limits){
		"clients: must not be":       func(l *Limits) { l.Clients = -1 },
		"handshakes: must not be":    func(l *Limits) { l.Handshakes = -1 },
		"request burst: must be":     func(l *Limits) { l.RequestBurst = 0 },
		"keepalive timeout: must be": func(l *Limits) { l.KeepaliveTimeout = 0 },
		"connection age: must not":   func(l *Limits) { l.ConnectionAge = -1 },
	} {
		l := DefaultLimits()
		change(&l)
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	d := newPlainDoor(t, WithLimits(Limits{
		HandshakeTimeout: time.Minute, FirstRequestTimeout: time.Minute, AnswerTimeout: time.Minute, IdleTimeout: time.Minute,
		KeepaliveTime: time.Minute, KeepaliveTimeout: time.Minute, ConnectionGrace: time.Minute,
	}))
	d.works(d.letsIn(d.client(), "without limits", "f"), "without limits", "f")
}

func TestClientsAreLimited(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.Clients = 2 }))
	first, second, third := d.client(), d.client(), d.client()
	one := d.letsIn(first, "e1", "f")
	d.letsIn(second, "e2", "f")
	d.refuses(third, "e3", "f", codes.ResourceExhausted, ForClients, "2 clients are connected, as many as are served (--xds-max-clients)")
	d.works(one, "e1", "f")
	d.letsIn(first, "e1", "f") // another stream of a client that is in
	_ = second.Close()
	d.eventually("the second client is gone", func() bool { return d.server.Traffic().Clients == 1 })
	d.letsIn(third, "e3", "f")
}

func TestStreamsAreLimited(t *testing.T) {
	d := newDoor(t, limited(func(l *Limits) { l.StreamsPerClient = 2 }))
	cert := d.ca.Issue(spiffeName("f", "e1"))
	conn, again := d.client(cert), d.client(cert)
	one := d.letsIn(conn, "e1", "f")
	d.letsIn(again, "e1", "f") // a certificate that names a node is one client, however often it connects
	for _, from := range []*grpc.ClientConn{conn, again} {
		d.refuses(from, "e1", "f", codes.ResourceExhausted, ForStreams, "has 2 streams open, as many as one may have (--xds-max-streams)")
	}
	d.works(one, "e1", "f")
	d.letsIn(d.named(spiffeName("f", "e2")), "e2", "f")
}

func TestSizeOfRequestsIsLimited(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.RequestBytes = 1000 }))
	other := d.letsIn(d.client(), "e2", "f")
	s := d.letsIn(d.client(), "e1", "f")
	_ = s.Send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: resource.Secret.URL(), ResourceNamesSubscribe: []string{strings.Repeat("x", 1000)},
	})
	_, err := s.Recv()
	d.refused(err, 0, codes.ResourceExhausted, ForRequestBytes, "received message larger than max (1073 vs. 1000)") // gRPC's own words
	if !strings.Contains(d.log.String(), "larger than 1000 bytes (--xds-max-request-bytes)") {
		t.Errorf("the log does not name the limit:\n%s", d.log)
	}
	d.works(other, "e2", "f")
}

func TestSubscriptionsAreLimited(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.Subscriptions = 3 }))
	other := d.letsIn(d.client(), "e2", "f")
	subscribe := func(s deltaStream, names, drop []string) (*discoveryv3.DeltaDiscoveryResponse, error) {
		_ = s.Send(&discoveryv3.DeltaDiscoveryRequest{
			Node: &corev3.Node{Id: "e1", Cluster: "f"}, TypeUrl: resource.Secret.URL(),
			ResourceNamesSubscribe: names, ResourceNamesUnsubscribe: drop,
		})
		r, err := s.Recv()
		if err == nil {
			_ = s.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
		}
		return r, err
	}
	_, err := subscribe(d.stream(d.client()), []string{"a", "b", "c", "d"}, nil)
	d.refused(err, 0, codes.ResourceExhausted, ForSubscriptions, "subscribes to 4 names, more than 3 (--xds-max-subscriptions)")

	s := d.stream(d.client())
	for _, step := range [][2][]string{{{"a", "b"}, nil}, {{"c"}, nil}, {{"d"}, {"a"}}} {
		if _, err := subscribe(s, step[0], step[1]); err != nil {
			t.Fatalf("%v, three names in all: %v", step, err)
		}
	}
	_, err = subscribe(s, []string{"e"}, nil)
	d.refused(err, 1, codes.ResourceExhausted, ForSubscriptions, "subscribes to 4 names")
	d.works(other, "e2", "f")
}

// A client that asks faster than it may waits; one that goes on is refused. Answers to what it
// was sent do not count.
func TestRateOfRequestsIsLimited(t *testing.T) {
	var ahead atomic.Int64
	d := newPlainDoor(t, limited(func(l *Limits) { l.RequestRate, l.RequestBurst = 1, 2 }), func(s *Server) {
		s.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s := d.letsIn(d.client(), "e1", "f") // one request, and one answer
	d.works(s, "e1", "f")
	if n := d.server.Traffic().Slowed; n != 0 {
		t.Errorf("%d requests had to wait before the limit", n)
	}
	other := d.letsIn(d.client(), "e2", "f")
	d.works(s, "e1", "f")
	if n := d.server.Traffic().Slowed; n != 1 {
		t.Errorf("%d requests had to wait, want 1", n)
	}
	ahead.Store(int64(PatienceWithRate + time.Second))
	_, err := ask(s, "e1", "f")
	d.refused(err, 0, codes.ResourceExhausted, ForRequestRate, "more than 1 messages a second for 1m0s (--xds-request-rate)")
	d.works(other, "e2", "f")
}

func TestAStreamMustSaySomething(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.FirstRequestTimeout = 200 * time.Millisecond }))
	other := d.letsIn(d.client(), "e2", "f")
	_, err := d.stream(d.client()).Recv()
	d.refused(err, 0, codes.DeadlineExceeded, ForNoRequest, "no message came within 200ms")
	d.works(other, "e2", "f")
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.IdleTimeout = 100 * time.Millisecond }))
	other := d.letsIn(d.client(), "e2", "f")
	conn := d.client()
	conn.Connect()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seen := []connectivity.State{conn.GetState()}
	for seen[len(seen)-1] != connectivity.Idle || len(seen) < 3 {
		if !conn.WaitForStateChange(ctx, seen[len(seen)-1]) {
			t.Fatalf("it stays open: %v", seen)
		}
		seen = append(seen, conn.GetState())
	}
	d.works(other, "e2", "f")
}

// A client whose machine or network is gone without a word is noticed.
func TestAHalfOpenConnectionIsClosed(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.KeepaliveTime, l.KeepaliveTimeout = time.Second, 200*time.Millisecond }))
	other := d.letsIn(d.client(), "e2", "f")
	wire := &wire{to: d.addr}
	conn := d.clientWith(insecure.NewCredentials(), wire.dialer())
	d.letsIn(conn, "e1", "f")
	wire.cut()
	d.eventually("the server has noticed", func() bool { return d.server.Traffic().Streams == 1 })
	d.works(other, "e2", "f")
}

// A client that begins a request and does not finish it is asked for a sign of life like any
// other: bytes alone are none.
func TestSlowHeadersDoNotKeepAConnection(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.KeepaliveTime, l.KeepaliveTimeout = time.Second, 200*time.Millisecond }))
	conn, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}
	headers := []byte{0, 0, 200, 1, 0, 0, 0, 0, 1} // of 200 bytes that never come in full
	if _, err := conn.Write(append(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings...), headers...)); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for buffer := make([]byte, 1000); ; {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		select {
		case <-gone:
			return
		case <-tick.C:
			_, _ = conn.Write([]byte{0}) // 200 of them would take as many ticks
		case <-end:
			t.Fatal("the connection stays open")
		}
	}
}

// A connection that is old ends in order, and the Envoy goes on where it was on a new one.
func TestOldConnectionsEnd(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.ConnectionAge, l.ConnectionGrace = 300*time.Millisecond, 100*time.Millisecond }))
	d.server.Apply(resource.ChangeSet{Entries: []resource.Entry{listener("l")}})
	conn, node := d.client(), &corev3.Node{Id: "e", Cluster: "f"}
	versions := map[string]string{}
	for round := range 3 {
		s := d.stream(conn)
		_ = s.Send(&discoveryv3.DeltaDiscoveryRequest{Node: node, TypeUrl: resource.Listener.URL(), InitialResourceVersions: versions})
		for {
			r, err := s.Recv()
			if err != nil {
				if grpcstatus.Code(err) != codes.Unavailable {
					t.Fatalf("the connection ends with %v", err)
				}
				break
			}
			if round > 0 && (len(r.Resources) > 0 || len(r.RemovedResources) > 0) {
				t.Fatalf("on a new connection it is sent %v, though nothing has changed", r)
			}
			for _, res := range r.Resources {
				versions[res.Name] = res.Version
			}
			_ = s.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
		}
	}
	if len(versions) != 1 {
		t.Errorf("it has %v", versions)
	}
	if n := d.server.Traffic().Refused; len(n) != 0 {
		t.Errorf("that counts as refused: %v", n)
	}
}

func TestTrafficTellsTheLimits(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.Clients = 7 }))
	d.letsIn(d.client(), "e1", "f")
	traffic := d.server.Traffic()
	if traffic.Clients != 1 || traffic.Streams != 1 || traffic.Handshakes != 0 || traffic.Limits.Clients != 7 || traffic.Expired != 0 {
		t.Errorf("got %+v", traffic)
	}
}

// A client that comes under one made-up id after the other takes no more than a fleet does that
// has gone: who was here last is remembered.
func TestMadeUpIDsAreForgotten(t *testing.T) {
	d := newPlainDoor(t, limited(func(l *Limits) { l.Clients = 3 }))
	conn := d.client()
	for i := range 10 {
		id := fmt.Sprintf("e%d", i)
		s := d.letsIn(conn, id, "f")
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		d.eventually(id+" is gone", func() bool {
			return slices.ContainsFunc(d.server.Fleet(), func(e EnvoyStatus) bool { return e.ID == id && !e.Connected })
		})
	}
	var ids []string
	for _, e := range d.server.Fleet() {
		ids = append(ids, e.ID)
	}
	if want := []string{"e7", "e8", "e9"}; !slices.Equal(ids, want) {
		t.Errorf("remembered are %v, want %v", ids, want)
	}
}
