package resource

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// clusterFields are the fields of Envoy's API that name a cluster to which something is sent, by
// message. A test holds them against all of the API.
var clusterFields = map[protoreflect.FullName][]protoreflect.Name{
	"envoy.config.core.v3.GrpcService.EnvoyGrpc":                                                        {"cluster_name"},
	"envoy.config.core.v3.HttpUri":                                                                      {"cluster"},
	"envoy.config.route.v3.RouteAction":                                                                 {"cluster"},
	"envoy.config.route.v3.RouteAction.RequestMirrorPolicy":                                             {"cluster"},
	"envoy.config.route.v3.WeightedCluster.ClusterWeight":                                               {"name"},
	"envoy.config.trace.v3.DatadogConfig":                                                               {"collector_cluster"},
	"envoy.config.trace.v3.LightstepConfig":                                                             {"collector_cluster"},
	"envoy.config.trace.v3.ZipkinConfig":                                                                {"collector_cluster"},
	"envoy.data.dns.v3.DnsTable.DnsEndpoint":                                                            {"cluster_name"},
	"envoy.data.dns.v3.DnsTable.DnsServiceTarget":                                                       {"cluster_name"},
	"envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig":                                 {"cluster"},
	"envoy.extensions.clusters.aggregate.v3.ClusterConfig":                                              {"clusters"},
	"envoy.extensions.clusters.mcp_multicluster.v3.ClusterConfig.McpCluster":                            {"cluster"},
	"envoy.extensions.filters.http.cache_v2.v3.CacheV2Config":                                           {"override_upstream_cluster"},
	"envoy.extensions.filters.http.gcp_authn.v3.GcpAuthnFilterConfig":                                   {"cluster"},
	"envoy.extensions.filters.http.mcp_router.v3.McpRouter.McpCluster":                                  {"cluster"},
	"envoy.extensions.filters.network.dubbo_proxy.v3.RouteAction":                                       {"cluster"},
	"envoy.extensions.filters.network.generic_proxy.action.v3.RouteAction":                              {"cluster"},
	"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route":                     {"cluster"},
	"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route.ReadCommandPolicy":   {"cluster"},
	"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route.RequestMirrorPolicy": {"cluster"},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy":                                            {"cluster"},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight":              {"name"},
	"envoy.extensions.filters.network.thrift_proxy.v3.RouteAction":                                      {"cluster"},
	"envoy.extensions.filters.network.thrift_proxy.v3.RouteAction.RequestMirrorPolicy":                  {"cluster"},
	"envoy.extensions.filters.network.thrift_proxy.v3.WeightedCluster.ClusterWeight":                    {"name"},
	"envoy.extensions.filters.udp.udp_proxy.v3.Route":                                                   {"cluster"},
	"envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig":                                          {"cluster"},
	"envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig":                                       {"default_cluster"},
	"envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction":                               {"cluster"},
	"envoy.extensions.router.cluster_specifiers.priority_group.v3.ClusterWeight":                        {"cluster_name"},
	"envoy.extensions.tracers.fluentd.v3.FluentdConfig":                                                 {"cluster"},
}

// fetchFields are the messages with which Envoy is told to fetch something by its name, the field
// with the name, and that with the place to fetch it from. (Other types of resources, such as those of
// VHDS, ECDS or the routes of Thrift, are not served.)
var fetchFields = map[protoreflect.FullName]struct {
	kind       Type
	name, from protoreflect.Name
}{
	"envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig":             {Secret, "name", "sds_config"},
	"envoy.extensions.filters.network.http_connection_manager.v3.Rds":       {Route, "route_config_name", "config_source"},
	"envoy.extensions.filters.network.http_connection_manager.v3.ScopedRds": {Scope, "", "scoped_rds_config_source"},
}

// references are what a message refers to, in the order of first mention.
type references struct {
	clusters []ClusterRef
	fetches  []Ref
	known    []string // clusters that Envoys have from elsewhere
}

// walk collects what a message refers to and, as Envoy sees one resource where bytes are the same
// and another where they are not, has what is wrapped in it encoded the same way each time.
func (r *references) walk(m protoreflect.Message) (err error) {
	switch name := m.Descriptor().FullName(); name {
	case "google.protobuf.Any":
		return r.unwrap(m)
	case "envoy.config.core.v3.ConfigSource":
		return nil // clusters in it must be in Envoy's bootstrap
	default:
		for _, f := range clusterFields[name] {
			r.addClusters(m, m.Descriptor().Fields().ByName(f))
		}
		if f, ok := fetchFields[name]; ok {
			r.addFetch(m, f.kind, f.name, f.from)
		}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			if f.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					err = r.walk(v.Message())
					return err == nil
				})
			}
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				if err = r.walk(v.List().Get(i).Message()); err != nil {
					break
				}
			}
		default:
			err = r.walk(v.Message())
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", f.Name(), err)
		}
		return err == nil
	})
	return err
}

// unwrap walks what is in an Any, and encodes it anew. Nobody checks it with the message around it.
func (r *references) unwrap(m protoreflect.Message) error {
	wrapped, ok := m.Interface().(*anypb.Any)
	if !ok || wrapped.GetTypeUrl() == "" {
		return nil
	}
	inner, err := wrapped.UnmarshalNew()
	if err != nil {
		return fmt.Errorf("%w; import the Go package of %s, if only for its effect, so that what it refers to can be found", err, wrapped.MessageName())
	}
	if err := validate(inner); err != nil {
		return err
	}
	if err := r.walk(inner.ProtoReflect()); err != nil {
		return err
	}
	wrapped.Value, err = encode(inner)
	return err
}

func (r *references) addClusters(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	if f == nil || !m.Has(f) {
		return
	}
	if !f.IsList() {
		r.addCluster(m.Get(f).String())
		return
	}
	for i := range m.Get(f).List().Len() {
		r.addCluster(m.Get(f).List().Get(i).String())
	}
}

func (r *references) addCluster(name string) {
	ref := ClusterRef{Name: name}
	if !slices.Contains(r.known, name) && !slices.Contains(r.clusters, ref) {
		r.clusters = append(r.clusters, ref)
	}
}

func (r *references) addFetch(m protoreflect.Message, kind Type, name, from protoreflect.Name) {
	fields := m.Descriptor().Fields()
	if f := fields.ByName(from); f == nil || !m.Has(f) || !fromHere(m.Get(f).Message()) {
		return
	}
	ref := Ref{kind, All}
	if name != "" {
		ref.Name = m.Get(fields.ByName(name)).String()
	}
	if !slices.Contains(r.fetches, ref) {
		r.fetches = append(r.fetches, ref)
	}
}

// fromHere says whether a ConfigSource is the aggregated stream, or the one that the resource
// around it came from. https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/config_source.proto
func fromHere(source protoreflect.Message) bool {
	fields := source.Descriptor().Fields()
	return slices.ContainsFunc([]protoreflect.Name{"ads", "self"}, func(n protoreflect.Name) bool {
		f := fields.ByName(n)
		return f != nil && source.Has(f)
	})
}

// ofCluster adds the endpoints that Envoy fetches for a cluster of the type EDS.
func (r *references) ofCluster(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	eds := fields.ByName("eds_cluster_config")
	if kind := fields.ByName("type"); !m.Has(kind) || m.Get(kind).Enum() != edsCluster || !m.Has(eds) {
		return
	}
	config := m.Get(eds).Message()
	if f := config.Descriptor().Fields().ByName("eds_config"); !config.Has(f) || !fromHere(config.Get(f).Message()) {
		return
	}
	name := config.Get(config.Descriptor().Fields().ByName("service_name")).String()
	if name == "" {
		name = m.Get(fields.ByName("name")).String()
	}
	r.fetches = append(r.fetches, Ref{Endpoint, name})
}

// edsCluster is Cluster.EDS.
const edsCluster protoreflect.EnumNumber = 3

// validate applies the checks that were generated for a message, if there are any.
func validate(m proto.Message) error {
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		return v.ValidateAll()
	}
	return nil
}

func encode(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}
