package resource_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	streamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gateway-cp/gateway-cp/resource"
)

var ads = &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}

func anyOf(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return a
}

func edsCluster(name string) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads},
	}
}

func virtualHost(name string, clusters ...string) *routev3.VirtualHost {
	v := &routev3.VirtualHost{Name: name, Domains: []string{name + ".example.com"}}
	for _, c := range clusters {
		v.Routes = append(v.Routes, &routev3.Route{
			Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/" + c}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: c}}},
		})
	}
	return v
}

func chain(name, certificate string, filter proto.Message) *listenerv3.FilterChain {
	c := &listenerv3.FilterChain{Name: name, Filters: []*listenerv3.Filter{{
		Name: "it", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: anyOf(filter)},
	}}}
	if certificate != "" {
		c.TransportSocket = &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{
			TypedConfig: anyOf(&tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
				TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{{Name: certificate, SdsConfig: ads}},
			}}),
		}}
	}
	return c
}

func listener(name string, chains ...*listenerv3.FilterChain) *listenerv3.Listener {
	return &listenerv3.Listener{Name: name, FilterChains: chains, Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
		SocketAddress: &corev3.SocketAddress{Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 10000}},
	}}}
}

func http(routes string, log ...*accesslogv3.AccessLog) *hcmv3.HttpConnectionManager {
	return &hcmv3.HttpConnectionManager{
		StatPrefix: "http", AccessLog: log,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: ads, RouteConfigName: routes}},
	}
}

func tcp(clusters ...string) *tcpv3.TcpProxy {
	w := &tcpv3.TcpProxy_WeightedCluster{}
	for _, c := range clusters {
		w.Clusters = append(w.Clusters, &tcpv3.TcpProxy_WeightedCluster_ClusterWeight{Name: c, Weight: 1})
	}
	return &tcpv3.TcpProxy{StatPrefix: "tcp", ClusterSpecifier: &tcpv3.TcpProxy_WeightedClusters{WeightedClusters: w}}
}

// What a message refers to is found, wherever it stands.
func TestReferences(t *testing.T) {
	elsewhere := edsCluster("c")
	elsewhere.EdsClusterConfig.EdsConfig = &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{
		PathConfigSource: &corev3.PathConfigSource{Path: "/eds.yaml"}}}
	otherName := edsCluster("c")
	otherName.EdsClusterConfig.ServiceName = "service"
	checked := edsCluster("c")
	checked.HealthChecks = []*corev3.HealthCheck{{
		Timeout: durationpb.New(1e9), Interval: durationpb.New(1e9), UnhealthyThreshold: wrapperspb.UInt32(1), HealthyThreshold: wrapperspb.UInt32(1),
		HealthChecker: &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}},
	}}
	scopes := http("")
	scopes.RouteSpecifier = &hcmv3.HttpConnectionManager_ScopedRoutes{ScopedRoutes: &hcmv3.ScopedRoutes{
		Name: "s", RdsConfigSource: ads,
		ScopeKeyBuilder: &hcmv3.ScopedRoutes_ScopeKeyBuilder{Fragments: []*hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder{{
			Type: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_{
				HeaderValueExtractor: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor{Name: "host"}},
		}}},
		ConfigSpecifier: &hcmv3.ScopedRoutes_ScopedRds{ScopedRds: &hcmv3.ScopedRds{ScopedRdsConfigSource: ads}},
	}}
	named := &routev3.ScopedRouteConfiguration{Name: "s", RouteConfigurationName: "r", Key: &routev3.ScopedRouteConfiguration_Key{
		Fragments: []*routev3.ScopedRouteConfiguration_Key_Fragment{{Type: &routev3.ScopedRouteConfiguration_Key_Fragment_StringKey{StringKey: "k"}}}}}
	inline := proto.CloneOf(named)
	inline.RouteConfigurationName = ""
	inline.RouteConfiguration = &routev3.RouteConfiguration{Name: "r", VirtualHosts: []*routev3.VirtualHost{virtualHost("v", "a")}}

	for name, c := range map[string]struct {
		message           proto.Message
		part              string
		clusters, fetches []string
		checked           bool
	}{
		"a cluster":                        {message: edsCluster("c"), fetches: []string{"endpoint c"}},
		"a cluster with a service name":    {message: otherName, fetches: []string{"endpoint service"}},
		"a cluster with endpoints by file": {message: elsewhere},
		"a cluster with health checks":     {message: checked, fetches: []string{"endpoint c"}, checked: true},
		"endpoints":                        {message: &endpointv3.ClusterLoadAssignment{ClusterName: "c"}},
		"a filter chain with routes":       {message: listener("l", chain("f", "cert", http("r"))), part: "f", fetches: []string{"route r", "secret cert"}},
		"a filter chain with scopes":       {message: listener("l", chain("f", "", scopes)), part: "f", fetches: []string{"scope *"}},
		"a chain that proxies TCP":         {message: listener("l", chain("f", "", tcp("a", "b", "a", "boot"))), part: "f", clusters: []string{"a", "b"}},
		"a chain without a name":           {message: listener("l", chain("", "cert", tcp("a"))), clusters: []string{"a"}, fetches: []string{"secret cert"}},
		"a virtual host":                   {message: &routev3.RouteConfiguration{Name: "r", VirtualHosts: []*routev3.VirtualHost{virtualHost("v", "a", "b")}}, part: "v", clusters: []string{"a", "b"}},
		"a scope that names routes":        {message: named, fetches: []string{"route r"}},
		"a scope with routes in it":        {message: inline, part: "v", clusters: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := resource.Encoding{Bootstrap: []string{"boot"}}.Entries(c.message)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(entries, func(e resource.Entry) bool { return e.Key.Part == c.part })
			if i < 0 {
				t.Fatalf("no part %q in %v", c.part, entries)
			}
			out := entries[i].Output
			var clusters, fetches []string
			for _, ref := range out.Clusters {
				clusters = append(clusters, ref.Name)
			}
			for _, ref := range out.Fetches {
				fetches = append(fetches, ref.Type.String()+" "+ref.Name)
			}
			slices.Sort(fetches)
			if !slices.Equal(clusters, c.clusters) || !slices.Equal(fetches, c.fetches) || out.HealthChecked != c.checked {
				t.Errorf("sends to %q, fetches %q, checked %v", clusters, fetches, out.HealthChecked)
			}
		})
	}
}

// Head and parts laid end to end are the message, and a part's fallback answers for its domains.
func TestPartsAreTheWhole(t *testing.T) {
	routes := &routev3.RouteConfiguration{
		Name: "r", RequestHeadersToRemove: []string{"x"},
		VirtualHosts: []*routev3.VirtualHost{virtualHost("a", "one"), virtualHost("b", "two")},
	}
	for _, m := range []proto.Message{
		routes,
		&routev3.ScopedRouteConfiguration{Name: "s", RouteConfiguration: routes, Key: &routev3.ScopedRouteConfiguration_Key{
			Fragments: []*routev3.ScopedRouteConfiguration_Key_Fragment{{Type: &routev3.ScopedRouteConfiguration_Key_Fragment_StringKey{StringKey: "k"}}}}},
		listener("l", chain("a", "x", http("r")), chain("b", "y", tcp("c"))),
	} {
		before := proto.Clone(m)
		entries, err := resource.Encoding{Audience: resource.OfFleet("f")}.Entries(m)
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(m, before) {
			t.Errorf("the message has been changed: %v", m)
		}
		var whole []byte
		for i, want := range []string{"", "a", "b"} {
			if entries[i].Key.Part != want || entries[i].Key.Audience != resource.OfFleet("f") {
				t.Fatalf("key %+v", entries[i].Key)
			}
			whole = append(whole, entries[i].Output.Bytes...)
		}
		got := m.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(whole, got); err != nil {
			t.Fatal(err)
		}
		if len(entries) != 3 || !proto.Equal(got, m) {
			t.Errorf("%d entries come to %v, want %v", len(entries), got, m)
		}
		if _, ok := m.(*routev3.RouteConfiguration); ok {
			fallback := &routev3.RouteConfiguration{}
			if err := proto.Unmarshal(entries[1].Output.Fallback, fallback); err != nil {
				t.Fatal(err)
			}
			v := fallback.VirtualHosts[0]
			if v.Name != "a" || !slices.Equal(v.Domains, []string{"a.example.com"}) || v.Routes[0].GetDirectResponse().GetStatus() != 503 || v.ValidateAll() != nil {
				t.Errorf("the fallback is %v", v)
			}
		}
	}
}

// What has been wrapped by somebody else in any order comes to the same bytes.
func TestSameBytes(t *testing.T) {
	format := map[string]*structpb.Value{}
	for _, name := range strings.Split("abcdefghijklmnop", "") {
		format[name] = structpb.NewStringValue("%" + strings.ToUpper(name) + "%")
	}
	log := &accesslogv3.AccessLog{Name: "log", ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: anyOf(&streamv3.StdoutAccessLog{
		AccessLogFormat: &streamv3.StdoutAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: &structpb.Struct{Fields: format}}}}})}}
	one := listener("l", chain("", "", http("r", log)))
	other := proto.CloneOf(one)
	// The same filter, with its fields in another order.
	wrapped := other.FilterChains[0].Filters[0].GetTypedConfig()
	number, kind, n := protowire.ConsumeTag(wrapped.Value)
	n += protowire.ConsumeFieldValue(number, kind, wrapped.Value[n:])
	wrapped.Value = append(slices.Clone(wrapped.Value[n:]), wrapped.Value[:n]...)
	if proto.Equal(one, other) {
		t.Fatal("they are not different")
	}
	var first []byte
	for range 20 { // a map has another order each time
		for _, m := range []*listenerv3.Listener{one, other} {
			entries, err := resource.Encoding{}.Entries(m)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = entries[0].Output.Bytes
			}
			if !bytes.Equal(first, entries[0].Output.Bytes) {
				t.Fatal("other bytes for the same content")
			}
		}
	}
}

func TestWhatCannotBeEncoded(t *testing.T) {
	unknown := listener("l", chain("f", "", tcp("a")))
	unknown.FilterChains[0].Filters[0].GetTypedConfig().TypeUrl = "type.googleapis.com/example.Unknown"
	invalid := listener("l", chain("f", "", &tcpv3.TcpProxy{StatPrefix: "tcp"}))
	for want, m := range map[string]proto.Message{
		"envoy.config.core.v3.Node is no type of resource that is served": &corev3.Node{},
		"a cluster has no name":                              &clusterv3.Cluster{},
		"listener l: filter_chains: filters: typed_config: ": unknown,
		"import the Go package of example.Unknown":           unknown,
		"invalid TcpProxy.ClusterSpecifier":                  invalid,
		"route r: ":                                          &routev3.RouteConfiguration{Name: "r", VirtualHosts: []*routev3.VirtualHost{{Name: "v"}}},
	} {
		if _, err := (resource.Encoding{}).Entries(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
