package envoy

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// controlPlane is a small xDS server that hands out clusters and writes down what comes.
type controlPlane struct {
	clusters []*clusterv3.Cluster

	mu       sync.Mutex
	streams  []*discoveryv3.DeltaDiscoveryRequest // the first request of every ADS stream
	peers    []string                             // serial numbers of the client certificates, by stream
	loads    int                                  // load report streams
	families map[string][]string                  // stats by name: the clusters that they came for
	healthy  map[string]float64                   // membership_healthy by cluster
}

func (c *controlPlane) DeltaAggregatedResources(s discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	answered := map[string]bool{}
	for {
		r, err := s.Recv()
		if err != nil {
			return err
		}
		if len(answered) == 0 {
			c.mu.Lock()
			c.streams = append(c.streams, r)
			if p, ok := peer.FromContext(s.Context()); ok {
				if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
					c.peers = append(c.peers, info.State.PeerCertificates[0].SerialNumber.String())
				}
			}
			c.mu.Unlock()
		}
		if answered[r.TypeUrl] {
			continue
		}
		answered[r.TypeUrl] = true
		response := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: r.TypeUrl, Nonce: "1"}
		if strings.HasSuffix(r.TypeUrl, ".Cluster") {
			for _, cluster := range c.clusters {
				packed, err := anypb.New(cluster)
				if err != nil {
					return err
				}
				response.Resources = append(response.Resources,
					&discoveryv3.Resource{Name: cluster.Name, Version: "1", Resource: packed})
			}
		}
		if err := s.Send(response); err != nil {
			return err
		}
	}
}

func (c *controlPlane) StreamAggregatedResources(discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return errors.New("the bootstrap asks for the delta protocol")
}

func (c *controlPlane) StreamLoadStats(s loadv3.LoadReportingService_StreamLoadStatsServer) error {
	if _, err := s.Recv(); err != nil {
		return err
	}
	c.mu.Lock()
	c.loads++
	c.mu.Unlock()
	<-s.Context().Done()
	return nil
}

func (c *controlPlane) StreamMetrics(s metricsv3.MetricsService_StreamMetricsServer) error {
	for {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		c.mu.Lock()
		for _, f := range m.EnvoyMetrics {
			for _, metric := range f.Metric {
				cluster := ""
				for _, l := range metric.Label {
					if l.GetName() == "envoy.cluster_name" {
						cluster = l.GetValue()
					}
				}
				if !slices.Contains(c.families[f.GetName()], cluster) {
					c.families[f.GetName()] = append(c.families[f.GetName()], cluster)
				}
				if f.GetName() == "cluster.membership_healthy" {
					c.healthy[cluster] = metric.GetGauge().GetValue()
				}
			}
		}
		c.mu.Unlock()
	}
}

// serve runs the control plane on a listener until the test ends.
func (c *controlPlane) serve(t *testing.T, l net.Listener, options ...grpc.ServerOption) {
	t.Helper()
	c.families, c.healthy = map[string][]string{}, map[string]float64{}
	server := grpc.NewServer(append(options,
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: KeepaliveInterval / 2, PermitWithoutStream: true}))...)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, c)
	loadv3.RegisterLoadReportingServiceServer(server, c)
	metricsv3.RegisterMetricsServiceServer(server, c)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
}

func (c *controlPlane) has(test func() bool) func() bool {
	return func() bool { c.mu.Lock(); defer c.mu.Unlock(); return test() }
}

// startEnvoy runs an Envoy until the test ends.
func startEnvoy(t *testing.T, binary, path string) {
	t.Helper()
	var log lockedBuffer
	cmd := exec.Command(binary, "-c", path, "--disable-hot-restart", "--concurrency", "1")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
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
func (b *lockedBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func eventually(t *testing.T, what string, test func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if test() {
			return
		}
	}
	t.Fatalf("not within 30 s: %s", what)
}

// staticCluster has endpoints that nobody needs to answer on.
func staticCluster(t *testing.T, name string, endpoints int) *clusterv3.Cluster {
	t.Helper()
	locality := &endpointv3.LocalityLbEndpoints{}
	for i := range endpoints {
		addr, err := address(fmt.Sprintf("127.0.0.1:%d", 9+i))
		if err != nil {
			t.Fatal(err)
		}
		locality.LbEndpoints = append(locality.LbEndpoints, &endpointv3.LbEndpoint{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: addr}},
		})
	}
	return &clusterv3.Cluster{
		Name: name, ConnectTimeout: durationpb.New(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{locality},
		},
	}
}

// Whether a version has healthy endpoints is known only from these stats: they must arrive,
// under the cluster's name, and those of other clusters must not cost anything.
func TestMetricsOfVersionClustersArrive(t *testing.T) {
	const version, other = "shop/web/80/green~1a2b3c", "shop/other/80"
	dir := t.TempDir()
	socket := filepath.Join(dir, "xds.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	c := &controlPlane{clusters: []*clusterv3.Cluster{staticCluster(t, version, 2), staticCluster(t, other, 1)}}
	c.serve(t, l)
	startEnvoy(t, findEnvoy(t), writeBootstrap(t, dir, Options{
		NodeID: "gw-1", Fleet: "edge", Zone: "eu-1a", NodeName: "node-7",
		XDSAddress: "unix://" + socket, AdminAddress: "unix://" + filepath.Join(dir, "admin.sock"),
		StatsInterval: 100 * time.Millisecond,
	}))
	eventually(t, "membership_healthy of "+version+" is 2", c.has(func() bool { return c.healthy[version] == 2 }))
	eventually(t, "a load report stream", c.has(func() bool { return c.loads > 0 }))
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, clusters := range c.families {
		if slices.Contains(clusters, other) {
			t.Errorf("the stat %s of a cluster without versions is kept", name)
		}
	}
	if len(c.families["server.live"]) == 0 {
		t.Errorf("the stat server.live is missing; there are %d", len(c.families))
	}
	node := c.streams[0].Node
	if node.Id != "gw-1" || node.Cluster != "edge" || node.Locality.GetZone() != "eu-1a" ||
		node.Metadata.Fields[NodeNameKey].GetStringValue() != "node-7" {
		t.Errorf("the Envoy does not say who it is: %v", node)
	}
}

// Envoy must come back with a new certificate when the files are replaced: certificates are
// short-lived, Envoys are not.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t)
	o := Options{NodeID: "gw-1", Fleet: "edge", AdminAddress: "unix://" + filepath.Join(dir, "admin.sock"), TLS: &TLS{SecretDir: dir}}
	o.TLS.CA, o.TLS.Cert, o.TLS.Key = ca.write(t, dir, "gw-1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.XDSAddress = l.Addr().String()
	writeSecrets(t, o.TLS, o.XDSAddress)
	config := ca.server(t)
	c, tracked := &controlPlane{}, &trackedListener{Listener: l}
	c.serve(t, tracked, grpc.Creds(credentials.NewTLS(config)))
	startEnvoy(t, findEnvoy(t), writeBootstrap(t, dir, o))
	eventually(t, "Envoy connects over TLS", c.has(func() bool { return len(c.peers) > 0 }))
	c.mu.Lock()
	first := c.peers[0]
	c.mu.Unlock()
	ca.write(t, dir, "gw-1")
	eventually(t, "Envoy connects with the new certificate", func() bool {
		tracked.closeConnections()
		time.Sleep(300 * time.Millisecond)
		return c.has(func() bool { return c.peers[len(c.peers)-1] != first })()
	})
}

// trackedListener can close the connections that it has accepted.
type trackedListener struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *trackedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

func (l *trackedListener) closeConnections() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}
