package translator

import (
	"slices"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// The routes of the service listener are cut into scopes by the first two labels of the host,
// the name and namespace of a Service, so that a change of one Service costs Envoy the same
// among ten thousand, whatever they are called.

// scopeHeader carries the host to the scope key, followed by the fleet's default namespace, which
// so becomes the second label of a bare name. The key does not read :authority itself for another
// reason as well: scope keys are case-sensitive, host names are not.
const scopeHeader = "x-gateway-cp-scope"

const luaFilter = "envoy.filters.http.lua"

// findScope finds the scope of a host whose first two labels have upper-case letters or a port
// ("web:9090", "web.shop:9090"). It runs only for hosts that no scope was found for: the scopes
// turn it off. Virtual hosts compare the whole host, port and all, without regard to case.
const findScope = `function envoy_on_request(request)
  local headers = request:headers()
  local key = headers:get("` + scopeHeader + `")
  local name, namespace = (key or ""):lower():match("^([^.:]*)[^.]*%.([^.:]*)")
  if not name then
    return
  end
  local scope = name .. "." .. namespace .. "."
  if key:sub(1, #scope) ~= scope then
    headers:replace("` + scopeHeader + `", scope)
    request:clearRouteCache()
  end
end
`

// scopeRoutes makes a connection manager take its routes from the scope of the host.
func (e *encoder) scopeRoutes(m *hcmv3.HttpConnectionManager, defaultNamespace string) {
	m.EarlyHeaderMutationExtensions = []*corev3.TypedExtensionConfig{{
		Name: "envoy.http.early_header_mutation.header_mutation",
		TypedConfig: e.any(&earlyv3.HeaderMutation{Mutations: []*mutationv3.HeaderMutation{{
			Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
				Header:       &corev3.HeaderValue{Key: scopeHeader, Value: "%REQ(:AUTHORITY)%." + defaultNamespace + "."},
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			}},
		}}}),
	}}
	m.HttpFilters = append(m.HttpFilters, &hcmv3.HttpFilter{
		Name: luaFilter,
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: e.any(&luav3.Lua{
			DefaultSourceCode: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: findScope},
			},
		})},
	})
	m.RouteSpecifier = &hcmv3.HttpConnectionManager_ScopedRoutes{ScopedRoutes: &hcmv3.ScopedRoutes{
		Name: "services",
		ScopeKeyBuilder: &hcmv3.ScopedRoutes_ScopeKeyBuilder{
			Fragments: []*hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder{labelOfHost(0), labelOfHost(1)},
		},
		RdsConfigSource: overADS(),
		ConfigSpecifier: &hcmv3.ScopedRoutes_ScopedRds{ScopedRds: &hcmv3.ScopedRds{
			ScopedRdsConfigSource: overADS(),
		}},
	}}
}

// labelOfHost is a label of the host as a fragment of the scope key.
func labelOfHost(index uint32) *hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder {
	return &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder{
		Type: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_{
			HeaderValueExtractor: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor{
				Name:             scopeHeader,
				ElementSeparator: ".",
				ExtractType: &hcmv3.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_Index{
					Index: index,
				},
			},
		},
	}
}

// scopeHead is the scope of a Service without its virtual hosts.
var scopeHead = &Feature{Name: "scope", Build: buildScopeHead}

func buildScopeHead(_ *Reader, u Unit) Result {
	e := &encoder{}
	key := resource.Key{Type: resource.Scope, Audience: resource.OfFleet(u.Fleet), Name: scopeName(u.Namespace, u.Name)}
	return e.result(key, &routev3.ScopedRouteConfiguration{
		Name: key.Name,
		Key: &routev3.ScopedRouteConfiguration_Key{
			Fragments: []*routev3.ScopedRouteConfiguration_Key_Fragment{
				keyFragment(u.Name), keyFragment(u.Namespace),
			},
		},
		RouteConfiguration: &routev3.RouteConfiguration{
			Name:                   key.Name,
			RequestHeadersToRemove: []string{scopeHeader},
			// A part is delivered when its clusters are warm, so Envoy need not refuse the
			// neighbours of one that names a cluster it does not know.
			ValidateClusters:     wrapperspb.Bool(false),
			TypedPerFilterConfig: map[string]*anypb.Any{luaFilter: e.any(&routev3.FilterConfig{Disabled: true})},
		},
	}, resource.Output{})
}

func keyFragment(label string) *routev3.ScopedRouteConfiguration_Key_Fragment {
	return &routev3.ScopedRouteConfiguration_Key_Fragment{
		Type: &routev3.ScopedRouteConfiguration_Key_Fragment_StringKey{StringKey: label},
	}
}

// serviceHosts are the virtual hosts of a Service in its scope, one for each port. They are one
// part, since a host name without a port may move from one port to another.
var serviceHosts = &Feature{Name: "service hosts", Build: buildServiceHosts}

func buildServiceHosts(r *Reader, u Unit) Result {
	f, ok := readFleet(r, u.Fleet)
	service := read[*corev1.Service](r, api.KindService, u.Namespace, u.Name)
	if !ok || service == nil {
		return Result{}
	}
	e := &encoder{}
	key := resource.Key{
		Type: resource.Scope, Audience: resource.OfFleet(u.Fleet),
		Name: scopeName(u.Namespace, u.Name), Part: hostPart(u.Namespace, u.Name),
	}
	var shares []share
	var content, fallback []message
	var ports []Origin
	for _, p := range servedPorts(service) {
		name, domains := hostName(u.Namespace, u.Name, p.Port), hostDomains(f, service, p.Port)
		split := namedSplit(r, service, p)
		shares = append(shares, split...)
		routes := e.serviceRoutes(service, split)
		content = append(content, &routev3.VirtualHost{Name: name, Domains: domains, Routes: routes})
		fallback = append(fallback, unavailableHost(name, domains))
		for range routes {
			ports = append(ports, Origin{serviceKey(u), portPath(service, p)})
		}
	}
	result := e.finish(key, resource.Output{
		Bytes:    e.content(key, content...),
		Clusters: clusterRefs(shares),
		Fallback: (&encoder{}).content(key, fallback...),
		Sources:  []api.Key{serviceKey(u)},
	})
	result.Origins.Routes = ports
	return result
}

// namedSplit is where requests by the names of a Service go. With internalTrafficPolicy Local it is to endpoints on the
// node of the Envoy, as through the cluster IP that the name stands for; the weights are in the endpoints then.
func namedSplit(r *Reader, service *corev1.Service, port *corev1.ServicePort) []share {
	if localInside(service) {
		return []share{{
			cluster: streamClusterName(service.Namespace, service.Name, port, true), weight: v1alpha1.WeightTotal,
			policy: policyOf(r, service, port),
		}}
	}
	return rescued(r, service.Namespace, service.Name, port.Port)
}

// namedCalls gives the units of what namedSplit leads to, where nothing else calls for it.
func namedCalls(r *Reader, f fleet, service *corev1.Service) []Unit {
	if _, enabled := f.serviceListener(); !enabled || !localInside(service) {
		return nil
	}
	var units []Unit
	for i := range service.Spec.Ports {
		if o := (&opening{service: service, index: i, local: true}); isTCP(o.servicePort().Protocol) {
			units = append(units, streamCalls(r, f, o)...)
		}
	}
	return units
}

// serviceRoutes send everything to the Service.
func (e *encoder) serviceRoutes(service *corev1.Service, shares []share) []*routev3.Route {
	policy := policyIn(shares)
	t := target{backends: []backend{{weight: 1, shares: shares, policy: policy, hash: hashOf(balancerOf(service, policy)), outside: isExternal(service)}}}
	var routes []*routev3.Route
	for _, v := range t.variants("") {
		if !v.target.answers() {
			routes = append(routes, unavailableRoute(v.narrowed(everyPath())))
			continue
		}
		action := e.forwarding(policy)
		route := &routev3.Route{Match: v.narrowed(everyPath()), Action: &routev3.Route_Route{Route: action}}
		v.route(route, action)
		e.routePolicy(route, policy)
		routes = append(routes, route)
	}
	return routes
}

// unavailableHost answers 503 for domains whose virtual host cannot be delivered yet.
func unavailableHost(name string, domains []string) *routev3.VirtualHost {
	return &routev3.VirtualHost{Name: name, Domains: domains, Routes: []*routev3.Route{unavailableRoute(everyPath())}}
}

func unavailableRoute(match *routev3.RouteMatch) *routev3.Route {
	return &routev3.Route{
		Match:  match,
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 503}},
	}
}

func everyPath() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
}

// hostDomains are the hosts that mean a Service port, sorted: every DNS form of the Service's name
// with the port, and without, when it is the port that a host without one means. Clients write the
// port that they connect to into the host, so the listener's own port counts as none, unless the
// Service has a port of that number.
func hostDomains(f fleet, service *corev1.Service, port int32) []string {
	return domainsOf(f, service, port, dnsForms(f, service))
}

// domainsOf is hostDomains for some names.
func domainsOf(f fleet, service *corev1.Service, port int32, forms []string) []string {
	var domains []string
	listener := f.Spec.ServiceListener.Port
	d, ok := defaultPort(service)
	for _, form := range forms {
		domains = append(domains, form+":"+portString(port))
		if !ok || d != port {
			continue
		}
		domains = append(domains, form)
		if servedPort(service, listener) == nil {
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
