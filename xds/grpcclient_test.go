package xds

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/xds"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gateway-cp/gateway-cp/resource"
)

// greeter is a gRPC server that counts its calls.
type greeter struct {
	healthpb.UnimplementedHealthServer
	port  int
	calls atomic.Int64
}

func (g *greeter) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	g.calls.Add(1)
	return &healthpb.HealthCheckResponse{}, nil
}

func newGreeter(t *testing.T) *greeter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &greeter{port: l.Addr().(*net.TCPAddr).Port}
	s := grpc.NewServer()
	healthpb.RegisterHealthServer(s, g)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return g
}

func anyOf(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var ads = &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}

// grpcTarget is a listener named "greeter" with its routes by name.
func grpcTarget(t *testing.T) []resource.Entry {
	t.Helper()
	hcm := &hcmv3.HttpConnectionManager{
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: "routes", ConfigSource: ads}},
		HttpFilters: []*hcmv3.HttpFilter{{
			Name: "router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: anyOf(t, &routerv3.Router{})},
		}},
	}
	return []resource.Entry{
		entry(key(resource.Listener, "greeter"), &listenerv3.Listener{
			Name: "greeter", ApiListener: &listenerv3.ApiListener{ApiListener: anyOf(t, hcm)},
		}, resource.Output{Fetches: []resource.Ref{{Type: resource.Route, Name: "routes"}}}),
		entry(key(resource.Route, "routes"), &routev3.RouteConfiguration{Name: "routes"}, resource.Output{}),
	}
}

func grpcRoute(cluster string) resource.Entry {
	k := key(resource.Route, "routes")
	k.Part = "greeter"
	return entry(k, &routev3.RouteConfiguration{VirtualHosts: []*routev3.VirtualHost{{
		Name: "greeter", Domains: []string{"greeter"},
		Routes: []*routev3.Route{{
			Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: ""}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster}}},
		}},
	}}}, resource.Output{Clusters: []resource.ClusterRef{{Name: cluster}}})
}

func grpcCluster(name string, port int) []resource.Entry {
	return []resource.Entry{
		entry(key(resource.Cluster, name), &clusterv3.Cluster{
			Name:                 name,
			ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads},
		}, resource.Output{Fetches: []resource.Ref{{Type: resource.Endpoint, Name: name}}}),
		entry(key(resource.Endpoint, name), &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{
				Locality:            &corev3.Locality{Zone: "z"},
				LoadBalancingWeight: wrapperspb.UInt32(1),
				LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
					Endpoint: &endpointv3.Endpoint{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
						SocketAddress: &corev3.SocketAddress{
							Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
						},
					}}},
				}}},
			}},
		}, resource.Output{}),
	}
}

// gRPC's own client names what it wants, clusters too, and fetches them when it has the route.
func TestGRPCsOwnClient(t *testing.T) {
	f := newFixture(t)
	blue, green := newGreeter(t), newGreeter(t)
	f.apply(append(append(grpcTarget(t), grpcCluster("blue", blue.port)...), grpcRoute("blue"))...)

	resolver, err := xds.NewXDSResolverWithConfigForTesting(fmt.Appendf(nil, `{
		"xds_servers": [{"server_uri": %q, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
		"node": {"id": "grpc", "cluster": "f"}
	}`, f.addr))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("xds:///greeter", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithResolvers(resolver))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := healthpb.NewHealthClient(conn)
	try := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		return err
	}
	call := func() {
		t.Helper()
		if err := try(); err != nil {
			t.Fatalf("%v; the fleet is %+v", err, f.server.Fleet())
		}
	}
	call()
	if blue.calls.Load() != 1 {
		t.Error("blue was not called")
	}
	f.apply(append(grpcCluster("green", green.port), grpcRoute("green"))...)
	f.eventually("calls go to green", func() bool {
		// gRPC may choose by a new route before its balancer has heard of the cluster:
		// "unknown cluster selected for RPC".
		if err := try(); err != nil && status.Code(err) != codes.Unavailable {
			t.Fatal(err)
		}
		return green.calls.Load() > 10
	})
	f.apply(gone(key(resource.Cluster, "blue")), gone(key(resource.Endpoint, "blue")))
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		call()
	}
	if e := f.envoy(); e.ID != "grpc" || e.Protocol != "sotw" || len(e.Refused) > 0 {
		t.Errorf("%+v", e)
	}
}
