package translator

import (
	"fmt"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	commondnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/common/dns/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	caresv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// A Service of type ExternalName stands for a name outside. Envoy asks for its addresses itself, as soon as
// the cluster is there and then as their TTL says, so there are no endpoints to deliver. The cluster
// is warm when Envoy has acknowledged it: it does that after the first answer, whatever that is.

const (
	// A resolver that is silent is given up after queryTimeout seconds, and once more after another time of
	// up to twice that: meanwhile Envoy acknowledges no cluster.
	queryTimeout = 1
	queryTries   = 2
)

func isExternal(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeExternalName
}

// externalName is the name that an ExternalName Service stands for, in lower case.
func externalName(service *corev1.Service) string {
	return strings.ToLower(strings.TrimSuffix(service.Spec.ExternalName, "."))
}

// externalPort is the port there. A name means nothing there; the Service's own number is taken then.
func externalPort(port *corev1.ServicePort) int32 {
	if port.TargetPort.Type == intstr.Int && port.TargetPort.IntVal != 0 {
		return port.TargetPort.IntVal
	}
	return port.Port
}

// resolveOutside has a cluster find its endpoints itself: all addresses of the name.
func (e *encoder) resolveOutside(c *clusterv3.Cluster, f fleet, service *corev1.Service, port *corev1.ServicePort) {
	name, number := externalName(service), externalPort(port)
	settings := f.Spec.DNS
	c.EdsClusterConfig = nil
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name: "envoy.clusters.dns",
		TypedConfig: e.any(&dnsv3.DnsCluster{
			RespectDnsTtl:         true,
			DnsMinRefreshRate:     durationpb.New(settings.MinRefresh.Duration),
			DnsRefreshRate:        durationpb.New(settings.NegativeRefresh.Duration),
			DnsFailureRefreshRate: &dnsv3.DnsCluster_RefreshRate{BaseInterval: durationpb.New(settings.FailureRefresh.Duration), MaxInterval: durationpb.New(10 * settings.FailureRefresh.Duration)},
			DnsLookupFamily:       lookupFamilies[settings.LookupFamily],
			TypedDnsResolverConfig: &corev3.TypedExtensionConfig{
				Name: "envoy.network.dns_resolver.cares",
				TypedConfig: e.any(&caresv3.CaresDnsResolverConfig{
					Resolvers:           resolversOf(settings),
					DnsResolverOptions:  &corev3.DnsResolverOptions{NoDefaultSearchDomain: true},
					QueryTimeoutSeconds: wrapperspb.UInt64(queryTimeout),
					QueryTries:          wrapperspb.UInt32(queryTries),
				}),
			},
		}),
	}}
	c.LoadAssignment = &endpointv3.ClusterLoadAssignment{
		ClusterName: c.Name,
		Endpoints: []*endpointv3.LocalityLbEndpoints{{
			// Clusters for bytes balance by the weight of localities.
			LoadBalancingWeight: wrapperspb.UInt32(1),
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
				Hostname: hostOutside(name, number),
				Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
					Address:       name,
					PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(number)},
				}}},
			}}}},
		}},
	}
}

var lookupFamilies = map[string]commondnsv3.DnsLookupFamily{
	v1alpha1.LookupIPv4:          commondnsv3.DnsLookupFamily_V4_ONLY,
	v1alpha1.LookupIPv6:          commondnsv3.DnsLookupFamily_V6_ONLY,
	v1alpha1.LookupIPv4Preferred: commondnsv3.DnsLookupFamily_V4_PREFERRED,
	v1alpha1.LookupIPv6Preferred: commondnsv3.DnsLookupFamily_AUTO, // AUTO is IPv6 first
	v1alpha1.LookupIPv4AndIPv6:   commondnsv3.DnsLookupFamily_ALL,
}

func resolversOf(settings *v1alpha1.DNS) []*corev3.Address {
	var all []*corev3.Address
	for _, text := range settings.Resolvers {
		if a, err := v1alpha1.ParseResolver(text); err == nil { // admission refuses others
			all = append(all, &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
				Address:       a.Addr().String(),
				PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(a.Port())},
			}}})
		}
	}
	return all
}

// hostOutside is what servers outside are told in Host: a port that its scheme implies is left out.
func hostOutside(name string, port int32) string {
	if port == 80 || port == 443 {
		return name
	}
	return name + ":" + portString(port)
}

// addressOutside has Envoy tell servers outside their own name. Endpoints that have none, those of other
// Services in a split, are told what the client has said.
func addressOutside(action *routev3.RouteAction) {
	if action.HostRewriteSpecifier == nil {
		action.HostRewriteSpecifier = &routev3.RouteAction_AutoHostRewrite{AutoHostRewrite: wrapperspb.Bool(true)}
	}
}

// outsideCheck says what of an ExternalName Service carries no traffic.
func outsideCheck(r *Reader, service *corev1.Service, problem func(api.Severity, api.Reason, string, string, string, ...api.Other)) {
	if len(service.Spec.Ports) == 0 {
		problem(api.Warning, api.ReasonMissingField, "spec.ports", "without ports the Service has a name in DNS, and carries no traffic",
			"list the ports of "+externalName(service)+" that requests and connections shall go to")
	}
	for i, p := range service.Spec.Ports {
		if p.TargetPort.Type == intstr.String {
			problem(api.Warning, api.ReasonUnsupportedField, fmt.Sprintf("spec.ports[%d].targetPort", i),
				fmt.Sprintf("%s has no names for ports: port %d is used", externalName(service), p.Port), "write the number of the port")
		}
	}
	if len(service.Spec.Ports) == 0 {
		return
	}
	said := map[string]bool{}
	for _, f := range fleetsServing(r, service) {
		if why := pointsBack(r, f, service); why != nil && !said[why.message] {
			said[why.message] = true
			problem(api.Error, api.ReasonExternalNameLoop, "spec.externalName", why.message+": the Service carries no traffic", why.hint, why.at)
		}
	}
}

// loop is why an ExternalName is not one of somebody else.
type loop struct {
	message, hint string
	at            api.Other
}

// pointsBack says whether the name of an ExternalName Service is one of the fleet itself, so that requests would
// come back to its Envoys; nil when it is not.
func pointsBack(r *Reader, f fleet, service *corev1.Service) *loop {
	name := externalName(service)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return &loop{message: name + " is the machine of the Envoy itself, with its admin interface", hint: "name a machine by a name of its own"}
	}
	if key, ok := namedService(r, f, name); ok {
		l := &loop{message: name + " is a name of " + key.String(), hint: "refer to that Service itself"}
		if r.get(key.Kind, key.Namespace, key.Name) != nil {
			l.at = api.Other{Object: key, Path: "metadata.name"}
		}
		return l
	}
	if name == f.Spec.ClusterDomain || strings.HasSuffix(name, "."+f.Spec.ClusterDomain) {
		return &loop{message: name + " is in the domain of the fleet's own Services", hint: "use a name outside, or another spec.clusterDomain of the Fleet", at: api.Other{Object: f.key(), Path: "spec.clusterDomain"}}
	}
	return gatewayHost(r, f, name)
}

// namedService gives the Service that a name is one of, in one of its DNS forms. Short forms may be names
// of the internet as well: they count where the Service is there.
func namedService(r *Reader, f fleet, name string) (api.Key, bool) {
	labels := strings.Split(name, ".")
	rest, inDomain := strings.CutSuffix(name, ".svc."+f.Spec.ClusterDomain)
	if !inDomain {
		rest, inDomain = strings.CutSuffix(name, ".svc")
	}
	if inDomain {
		labels = strings.Split(rest, ".")
		if len(labels) > 2 { // of an endpoint of a headless Service
			labels = labels[len(labels)-2:]
		}
	}
	if len(labels) == 1 {
		labels = append(labels, f.Spec.DefaultNamespace)
	}
	key := api.Key{Kind: api.KindService, Namespace: labels[1], Name: labels[0]}
	return key, inDomain || len(labels) == 2 && r.get(key.Kind, key.Namespace, key.Name) != nil
}

// gatewayHost says whether a Gateway of the fleet answers requests for exactly this name.
func gatewayHost(r *Reader, f fleet, name string) *loop {
	for _, o := range r.list(indexGateways, "", "") {
		gateway := o.Value.(*gatewayv1.Gateway)
		if p, ours := placementOf(r, gateway); !ours || !p.refused.ok() || p.fleet.Name != f.Name {
			continue
		}
		for i := range gateway.Spec.Listeners {
			if hostnameOf(&gateway.Spec.Listeners[i]) == name {
				return &loop{
					message: fmt.Sprintf("%s is a host name of %s", name, o.Key), hint: "use the name that the server outside has of its own",
					at: api.Other{Object: o.Key, Path: fmt.Sprintf("spec.listeners[%d].hostname", i)},
				}
			}
		}
		for _, route := range r.list(indexRouteHost, o.Key.Namespace+"/"+o.Key.Name, name) {
			return &loop{
				message: fmt.Sprintf("%s is a host name of %s", name, route.Key), hint: "use the name that the server outside has of its own",
				at: api.Other{Object: route.Key, Path: "spec.hostnames"},
			}
		}
	}
	return nil
}

// carries says whether the Envoys of a fleet send anything to a Service: not to a name that leads back to them.
func carries(r *Reader, f fleet, service *corev1.Service) bool {
	return !isExternal(service) || pointsBack(r, f, service) == nil
}

// fleetsCarrying are the fleets that a Service has clusters and virtual hosts in.
func fleetsCarrying(r *Reader, service *corev1.Service) []fleet {
	return slices.DeleteFunc(fleetsServing(r, service), func(f fleet) bool { return !carries(r, f, service) })
}
