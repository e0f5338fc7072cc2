package translator

import (
	"cmp"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/structpb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/behind"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// An endpoint of a headless Service that has a hostname is reachable by it: pod-0.db.shop. All of them are in one cluster for each
// port of the Service, beside the one in which Envoy chooses; a route to one of them says its hostname, by
// which the cluster is divided into subsets. So one that comes is a scope and a virtual host of its own,
// which do not change with its address, and a change of endpoints, and not another cluster.
//
// An EndpointSlice calls for the virtual hosts of its own hostnames, so that what a change of it costs does not grow with
// the number of the others.
var (
	hostnameHosts     = &Feature{Name: "hosts of an endpoint", Build: buildHostnameHosts}
	hostnameCluster   = &Feature{Name: "cluster by hostname", Build: buildHostnameCluster}
	hostnameEndpoints = &Feature{Name: "endpoints by hostname", Build: buildHostnameEndpoints}
)

const (
	// subsetMetadata is where Envoy looks for what subsets are made by.
	subsetMetadata = "envoy.lb"
	hostnameKey    = "hostname"
)

func isHeadless(service *corev1.Service) bool {
	return service.Spec.ClusterIP == corev1.ClusterIPNone && !isExternal(service)
}

// label gives a hostname as the first label of a DNS name; empty if it cannot be one.
func label(hostname string) string {
	if strings.Contains(hostname, ".") {
		return ""
	}
	return strings.ToLower(hostname)
}

// podHostname is the hostname that a Pod asks for in a Service.
func podHostname(pod *corev1.Pod, service string) string {
	if pod.Spec.Subdomain != service {
		return ""
	}
	return label(pod.Spec.Hostname)
}

// hostnameCalls gives the units of endpoints of a Service with these hostnames, if it is a headless one.
func hostnameCalls(r *Reader, namespace, name string, hostnames ...string) []Unit {
	service := read[*corev1.Service](r, api.KindService, namespace, name)
	if service == nil || !isHeadless(service) || len(servedPorts(service)) == 0 {
		return nil
	}
	var units []Unit
	for _, f := range fleetsServing(r, service) {
		if _, enabled := f.serviceListener(); !enabled {
			continue
		}
		units = append(units, hostnameClusterCalls(f, service)...)
		for _, h := range hostnames {
			units = append(units,
				Unit{Feature: scopeHead, Namespace: name, Name: h}.in(f),
				Unit{Feature: hostnameHosts, Namespace: namespace, Name: name, Extra: h}.in(f))
		}
	}
	return units
}

func hostnameClusterCalls(f fleet, service *corev1.Service) []Unit {
	var units []Unit
	for _, p := range servedPorts(service) {
		subject := Unit{Namespace: service.Namespace, Name: service.Name, Port: p.Port}
		units = append(units, subject.of(hostnameEndpoints), subject.of(hostnameCluster).in(f))
	}
	return units
}

// hostnamesBehind are those of what a headless Service selects by itself: the names of Workloads and, where neither
// EndpointSlices nor Endpoints say what is behind it, those of Pods.
func hostnamesBehind(r *Reader, service *corev1.Service) []string {
	var all []string
	for _, o := range streamWorkloads(r, service) {
		all = append(all, label(o.Key.Name))
	}
	if len(r.list(indexSliceService, service.Namespace, service.Name)) == 0 && r.get(api.KindEndpoints, service.Namespace, service.Name) == nil {
		for _, v := range streamVersions(r, service) {
			for _, o := range selectedPods(r, service, v.versionKey) {
				if pod := o.Value.(*corev1.Pod); !behind.HasEnded(pod) {
					all = append(all, podHostname(pod, service.Name))
				}
			}
		}
	}
	return distinctLabels(all)
}

// distinctLabels sorts labels, and leaves out empty ones and those that are there already.
func distinctLabels(all []string) []string {
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(l string) bool { return l == "" })
}

// hostnameForms are the DNS names of an endpoint. Those without svc would be others' in a namespace of this name.
func hostnameForms(f fleet, service *corev1.Service, hostname string) []string {
	name := hostname + "." + service.Name + "." + service.Namespace
	full := name + ".svc." + f.Spec.ClusterDomain
	if service.Namespace == "svc" {
		return []string{full}
	}
	return []string{name, name + ".svc", full}
}

func buildHostnameHosts(r *Reader, u Unit) Result {
	f, ok := readFleet(r, u.Fleet)
	service := read[*corev1.Service](r, api.KindService, u.Namespace, u.Name)
	if !ok || service == nil {
		return Result{}
	}
	e := &encoder{}
	part := hostPart(u.Namespace, u.Name) + "/" + u.Extra
	key := resource.Key{Type: resource.Scope, Audience: resource.OfFleet(u.Fleet), Name: scopeName(u.Name, u.Extra), Part: part}
	out := resource.Output{Sources: []api.Key{serviceKey(u)}}
	var content, fallback []message
	var ports []Origin
	for _, p := range servedPorts(service) {
		name, domains := part+"/"+portString(p.Port), domainsOf(f, service, p.Port, hostnameForms(f, service, u.Extra))
		cluster := hostnameClusterName(u.Namespace, u.Name, p.Port)
		route := e.serviceRoutes(service, []share{{cluster: cluster, weight: v1alpha1.WeightTotal, policy: policyOf(r, service, p)}})[0]
		route.GetRoute().HashPolicy, route.TypedPerFilterConfig = nil, nil // there is no choice
		route.GetRoute().MetadataMatch = hostnameMetadata(u.Extra)
		content = append(content, &routev3.VirtualHost{Name: name, Domains: domains, Routes: []*routev3.Route{route}})
		fallback = append(fallback, unavailableHost(name, domains))
		out.Clusters = append(out.Clusters, resource.ClusterRef{Name: cluster})
		ports = append(ports, Origin{serviceKey(u), portPath(service, p)})
	}
	slices.SortFunc(out.Clusters, func(a, b resource.ClusterRef) int { return cmp.Compare(a.Name, b.Name) })
	out.Bytes = e.content(key, content...)
	out.Fallback = (&encoder{}).content(key, fallback...)
	result := e.finish(key, out)
	result.Origins.Routes = ports
	return result
}

func hostnameMetadata(hostname string) *corev3.Metadata {
	return &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
		subsetMetadata: {Fields: map[string]*structpb.Value{hostnameKey: structpb.NewStringValue(hostname)}},
	}}
}

// buildHostnameCluster makes a cluster without health checks: who names an endpoint means that one.
func buildHostnameCluster(r *Reader, u Unit) Result {
	service, port := servedBy(r, u)
	if port == nil {
		return Result{}
	}
	name := hostnameClusterName(u.Namespace, u.Name, u.Port)
	e := &encoder{}
	c := edsCluster(name)
	c.LbSubsetConfig = &clusterv3.Cluster_LbSubsetConfig{
		SubsetSelectors: []*clusterv3.Cluster_LbSubsetConfig_LbSubsetSelector{{
			Keys: []string{hostnameKey},
			// Envoy then keeps a table in place of a balancer for each: with 1,000 hostnames a change takes half the time.
			SingleHostPerSubset: true,
		}},
	}
	f, ok := readFleet(r, u.Fleet)
	if !ok {
		return Result{}
	}
	e.limit(c, policyOf(r, service, port), speaksHTTP2(port.AppProtocol))
	e.overTLS(c, tlsTo(r, f, service, port), speaksHTTP2(port.AppProtocol))
	e.sendProxy(c, service)
	return e.result(resource.Key{Type: resource.Cluster, Audience: resource.OfFleet(u.Fleet), Name: name}, c, resource.Output{
		Fetches: []resource.Ref{{Type: resource.Endpoint, Name: name}},
		Sources: []api.Key{serviceKey(u)},
		Drain:   f.Spec.DrainTime.Duration,
	}).from(Origin{serviceKey(u), portPath(service, port)})
}

// buildHostnameEndpoints gives all endpoints with a hostname that serve, of all versions, also those that
// terminate: there is no other with the name.
func buildHostnameEndpoints(r *Reader, u Unit) Result {
	service, port := servedBy(r, u)
	if port == nil {
		return Result{}
	}
	name := hostnameClusterName(u.Namespace, u.Name, u.Port)
	all := &selection{}
	for _, v := range streamVersions(r, service) {
		s := selectEndpoints(r, service, port, v.versionKey)
		s.settle(behind.PrimaryFamily(service))
		all.endpoints = append(all.endpoints, s.endpoints...)
	}
	all.endpoints = slices.DeleteFunc(all.endpoints, func(e endpoint) bool { return e.hostname == "" || e.state == notReady })
	// A name is one endpoint: one that is ready, if there is one.
	slices.SortFunc(all.endpoints, func(a, b endpoint) int {
		return cmp.Or(cmp.Compare(a.hostname, b.hostname), cmp.Compare(a.state, b.state), a.address.Compare(b.address))
	})
	all.endpoints = slices.CompactFunc(all.endpoints, func(a, b endpoint) bool { return a.hostname == b.hostname })
	a := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	if len(all.endpoints) > 0 {
		a.Endpoints = []*endpointv3.LocalityLbEndpoints{{}}
	}
	for _, e := range all.endpoints {
		e.state = ready
		lb := lbEndpoint(e, nil)
		lb.Metadata = hostnameMetadata(e.hostname)
		a.Endpoints[0].LbEndpoints = append(a.Endpoints[0].LbEndpoints, lb)
	}
	e := &encoder{}
	return e.result(resource.Key{Type: resource.Endpoint, Audience: resource.Everyone, Name: name}, a,
		resource.Output{Ready: len(all.endpoints), Total: len(all.endpoints), Sources: []api.Key{serviceKey(u)}})
}
