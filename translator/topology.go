package translator

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Where endpoints have hints, Envoys of a zone, or of a node, have an assignment of their own. What is near comes
// first in it, as a priority: the rest gets requests once nothing near is healthy. When hints count is decided as in
// kube-proxy: https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-distribution
//
// An assignment for each zone, not for each Envoy: its bytes are made once. Envoys for which there are no hints
// have the assignment of everyone.

// hints are the zones and nodes that an endpoint is for. They are shared and never changed.
type hints struct{ zones, nodes []string }

// oneIsEnough is an overprovisioning factor, in percent, with which one healthy endpoint of 10,000 near by gets all
// requests, as with kube-proxy. Envoy's default sends some further away as soon as every third is not healthy.
const oneIsEnough = 1_000_000

// farEnough is how many of those further away an assignment for a node names at most: it is there for each node
// with endpoints, and would else be as long as there are endpoints.
const farEnough = 16

// hintsOf gives the hints of an endpoint of an EndpointSlice; nil where there are none.
func hintsOf(given *discoveryv1.EndpointHints) *hints {
	if given == nil || len(given.ForZones)+len(given.ForNodes) == 0 {
		return nil
	}
	h := &hints{}
	for _, z := range given.ForZones {
		h.zones = append(h.zones, z.Name)
	}
	for _, n := range given.ForNodes {
		h.nodes = append(h.nodes, n.Name)
	}
	return h
}

func (h *hints) equal(o *hints) bool {
	return slices.Equal(h.zones, o.zones) && slices.Equal(h.nodes, o.nodes)
}

// prefersNear says whether a Service asks for endpoints near by. Another value than these is refused before.
func prefersNear(service *corev1.Service) bool {
	return service.Spec.TrafficDistribution != nil && !isExternal(service)
}

// hint gives endpoints without hints those that Kubernetes' controller gives to the endpoints of a Service
// that prefers what is near.
func (s *selection) hint(service *corev1.Service) {
	sameNode := *service.Spec.TrafficDistribution == corev1.ServiceTrafficDistributionPreferSameNode
	for i := range s.endpoints {
		e := &s.endpoints[i]
		if e.hints != nil {
			continue
		}
		h := &hints{}
		if e.zone != "" {
			h.zones = []string{e.zone}
		}
		if e.node != "" && sameNode {
			h.nodes = []string{e.node}
		}
		if len(h.zones)+len(h.nodes) > 0 {
			e.hints = h
		}
	}
}

// topology says which hints count: those that every endpoint has that is ready.
type topology struct{ zones, nodes bool }

func (s *selection) topology() topology {
	if s.count(ready) == 0 {
		return topology{}
	}
	t := topology{true, true}
	for i := range s.endpoints {
		e := &s.endpoints[i]
		if e.state == ready {
			t.zones = t.zones && e.hints != nil && len(e.hints.zones) > 0
			t.nodes = t.nodes && e.hints != nil && len(e.hints.nodes) > 0
		}
	}
	return t
}

// audiences are the zones and nodes that have an assignment of their own, sorted.
func (s *selection) audiences() []resource.Audience {
	t := s.topology()
	found := map[resource.Audience]bool{}
	for i := range s.endpoints {
		e := &s.endpoints[i]
		if e.state != ready {
			continue
		}
		for _, z := range e.hintedZones(t) {
			found[resource.Audience{Scope: resource.Zone, Name: z}] = true
		}
		for _, n := range e.hintedNodes(t) {
			found[resource.Audience{Scope: resource.Node, Name: n}] = true
		}
	}
	return sortedAudiences(found)
}

func sortedAudiences(all map[resource.Audience]bool) []resource.Audience {
	sorted := make([]resource.Audience, 0, len(all))
	for a := range all {
		sorted = append(sorted, a)
	}
	slices.SortFunc(sorted, func(a, b resource.Audience) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Name, b.Name))
	})
	return sorted
}

// hintedZones and hintedNodes are what an endpoint is for, where that counts. What is not ready has no hints from
// Kubernetes: it keeps its place while it drains.
func (e *endpoint) hintedZones(t topology) []string {
	switch {
	case !t.zones:
		return nil
	case e.hints != nil && len(e.hints.zones) > 0:
		return e.hints.zones
	}
	return []string{e.zone}
}

func (e *endpoint) hintedNodes(t topology) []string {
	switch {
	case !t.nodes:
		return nil
	case e.hints != nil && len(e.hints.nodes) > 0:
		return e.hints.nodes
	}
	return []string{e.node}
}

// prefer gives endpoints their priorities for an audience; false when no endpoint that is ready is for it.
func (s *selection) prefer(r *Reader, a resource.Audience) bool {
	t := s.topology()
	zone := a.Name
	if a.Scope == resource.Node {
		zone = s.zoneOf(r, a.Name)
	}
	near := false
	for i := range s.endpoints {
		e := &s.endpoints[i]
		atNode := a.Scope == resource.Node && slices.Contains(e.hintedNodes(t), a.Name)
		inZone := zone != "" && slices.Contains(e.hintedZones(t), zone)
		switch {
		case atNode || a.Scope == resource.Zone && inZone:
			e.priority = 0
			near = near || e.state == ready
		case inZone:
			e.priority = 1
		default:
			e.priority = 2
		}
	}
	if !near {
		for i := range s.endpoints {
			s.endpoints[i].priority = 0
		}
		return false
	}
	if a.Scope == resource.Node {
		s.thin(a.Name)
	}
	s.closeRanks()
	return true
}

// zoneOf gives the zone of a node, by what is known of the node or of the endpoints there.
func (s *selection) zoneOf(r *Reader, node string) string {
	if zone := zoneOf(r, node); zone != "" {
		return zone
	}
	i := slices.IndexFunc(s.endpoints, func(e endpoint) bool { return e.node == node && e.zone != "" })
	if i < 0 {
		return ""
	}
	return s.endpoints[i].zone
}

// thin leaves of what is further away what is enough. Which that is differs from node to node, so that all get their
// share when many nodes need them, and hardly changes when endpoints come and go.
func (s *selection) thin(node string) {
	if len(s.endpoints) <= farEnough {
		return
	}
	weight := func(e endpoint) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(node + " " + e.address.String()))
		return h.Sum64()
	}
	far := slices.DeleteFunc(slices.Clone(s.endpoints), func(e endpoint) bool { return e.priority == 0 || e.state != ready })
	slices.SortFunc(far, func(a, b endpoint) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(weight(a), weight(b)), a.address.Compare(b.address))
	})
	far = far[:min(len(far), farEnough)]
	s.endpoints = slices.DeleteFunc(s.endpoints, func(e endpoint) bool {
		return e.priority > 0 && !slices.ContainsFunc(far, func(f endpoint) bool { return f.address == e.address })
	})
}

// closeRanks leaves no priority without endpoints: gRPC's clients refuse that.
func (s *selection) closeRanks() {
	used := [3]bool{}
	for _, e := range s.endpoints {
		used[e.priority] = true
	}
	if used[2] && !used[1] {
		for i := range s.endpoints {
			s.endpoints[i].priority = min(s.endpoints[i].priority, 1)
		}
	}
}

// preferNear has Envoy send nothing further away as long as anything near is healthy.
func preferNear(a *endpointv3.ClusterLoadAssignment) {
	a.Policy = &endpointv3.ClusterLoadAssignment_Policy{OverprovisioningFactor: wrapperspb.UInt32(oneIsEnough)}
}

// packAudience puts an audience behind what else a unit of endpoints has in its Extra.
func packAudience(packed string, a resource.Audience) string {
	if a == resource.Everyone {
		return packed
	}
	return packed + "\x00" + string(rune('0'+a.Scope)) + a.Name
}

// unpackAudience is the reverse of packAudience.
func unpackAudience(packed string) (string, resource.Audience) {
	packed, a, found := strings.Cut(packed, "\x00")
	if !found {
		return packed, resource.Everyone
	}
	return packed, resource.Audience{Scope: resource.AudienceScope(a[0] - '0'), Name: a[1:]}
}

// topologyCalls gives the units of the assignments for zones and nodes.
func topologyCalls(r *Reader, service *corev1.Service) []Unit {
	fleets := fleetsServing(r, service)
	if len(fleets) == 0 || isExternal(service) {
		return nil
	}
	var units []Unit
	subject := Unit{Namespace: service.Namespace, Name: service.Name}
	for _, port := range servedPorts(service) {
		subject.Port = port.Port
		for _, v := range versionKeys(r, service) {
			for _, a := range selectEndpoints(r, service, port, unpackVersion(v)).audiences() {
				subject.Extra = packAudience(v, a)
				units = append(units, subject.of(serviceEndpoints))
			}
		}
	}
	called := map[int]bool{} // ports
	for _, f := range fleets {
		for _, o := range openingsOf(r, f, service) {
			if o.health() || o.local || speaksPlainHTTP(o.servicePort()) || called[o.index] {
				continue
			}
			called[o.index] = true
			subject.Port = o.servicePort().Port
			for _, a := range streamAudiences(r, &o) {
				subject.Extra = stream{protocol: o.servicePort().Protocol, at: a}.pack()
				units = append(units, subject.of(streamEndpoints))
			}
		}
	}
	return units
}

// streamAudiences are those of all versions.
func streamAudiences(r *Reader, o *opening) []resource.Audience {
	found := map[resource.Audience]bool{}
	for _, v := range streamVersions(r, o.service) {
		for _, a := range selectEndpoints(r, o.service, o.servicePort(), v.versionKey).audiences() {
			found[a] = true
		}
	}
	return sortedAudiences(found)
}

// sliceTopologyCalls gives those units where a Service does not ask for what is near, but an EndpointSlice has hints.
func sliceTopologyCalls(r *Reader, namespace string, slice *keptSlice) []Unit {
	if slice.rare == nil || slice.rare.hints == nil {
		return nil
	}
	service := read[*corev1.Service](r, api.KindService, namespace, slice.service)
	if service == nil || prefersNear(service) {
		return nil
	}
	return topologyCalls(r, service)
}
