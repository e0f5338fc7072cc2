package xds

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/resource"
)

func spiffeName(fleet, node string) string {
	return "spiffe://example.org/gateway-cp/fleet/" + fleet + "/node/" + node
}

func strictly(t *testing.T, patterns ...string) Option {
	t.Helper()
	rule, err := ParseIdentity(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return WithIdentity(rule)
}

// An Envoy may claim what its certificate carries, and nothing else.
func TestCertificatesSayWhoIsWho(t *testing.T) {
	d := newDoor(t, strictly(t, "spiffe://example.org/gateway-cp/fleet/{fleet}/node/{node}", "{node}.{fleet}.envoys.example.com"))
	spiffe, dns := d.named(spiffeName("edge", "gw-1")), d.named("gw-2.edge.envoys.example.com")
	d.letsIn(spiffe, "gw-1", "edge")
	d.letsIn(dns, "gw-2", "edge")
	d.refuses(spiffe, "gw-2", "edge", codes.PermissionDenied, ForOtherIdentity, `its certificate is for spiffe://example.org/gateway-cp/fleet/edge/node/gw-1`)
	d.refuses(spiffe, "gw-1", "core", codes.PermissionDenied, ForOtherIdentity, `says that it is node "gw-1" of fleet "core"`)
	d.refuses(dns, "gw-1", "edge", codes.PermissionDenied, ForOtherIdentity, "its certificate is for gw-2.edge")
	d.refuses(d.named("envoy.example.com"), "gw-1", "edge", codes.PermissionDenied, ForNoCertifiedName,
		"carries no fleet and node: it has envoy.example.com, and one must be like spiffe://example.org")
	d.refuses(d.named("spiffe://other.org/gateway-cp/fleet/edge/node/gw-1"), "gw-1", "edge", codes.PermissionDenied, ForNoCertifiedName, "other.org")

	status := d.server.Fleet()
	i := slices.IndexFunc(status, func(e EnvoyStatus) bool { return e.ID == "gw-1" })
	if c := status[i].Certificate; c.Name != spiffeName("edge", "gw-1") || time.Until(c.Expires) <= 0 {
		t.Errorf("the status shows the certificate %+v", c)
	}
	for _, r := range d.server.RefusedClients() {
		if r.Address != "127.0.0.1" || r.Times == 0 || r.Message == "" || len(r.Names) != 1 {
			t.Errorf("the refused client is %+v", r)
		}
	}
}

// Without a rule, certificates that carry the usual name are held to it; others are believed.
func TestWithoutARuleOtherCertificatesAreBelieved(t *testing.T) {
	d := newDoor(t)
	d.letsIn(d.named("envoy.example.com"), "gw-1", "edge")
	bound := d.named(spiffeName("edge", "gw-2"))
	d.letsIn(bound, "gw-2", "edge")
	d.refuses(bound, "gw-3", "edge", codes.PermissionDenied, ForOtherIdentity, "gw-2")
}

// Load reports and metrics decide on rollouts: they are not taken from somebody else.
func TestReportsComeFromWhoTheyAreOf(t *testing.T) {
	d := newDoor(t, strictly(t, DefaultIdentity))
	conn := d.named(spiffeName("edge", "gw-1"))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	other := &corev3.Node{Id: "gw-2", Cluster: "edge"}

	loads, err := loadv3.NewLoadReportingServiceClient(conn).StreamLoadStats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = loads.Send(&loadv3.LoadStatsRequest{Node: other})
	_, err = loads.Recv()
	d.refused(err, 0, codes.PermissionDenied, ForOtherIdentity, "gw-2")

	metrics, err := metricsv3.NewMetricsServiceClient(conn).StreamMetrics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = metrics.Send(&metricsv3.StreamMetricsMessage{Identifier: &metricsv3.StreamMetricsMessage_Identifier{Node: other}})
	_, err = metrics.CloseAndRecv()
	d.refused(err, 1, codes.PermissionDenied, ForOtherIdentity, "gw-2")
}

func TestMissingAndImpossibleIdentities(t *testing.T) {
	d := newPlainDoor(t)
	conn := d.client()
	d.refuses(conn, "", "edge", codes.InvalidArgument, ForMissingIdentity, "no node.id; give the client a unique name")
	d.refuses(conn, "gw-1", "", codes.InvalidArgument, ForMissingIdentity, "no node.cluster; it names the Fleet")
	d.refuses(conn, strings.Repeat("x", 300), "edge", codes.InvalidArgument, ForInvalidIdentity, "node.id has 300 bytes")
	d.refuses(conn, "gw\n1", "edge", codes.InvalidArgument, ForInvalidIdentity, `"gw\n1" has characters`)

	s := d.letsIn(conn, "gw-1", "edge")
	_, err := ask(s, "gw-2", "edge")
	d.refused(err, 2, codes.InvalidArgument, ForInvalidIdentity, `began as node "gw-1" of fleet "edge"`)
}

// A client that is refused again and again is one line and one entry; when it gets in, it is
// off the list.
func TestRefusedClientsAreNotRepeated(t *testing.T) {
	d := newPlainDoor(t)
	d.server.SetFleets([]string{"default"})
	d.server.Apply(resource.ChangeSet{})
	conn := d.client()
	for range 5 {
		d.refuses(conn, "gw-1", "edge", codes.NotFound, ForUnknownFleet, `there is no Fleet "edge"`)
	}
	if n := strings.Count(d.log.String(), "a client is refused"); n != 1 {
		t.Errorf("%d lines, want 1:\n%s", n, d.log)
	}
	list := d.server.RefusedClients()
	if len(list) != 1 || list[0].Times != 5 || list[0].ID != "gw-1" || list[0].Fleet != "edge" {
		t.Errorf("the list is %+v", list)
	}
	if !d.server.RefusalsChanged() {
		t.Error("nobody is told that there is a problem")
	}
	d.server.SetFleets([]string{"default", "edge"})
	d.server.Apply(resource.ChangeSet{})
	d.letsIn(conn, "gw-1", "edge")
	if list := d.server.RefusedClients(); len(list) != 0 {
		t.Errorf("it is in, and still on the list: %+v", list)
	}
}

// Clients of one address that have not said who they are are told apart by the names in their certificates.
func TestRefusedCertificatesAreToldApart(t *testing.T) {
	now := time.Now()
	l := newRefusedClients(newPlainDoor(t).server.log, func() time.Time { return now }, func() {})
	l.note(RefusedClient{Address: "10.0.0.1", Names: []string{"edge-2"}, For: ForClientCertificate, Message: "it has expired"})
	for i := range 10 * maxCertificates {
		l.note(RefusedClient{Address: "10.0.0.1", Names: []string{fmt.Sprint("stranger-", i)}, For: ForClientCertificate, Message: "another CA"})
	}
	list := l.list(time.Hour)
	if len(list) != maxCertificates+1 {
		t.Errorf("%d are remembered, want %d and one for the rest", len(list), maxCertificates)
	}
	if !slices.ContainsFunc(list, func(r RefusedClient) bool {
		return r.Message == "it has expired" && r.Names[0] == "edge-2" && r.Times == 1
	}) {
		t.Errorf("the one that has expired is not told of: %+v", list)
	}
	l.in("gw-2", []string{"edge-2"})
	if len(l.list(time.Hour)) != maxCertificates {
		t.Error("it is in, and still on the list")
	}
}

// The words of strangers take no more than a little room, however many there are.
func TestRefusedClientsAreBounded(t *testing.T) {
	now := time.Now()
	l := newRefusedClients(newPlainDoor(t).server.log, func() time.Time { return now }, func() {})
	for i := range 10 * maxRefused {
		now = now.Add(time.Millisecond)
		l.note(RefusedClient{ID: fmt.Sprint("id-", i, strings.Repeat("x", 4000)), For: ForUnknownFleet})
	}
	list := l.list(time.Hour)
	if len(list) != maxRefused || l.counts[ForUnknownFleet] != 10*maxRefused {
		t.Errorf("%d are remembered of %d", len(list), l.counts[ForUnknownFleet])
	}
	for _, r := range list {
		if len(r.ID) > maxName+len("…") {
			t.Fatalf("an id of %d bytes is remembered", len(r.ID))
		}
	}
	now = now.Add(2 * time.Hour)
	if list := l.list(time.Hour); len(list) != 0 {
		t.Errorf("%d are remembered for ever", len(list))
	}
}

// A fleet that goes takes nothing away: its Envoys are told that they are refused, before
// they could be told that all they have is gone; and when it is there again they go on.
func TestEnvoysOfAFleetThatGoesKeepWhatTheyHave(t *testing.T) {
	d := newPlainDoor(t)
	d.server.SetFleets([]string{"default", "f"})
	d.server.Apply(resource.ChangeSet{Entries: []resource.Entry{listener("l")}})
	other := d.letsIn(d.client(), "other", "default")

	s := d.stream(d.client())
	first := &discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "e", Cluster: "f"}, TypeUrl: resource.Listener.URL()}
	if err := s.Send(first); err != nil {
		t.Fatal(err)
	}
	r, err := s.Recv()
	if err != nil || len(r.Resources) != 1 {
		t.Fatalf("got %v, %v", r, err)
	}
	version := r.Resources[0].Version
	if err := s.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce}); err != nil {
		t.Fatal(err)
	}
	d.server.SetFleets([]string{"default"})
	d.server.Apply(resource.ChangeSet{Entries: []resource.Entry{gone(key(resource.Listener, "l"))}})
	for {
		r, err := s.Recv()
		if err != nil {
			if grpcstatus.Code(err) != codes.NotFound {
				t.Errorf("the stream ends with %v", err)
			}
			break
		}
		if len(r.RemovedResources) > 0 {
			t.Fatalf("its listener is taken away: %v", r)
		}
	}
	if _, err := ask(other, "other", "default"); err != nil {
		t.Errorf("an Envoy of another fleet is disturbed: %v", err)
	}

	// While the fleet and its resources come back there is no moment at which there is one
	// without the other.
	again := make(chan []string, 1)
	go func() {
		for {
			s := d.stream(d.client())
			_ = s.Send(&discoveryv3.DeltaDiscoveryRequest{
				Node: first.Node, TypeUrl: resource.Listener.URL(), InitialResourceVersions: map[string]string{"l": version},
			})
			r, err := s.Recv()
			if grpcstatus.Code(err) == codes.NotFound {
				continue
			}
			again <- r.GetRemovedResources()
			return
		}
	}()
	d.server.SetFleets([]string{"default", "f"})
	d.server.Apply(resource.ChangeSet{Entries: []resource.Entry{listener("l")}})
	if removed := <-again; len(removed) > 0 {
		t.Errorf("%v is taken away when the fleet comes back", removed)
	}
}
