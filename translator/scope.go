package translator

import (
	"slices"
	"strings"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// The routes of the service listener are cut into scopes by the first label of the host, so
// that a change of one Service costs Envoy the same among ten thousand. A scope holds a
// virtual host for each port of each Service of that name.

// scopeHeader carries the host to the scope key. The key cannot read :authority itself: scope
// keys are case-sensitive, host names are not.
const scopeHeader = "x-gateway-cp-scope"

// lowerCaseHost finds the scope again for a host with upper-case letters. Virtual hosts
// compare without regard to case themselves.
const lowerCaseHost = `function envoy_on_request(request)
  local headers = request:headers()
  local host = headers:get("` + scopeHeader + `")
  if host and host:find("%u") then
    headers:replace("` + scopeHeader + `", host:lower())
    request:clearRouteCache()
  end
end
`

// scopeRoutes makes a connection manager take its routes from the scope of the host.
func (e *encoder) scopeRoutes(m *hcmv3.HttpConnectionManager) {
	m.EarlyHeaderMutationExtensions = []*corev3.TypedExtensionConfig{{
		Name: "envoy.http.early_header_mutation.header_mutation",
		TypedConfig: e.any(&earlyv3.HeaderMutation{Mutations: []*mutationv3.HeaderMutation{{
			Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
				Header:       &corev3.HeaderValue{Key: scopeHeader, Value: "%REQ(:AUTHORITY)%"},
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			}},
		}}}),
	}}
	m.HttpFilters = []*hcmv3.HttpFilter{{
		Name: "envoy.filters.http.lua",
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: e.any(&luav3.Lua{
			DefaultSourceCode: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: lowerCaseHost},
			},
		})},
	}}
	m.RouteSpecifier = &hcmv3.HttpConnectionManager_ScopedRoutes{ScopedRoutes: &hcmv3.ScopedRoutes{
		Name: "services",
		ScopeKeyBuilder: &hcmv3.ScopedRoutes_ScopeKeyBuilder{
			Fragments: []*hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder{{
				Type: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_{
					HeaderValueExtractor: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor{
						Name:             scopeHeader,
						ElementSeparator: ".",
						ExtractType: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_Index{
							Index: 0,
						},
					},
				},
			}},
		},
		RdsConfigSource: overADS(),
		ConfigSpecifier: &hcmv3.ScopedRoutes_ScopedRds{ScopedRds: &hcmv3.ScopedRds{
			ScopedRdsConfigSource: overADS(),
		}},
	}}
}

// scopeHead is a scope without its virtual hosts. Every Service of that name calls for it.
var scopeHead = &Feature{Name: "scope", Build: buildScopeHead}

func buildScopeHead(_ *Reader, u Unit) Result {
	e := &encoder{}
	key := resource.Key{Type: resource.Scope, Audience: resource.OfFleet(u.Fleet), Name: u.Name}
	return e.result(key, &routev3.ScopedRouteConfiguration{
		Name: u.Name,
		Key: &routev3.ScopedRouteConfiguration_Key{
			Fragments: []*routev3.ScopedRouteConfiguration_Key_Fragment{{
				Type: &routev3.ScopedRouteConfiguration_Key_Fragment_StringKey{StringKey: u.Name},
			}},
		},
		RouteConfiguration: &routev3.RouteConfiguration{
			Name:                   u.Name,
			RequestHeadersToRemove: []string{scopeHeader},
			// A part is delivered when its clusters are warm, so Envoy need not refuse the
			// neighbours of one that names a cluster it does not know.
			ValidateClusters: wrapperspb.Bool(false),
		},
	}, resource.Output{})
}

// serviceHosts are the virtual hosts of a Service in the scope of its name, one for each port.
// They are one part, since a host name without a port may move from one port to another.
// bareServiceHost, with the scope in Unit.Extra, is the one in the scope of a bare name with a
// port.
var (
	serviceHosts    = &Feature{Name: "service hosts", Build: buildServiceHosts}
	bareServiceHost = &Feature{Name: "bare service host", Build: buildBareServiceHost}
)

// host is the virtual host of a Service port: its domains.
type host struct {
	port    int32
	domains []string
}

func buildServiceHosts(r *Reader, u Unit) Result {
	f, ok := readFleet(r, u.Fleet)
	service := read[*corev1.Service](r, api.KindService, u.Namespace, u.Name)
	if !ok || service == nil {
		return Result{}
	}
	var hosts []host
	var ports []Origin
	for _, p := range servedPorts(service) {
		hosts = append(hosts, host{p.Port, hostDomains(f, service, p.Port)})
		ports = append(ports, Origin{serviceKey(u), portPath(service, p)})
	}
	result := buildHosts(r, u, scopeName(u.Name), hosts)
	result.Origins.Routes = ports // a virtual host has one
	return result
}

func buildBareServiceHost(r *Reader, u Unit) Result {
	return buildHosts(r, u, u.Extra, []host{{u.Port, []string{u.Extra}}})
}

func buildHosts(r *Reader, u Unit, scope string, hosts []host) Result {
	e := &encoder{}
	key := resource.Key{
		Type: resource.Scope, Audience: resource.OfFleet(u.Fleet), Name: scope, Part: hostPart(u.Namespace, u.Name),
	}
	var shares []share
	var content, fallback []message
	for _, h := range hosts {
		name := hostName(u.Namespace, u.Name, h.port)
		split := splitOf(r, u.Namespace, u.Name, h.port)
		shares = append(shares, split...)
		content = append(content, &routev3.VirtualHost{
			Name: name, Domains: h.domains, Routes: []*routev3.Route{e.serviceRoute(split)},
		})
		fallback = append(fallback, unavailableHost(name, h.domains))
	}
	return e.finish(key, resource.Output{
		Bytes:    e.content(key, content...),
		Clusters: clusterRefs(shares),
		Fallback: (&encoder{}).content(key, fallback...),
		Sources:  []api.Key{{Kind: api.KindService, Namespace: u.Namespace, Name: u.Name}},
	})
}

// serviceRoute sends everything to the Service. It sets no time limit on the whole answer, as
// kube-proxy sets none; streamIdleTimeout ends what hangs.
func (e *encoder) serviceRoute(shares []share) *routev3.Route {
	action := &routev3.RouteAction{Timeout: seconds(0), RetryPolicy: e.retryPolicy()}
	if !routeTo(action, shares) {
		return unavailableRoute()
	}
	return &routev3.Route{Match: everyPath(), Action: &routev3.Route_Route{Route: action}}
}

// unavailableHost answers 503 for domains whose virtual host cannot be delivered yet.
func unavailableHost(name string, domains []string) *routev3.VirtualHost {
	return &routev3.VirtualHost{Name: name, Domains: domains, Routes: []*routev3.Route{unavailableRoute()}}
}

func unavailableRoute() *routev3.Route {
	return &routev3.Route{
		Match:  everyPath(),
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 503}},
	}
}

func everyPath() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
}

// hostDomains are the host names of a Service port that share the scope of the Service's name,
// sorted: every DNS form of the name with the port, and those without, when it is the port that
// a host without one means. Clients write the port that they connect to into the host, so the
// listener's own port counts as none, unless the Service has a port of that number.
func hostDomains(f fleet, service *corev1.Service, port int32) []string {
	var domains []string
	isDefault := false
	if d, ok := defaultPort(service); ok && d == port {
		isDefault = true
	}
	listener := f.Spec.ServiceListener.Port
	for _, form := range dnsForms(f, service) {
		if strings.Contains(form, ".") {
			domains = append(domains, form+":"+portString(port))
		}
		if !isDefault {
			continue
		}
		domains = append(domains, form)
		if strings.Contains(form, ".") && servedPort(service, listener) == nil {
			domains = append(domains, form+":"+portString(listener))
		}
	}
	slices.Sort(domains)
	return domains
}

// dnsForms are the names of a Service: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/.
// The bare one belongs to the fleet's default namespace only.
func dnsForms(f fleet, service *corev1.Service) []string {
	namespaced := service.Name + "." + service.Namespace
	forms := []string{namespaced, namespaced + ".svc", namespaced + ".svc." + f.Spec.ClusterDomain}
	if service.Namespace == f.Spec.DefaultNamespace {
		forms = append(forms, service.Name)
	}
	return forms
}
