package envoy

import (
	"fmt"
	"net/netip"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	upstreamhttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// KeepaliveInterval is the time between two HTTP/2 pings that Envoy sends to the control
// plane, whose server must allow them (keepalive.EnforcementPolicy of gRPC). An answer that
// is KeepaliveTimeout late means that the control plane is gone.
const (
	KeepaliveInterval = 5 * time.Second
	KeepaliveTimeout  = 3 * time.Second
)

// MaxReconnect bounds the time between two attempts to reach the control plane again.
const MaxReconnect = time.Second

// apiConfig asks the control plane. Without the back-off, Envoy's grows to over 15 s.
func apiConfig(api corev3.ApiConfigSource_ApiType) *corev3.ApiConfigSource {
	return &corev3.ApiConfigSource{
		ApiType:             api,
		TransportApiVersion: corev3.ApiVersion_V3,
		GrpcServices:        []*corev3.GrpcService{grpcService()},
	}
}

func grpcService() *corev3.GrpcService {
	return &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
		ClusterName: ControlPlaneCluster,
		RetryPolicy: &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
			BaseInterval: durationpb.New(100 * time.Millisecond),
			MaxInterval:  durationpb.New(MaxReconnect),
		}},
	}}}
}

// controlPlaneCluster leads to gateway-cp over HTTP/2.
func controlPlaneCluster(o Options) (*clusterv3.Cluster, error) {
	replicas, err := replicaEndpoints(o.XDSAddress)
	if err != nil {
		return nil, fmt.Errorf("xDS address: %w", err)
	}
	options, err := pack(&upstreamhttpv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
					Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
						ConnectionKeepalive: &corev3.KeepaliveSettings{
							Interval: durationpb.New(KeepaliveInterval),
							Timeout:  durationpb.New(KeepaliveTimeout),
						},
					},
				},
			},
		},
	})
	if err != nil {
		return nil, err
	}
	c := &clusterv3.Cluster{
		Name:                 ControlPlaneCluster,
		ConnectTimeout:       durationpb.New(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: discovery(o.XDSAddress)},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options,
		},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: ControlPlaneCluster,
			Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: replicas}},
		},
	}
	if len(replicas) > 1 {
		amongReplicas(c)
	}
	if o.TLS != nil {
		if c.TransportSocket, err = o.TLS.transportSocket(serverNames(o)); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// discovery resolves a control plane that is named by DNS again and again: replicas move.
func discovery(xds string) clusterv3.Cluster_DiscoveryType {
	for _, host := range hosts(xds) {
		if _, err := netip.ParseAddr(host); err != nil {
			return clusterv3.Cluster_STRICT_DNS
		}
	}
	return clusterv3.Cluster_STATIC
}

// serverNames are the names that the control plane's certificate may carry: any of them.
func serverNames(o Options) []string {
	if o.TLS.ServerName != "" {
		return []string{o.TLS.ServerName}
	}
	return hosts(o.XDSAddress)
}

// pack puts a message into an Any.
func pack(m proto.Message) (*anypb.Any, error) { return anypb.New(m) }
