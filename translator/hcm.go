package translator

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Limits of what a client may hold, from Envoy's edge best practices. docs/edge-defaults.md
// explains these and all other defaults to users.
// https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/best_practices/edge
const (
	requestHeadersTimeout   = 10   // seconds until all headers have come
	streamIdleTimeout       = 300  // seconds without a byte on a stream
	connectionIdleTimeout   = 3600 // seconds without a stream
	concurrentStreams       = 100
	streamWindow            = 64 * 1024
	connectionWindow        = 1024 * 1024
	tcpBacklog              = 1024
	serverName              = "gateway-cp"
	connectionManagerFilter = "envoy.filters.network.http_connection_manager"
)

// connectionManager is what differs between the HTTP connection managers of listeners.
// Everything else is the same for all, with TLS as without.
type connectionManager struct {
	// statPrefix names the listener in Envoy's statistics: http.<statPrefix>.downstream_rq_2xx.
	statPrefix string
	// routes is the route configuration to fetch; empty for the scoped routes of Services.
	routes string
	// defaultNamespace is that of Services with a bare name, for scoped routes.
	defaultNamespace string
	// trustedHops is how many proxies in front may say in X-Forwarded-For who the client is.
	trustedHops uint32
}

// connectionManager builds the network filter that speaks HTTP/1.1 and HTTP/2.
//
// A request_timeout is not set: it would end uploads and streams that are well alive.
func (e *encoder) connectionManager(c connectionManager) *listenerv3.Filter {
	m := &hcmv3.HttpConnectionManager{
		StatPrefix: c.statPrefix,
		CodecType:  hcmv3.HttpConnectionManager_AUTO,
		ServerName: serverName,

		// The peer is the client, unless there are trusted hops, and no address is trusted to send internal headers.
		UseRemoteAddress:      wrapperspb.Bool(true),
		InternalAddressConfig: &hcmv3.HttpConnectionManager_InternalAddressConfig{},
		XffNumTrustedHops:     c.trustedHops,

		// Route and backend must read the same path.
		NormalizePath:                wrapperspb.Bool(true),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT,

		// The fully qualified form of a DNS name is the same name.
		StripTrailingHostDot: true,

		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:                  seconds(connectionIdleTimeout),
			HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_REJECT_REQUEST,
		},
		// Health checkers and simple clients still speak HTTP/1.0. They must send a Host.
		HttpProtocolOptions: &corev3.Http1ProtocolOptions{AcceptHttp_10: true},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams:        wrapperspb.UInt32(concurrentStreams),
			InitialStreamWindowSize:     wrapperspb.UInt32(streamWindow),
			InitialConnectionWindowSize: wrapperspb.UInt32(connectionWindow),
		},
		StreamIdleTimeout:     seconds(streamIdleTimeout),
		RequestHeadersTimeout: seconds(requestHeadersTimeout),

		UpgradeConfigs: []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "websocket"}},
	}
	if c.routes == "" {
		e.scopeRoutes(m, c.defaultNamespace)
	} else {
		m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			ConfigSource:    overADS(),
			RouteConfigName: c.routes,
		}}
	}
	// Headers like x-envoy-upstream-service-time would tell clients what is behind, and cost 2 % of a request's CPU.
	m.HttpFilters = append(m.HttpFilters, e.sessionFilter(), &hcmv3.HttpFilter{
		Name:       "envoy.filters.http.router",
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: e.any(&routerv3.Router{SuppressEnvoyHeaders: true})},
	})
	return &listenerv3.Filter{
		Name:       connectionManagerFilter,
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: e.any(m)},
	}
}

// overADS says that a resource comes on the stream of all others. initial_fetch_timeout keeps
// its default of 15 s: a listener or cluster that waits longer goes on without it.
func overADS() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
	}
}

// listenerHead is a listener on a TCP address without its filter chains.
func listenerHead(r *Reader, address string, port int32) *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name:                          listenerName(address, port),
		Address:                       socketAddress(address, port),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(bufferLimit),
		TcpBacklogSize:                wrapperspb.UInt32(tcpBacklog),
		TrafficDirection:              corev3.TrafficDirection_INBOUND,
	}
	if r.exclusivePorts {
		l.EnableReusePort = wrapperspb.Bool(false)
	}
	return l
}

func socketAddress(address string, port int32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       address,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}
