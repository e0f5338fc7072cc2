package translator

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/behind"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Bytes and datagrams are passed on to one cluster for each port of a Service, whatever versions it has:
// each version is a locality in it, and the weights of localities are those of the Rollout. So a step of
// a Rollout is a change of endpoints. Were the versions clusters of their own, the weights would stand in
// the listener, and each step would cut the connections that are open.
var (
	streamCluster   = &Feature{Name: "stream cluster", Build: buildStreamCluster}
	streamEndpoints = &Feature{Name: "stream endpoints", Build: buildStreamEndpoints}
)

// stream says which endpoints of a Service port a unit is about.
type stream struct {
	protocol corev1.Protocol
	// local: only those on the node of an Envoy.
	local bool
	// at is which Envoys they are for: all, or those of a zone or node that have others. Local ones are for those
	// of a node; those for all are then none.
	at resource.Audience
}

const localStream = "/local"

// pack gives the same string for the same stream.
func (s stream) pack() string {
	packed := string(s.protocol)
	if s.local {
		packed += localStream
	}
	return packAudience(packed, s.at)
}

func unpackStream(packed string) stream {
	packed, at := unpackAudience(packed)
	protocol, local := strings.CutSuffix(packed, localStream)
	return stream{corev1.Protocol(protocol), local, at}
}

// takes says whether an endpoint is one of the stream.
func (s stream) takes(e *endpoint) bool {
	return !s.local || s.at.Scope == resource.Node && e.node == s.at.Name
}

// streamsOf gives the streams that an opening needs: one, or for local ones one for each node with endpoints,
// and one for the others.
func streamsOf(r *Reader, o *opening) []stream {
	port := o.servicePort()
	all := []stream{{protocol: port.Protocol, local: o.local}}
	if !o.local {
		return all
	}
	var nodes []string
	for _, v := range streamVersions(r, o.service) {
		for _, e := range selectEndpoints(r, o.service, port, v.versionKey).endpoints {
			nodes = append(nodes, e.node)
		}
	}
	slices.Sort(nodes)
	for _, n := range slices.Compact(nodes) {
		if n != "" {
			all = append(all, stream{port.Protocol, true, resource.Audience{Scope: resource.Node, Name: n}})
		}
	}
	return all
}

// streamPort finds the port of the Service that a unit of a stream is about.
func streamPort(r *Reader, u Unit) (*corev1.Service, *corev1.ServicePort, stream) {
	s := unpackStream(u.Extra)
	service := read[*corev1.Service](r, api.KindService, u.Namespace, u.Name)
	if service == nil {
		return nil, nil, s
	}
	for i := range service.Spec.Ports {
		if p := &service.Spec.Ports[i]; p.Port == u.Port && p.Protocol == s.protocol {
			return service, p, s
		}
	}
	return nil, nil, s
}

func buildStreamCluster(r *Reader, u Unit) Result {
	service, port, stream := streamPort(r, u)
	if port == nil {
		return Result{}
	}
	name := streamClusterName(u.Namespace, u.Name, port, stream.local)
	c := edsCluster(name)
	f, ok := readFleet(r, u.Fleet)
	if !ok {
		return Result{}
	}
	e := &encoder{}
	policy, http2 := policyOf(r, service, port), speaksPlainHTTP(port) && speaksHTTP2(port.AppProtocol)
	balancer := balancerOf(service, policy)
	if !stream.local { // requests go to local ones, too
		balancer = ofStreams(balancer)
	}
	e.balanceStream(c, balancer)
	e.applyPolicy(c, policy, http2)
	e.overTLS(c, streamTLS(r, f, service, port), http2)
	out := resource.Output{
		Sources: []api.Key{serviceKey(u)},
		Drain:   f.Spec.DrainTime.Duration,
	}
	key := resource.Key{Type: resource.Cluster, Audience: resource.OfFleet(u.Fleet), Name: name}
	if isExternal(service) {
		e.resolveOutside(c, f, service, port)
		e.sendProxy(c, service)
		return e.result(key, c, out).from(Origin{serviceKey(u), portPath(service, port)})
	}
	out.Fetches = []resource.Ref{{Type: resource.Endpoint, Name: name}}
	check, problems := checkOf(service, policy, streamWorkloads(r, service), http2)
	if check != nil {
		e.checkHealth(c, check, http2)
		out.HealthChecked = true
	}
	e.sendProxy(c, service)
	return e.result(key, c, out, problems...).
		from(Origin{serviceKey(u), portPath(service, port)})
}

// streamVersions are the versions of a Service with their weights; without a Rollout there is one.
func streamVersions(r *Reader, service *corev1.Service) []weighedVersion {
	rollout := rolloutOf(r, service.Namespace, service.Name)
	if rollout == nil || len(rollout.Spec.Versions) == 0 {
		return []weighedVersion{{weight: 1}}
	}
	var all []weighedVersion
	for _, v := range versionsOf(rollout) {
		all = append(all, weighedVersion{versionKey{ID: v.id, Rollout: rollout.Name, Selector: v.selector}, v.weight})
	}
	return all
}

type weighedVersion struct {
	versionKey
	weight int32
}

// streamWorkloads are the Workloads of all versions, each once.
func streamWorkloads(r *Reader, service *corev1.Service) []*api.Object {
	var all []*api.Object
	for _, v := range streamVersions(r, service) {
		all = append(all, selectedWorkloads(r, service, v.versionKey)...)
	}
	slices.SortFunc(all, func(a, b *api.Object) int { return a.Key.Compare(b.Key) })
	return slices.Compact(all)
}

func buildStreamEndpoints(r *Reader, u Unit) Result {
	service, port, stream := streamPort(r, u)
	if port == nil {
		return Result{}
	}
	http2 := speaksPlainHTTP(port) && speaksHTTP2(port.AppProtocol)
	check, _ := checkOf(service, policyOf(r, service, port), streamWorkloads(r, service), http2) // the cluster reports on it
	name := streamClusterName(u.Namespace, u.Name, port, stream.local)
	a := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	out := resource.Output{Sources: []api.Key{serviceKey(u)}}
	var problems []api.Problem
	near := false // an endpoint of some version is
	versions := streamVersions(r, service)
	// An endpoint that is of two versions is of the one with traffic.
	slices.SortStableFunc(versions, func(a, b weighedVersion) int { return cmp.Compare(b.weight, a.weight) })
	seen := map[netip.AddrPort]bool{}
	for _, v := range versions {
		s := selectEndpoints(r, service, port, v.versionKey)
		total := s.settle(behind.PrimaryFamily(service))
		if stream.local || stream.at == resource.Everyone {
			problems = append(problems, s.problems(service, port, v.versionKey, total)...)
		} else {
			near = s.prefer(r, stream.at) || near
		}
		s.endpoints = slices.DeleteFunc(s.endpoints, func(e endpoint) bool { return !stream.takes(&e) })
		s.serve()
		out.Ready, out.Total = out.Ready+s.count(ready), out.Total+total
		s.endpoints = slices.DeleteFunc(s.endpoints, func(e endpoint) bool { return seen[e.address] })
		for _, e := range s.endpoints {
			seen[e.address] = true
		}
		a.Endpoints = append(a.Endpoints, streamLocalities(v, s.endpoints, check)...)
	}
	slices.SortFunc(a.Endpoints, func(a, b *endpointv3.LocalityLbEndpoints) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.GetLocality().GetSubZone(), b.GetLocality().GetSubZone()))
	})
	switch {
	case near:
		preferNear(a)
	case !stream.local && stream.at != resource.Everyone:
		return Result{}
	}
	e := &encoder{}
	key := resource.Key{Type: resource.Endpoint, Audience: stream.at, Name: name}
	return e.result(key, a, out, problems...)
}

// streamLocalities are a version among the endpoints of a stream, one for each priority. One without weight is there
// all the same: Envoy checks its endpoints already, and sends nothing to those that drain.
func streamLocalities(v weighedVersion, endpoints []endpoint, check *check) []*endpointv3.LocalityLbEndpoints {
	var all []*endpointv3.LocalityLbEndpoints
	for _, e := range endpoints {
		i := slices.IndexFunc(all, func(l *endpointv3.LocalityLbEndpoints) bool { return l.Priority == e.priority })
		if i < 0 {
			i = len(all)
			all = append(all, &endpointv3.LocalityLbEndpoints{Locality: &corev3.Locality{SubZone: v.ID}, Priority: e.priority})
			if v.weight > 0 {
				all[i].LoadBalancingWeight = wrapperspb.UInt32(uint32(v.weight))
			}
		}
		if v.weight <= 0 {
			e.state = draining
		}
		all[i].LbEndpoints = append(all[i].LbEndpoints, lbEndpoint(e, check))
	}
	return all
}
