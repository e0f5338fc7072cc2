package xds

import "github.com/gateway-cp/gateway-cp/resource"

// Endpoints are stored once for all fleets, under the name of their cluster, while each cluster is of
// some fleets. An Envoy asks for the endpoints of the clusters that it has; a client may ask for any
// name. It gets no endpoints of a cluster that there is for others alone.

// isForeign says whether endpoints are those of a cluster which is not for this Envoy. A cluster that
// it was sent, and may still use, counts as its own. The caller holds the store's lock.
func (s *session) isForeign(endpoints uint32) bool {
	clusters := s.store.resources[resource.Cluster]
	if int(endpoints) >= len(clusters) || clusters[endpoints].one == nil || s.view(resource.Cluster, endpoints) != nil {
		return false // of no cluster of this name, or of one that it sees
	}
	h, _ := s.held(resource.Cluster, endpoints)
	return h.sent == nil && h.acked == nil
}

// isForeignNoMore has endpoints looked at that were asked for before there was a cluster for them.
func (s *session) isForeignNoMore(cluster uint32) {
	if endpoints := s.subs[resource.Endpoint]; endpoints != nil && endpoints.wants(cluster) && !endpoints.has(cluster) {
		s.store.names.use(s.store.names.of(cluster), s.number)
		endpoints.touch(cluster)
	}
}
