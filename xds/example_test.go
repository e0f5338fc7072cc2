package xds_test

import (
	"context"
	"fmt"
	"log"
	"net"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/xds"
)

// A program that publishes resources of its own and serves Envoys. A client stands in for Envoy
// here; examples/library is the same for a real one.
func Example() {
	server := xds.NewServer(nil)
	g := grpc.NewServer(server.Options()...)
	server.Register(g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = g.Serve(l) }()
	defer g.Stop()

	web := resource.NewCollection(resource.Encoding{Audience: resource.OfFleet("web")})
	changes, err := web.Set(
		&clusterv3.Cluster{
			Name:                 "shop",
			ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: &corev3.ConfigSource{
				ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			}},
		},
		&endpointv3.ClusterLoadAssignment{ClusterName: "shop"},
		&routev3.RouteConfiguration{Name: "main", VirtualHosts: []*routev3.VirtualHost{{
			Name: "shop", Domains: []string{"shop.example.com"},
			Routes: []*routev3.Route{{
				Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
				Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "shop"}}},
			}},
		}}},
	)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range changes.Entries {
		fmt.Println(e.Key.Type, e.Key.Name, e.Key.Part, "sends to", e.Output.Clusters, "fetches", e.Output.Fetches)
	}
	server.Apply(changes)

	fmt.Println("gw-1 gets", clustersOf(l.Addr().String(), "gw-1", "web"))
	for _, envoy := range server.Fleet() {
		fmt.Println(envoy.ID, "of", envoy.Node.Fleet)
	}
	// Output:
	// cluster shop  sends to [] fetches [{endpoint shop}]
	// endpoint shop  sends to [] fetches []
	// route main  sends to [] fetches []
	// route main shop sends to [{shop false}] fetches []
	// gw-1 gets [shop]
	// gw-1 of web
}

// clustersOf asks as an Envoy does, and stays connected for as long as the program runs.
func clustersOf(address, id, fleet string) (names []string) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: id, Cluster: fleet}, TypeUrl: resource.Cluster.URL(), ResourceNamesSubscribe: []string{resource.All},
	}); err != nil {
		log.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range response.Resources {
		names = append(names, r.Name)
	}
	return names
}

// Whoever encodes resources by themselves says what is in them: bytes, the clusters that traffic
// is sent to, and what Envoy fetches because of them. The bytes must be the same each time.
func ExampleServer_Apply() {
	server := xds.NewServer(nil)
	number := server.Apply(resource.ChangeSet{Entries: []resource.Entry{
		{
			Key: resource.Key{Type: resource.Cluster, Name: "shop"}, // for every Envoy
			Output: &resource.Output{
				Bytes:   []byte("\x0a\x04shop"), // Cluster{name: "shop"}
				Fetches: []resource.Ref{{Type: resource.Endpoint, Name: "shop"}},
			},
		},
		{Key: resource.Key{Type: resource.Cluster, Name: "old"}}, // is gone
	}})
	fmt.Println("change", number)
	// Output: change 1
}
