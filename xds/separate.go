package xds

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"

	"github.com/gateway-cp/gateway-cp/resource"
)

// The services of a single type each, for clients without ADS. Every stream has a session of
// its own. So the rules of the protocol hold, but there is no order between types: a route may
// come before its cluster. Only an aggregated stream can promise that.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations

type (
	clusterService struct {
		clusterv3.UnimplementedClusterDiscoveryServiceServer
		*Server
	}
	endpointService struct {
		endpointv3.UnimplementedEndpointDiscoveryServiceServer
		*Server
	}
	secretService struct {
		secretv3.UnimplementedSecretDiscoveryServiceServer
		*Server
	}
	listenerService struct {
		listenerv3.UnimplementedListenerDiscoveryServiceServer
		*Server
	}
	scopeService struct {
		routev3.UnimplementedScopedRoutesDiscoveryServiceServer
		*Server
	}
	routeService struct {
		routev3.UnimplementedRouteDiscoveryServiceServer
		*Server
	}
	virtualHostService struct {
		routev3.UnimplementedVirtualHostDiscoveryServiceServer
		*Server
	}
)

func (s *Server) registerSeparate(g grpc.ServiceRegistrar) {
	clusterv3.RegisterClusterDiscoveryServiceServer(g, clusterService{Server: s})
	endpointv3.RegisterEndpointDiscoveryServiceServer(g, endpointService{Server: s})
	secretv3.RegisterSecretDiscoveryServiceServer(g, secretService{Server: s})
	listenerv3.RegisterListenerDiscoveryServiceServer(g, listenerService{Server: s})
	routev3.RegisterScopedRoutesDiscoveryServiceServer(g, scopeService{Server: s})
	routev3.RegisterRouteDiscoveryServiceServer(g, routeService{Server: s})
	routev3.RegisterVirtualHostDiscoveryServiceServer(g, virtualHostService{Server: s})
}

func (s *Server) serveOnly(stream grpc.ServerStream, p protocol, t resource.Type) error {
	return s.serve(stream, p, &t)
}

func (s clusterService) DeltaClusters(stream clusterv3.ClusterDiscoveryService_DeltaClustersServer) error {
	return s.serveOnly(stream, delta{}, resource.Cluster)
}

func (s clusterService) StreamClusters(stream clusterv3.ClusterDiscoveryService_StreamClustersServer) error {
	return s.serveOnly(stream, sotw{}, resource.Cluster)
}

func (s endpointService) DeltaEndpoints(stream endpointv3.EndpointDiscoveryService_DeltaEndpointsServer) error {
	return s.serveOnly(stream, delta{}, resource.Endpoint)
}

func (s endpointService) StreamEndpoints(stream endpointv3.EndpointDiscoveryService_StreamEndpointsServer) error {
	return s.serveOnly(stream, sotw{}, resource.Endpoint)
}

func (s secretService) DeltaSecrets(stream secretv3.SecretDiscoveryService_DeltaSecretsServer) error {
	return s.serveOnly(stream, delta{}, resource.Secret)
}

func (s secretService) StreamSecrets(stream secretv3.SecretDiscoveryService_StreamSecretsServer) error {
	return s.serveOnly(stream, sotw{}, resource.Secret)
}

func (s listenerService) DeltaListeners(stream listenerv3.ListenerDiscoveryService_DeltaListenersServer) error {
	return s.serveOnly(stream, delta{}, resource.Listener)
}

func (s listenerService) StreamListeners(stream listenerv3.ListenerDiscoveryService_StreamListenersServer) error {
	return s.serveOnly(stream, sotw{}, resource.Listener)
}

func (s scopeService) DeltaScopedRoutes(stream routev3.ScopedRoutesDiscoveryService_DeltaScopedRoutesServer) error {
	return s.serveOnly(stream, delta{}, resource.Scope)
}

func (s scopeService) StreamScopedRoutes(stream routev3.ScopedRoutesDiscoveryService_StreamScopedRoutesServer) error {
	return s.serveOnly(stream, sotw{}, resource.Scope)
}

func (s routeService) DeltaRoutes(stream routev3.RouteDiscoveryService_DeltaRoutesServer) error {
	return s.serveOnly(stream, delta{}, resource.Route)
}

func (s routeService) StreamRoutes(stream routev3.RouteDiscoveryService_StreamRoutesServer) error {
	return s.serveOnly(stream, sotw{}, resource.Route)
}

func (s virtualHostService) DeltaVirtualHosts(stream routev3.VirtualHostDiscoveryService_DeltaVirtualHostsServer) error {
	return s.serveOnly(stream, delta{}, resource.VirtualHost)
}

// keyOf is under what the last stream of an Envoy is remembered.
func (c *conn) keyOf(id string) string {
	if c.only == nil {
		return id
	}
	return id + "\x00" + c.only.String()
}
