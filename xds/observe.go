package xds

import (
	"sync"

	"github.com/gateway-cp/gateway-cp/resource"
)

// observed collects the clusters whose state on some Envoy has changed, until somebody looks.
type observed struct {
	mu       sync.Mutex
	clusters map[string]struct{}
	every    bool
	refusals bool
	bell     chan struct{}
}

func newObserved() observed {
	return observed{clusters: map[string]struct{}{}, bell: make(chan struct{}, 1)}
}

func (o *observed) add(cluster string) {
	o.mu.Lock()
	o.clusters[cluster] = struct{}{}
	o.mu.Unlock()
	o.ring()
}

// all notes that an Envoy has come or gone.
func (o *observed) all() {
	o.mu.Lock()
	o.every = true
	o.mu.Unlock()
	o.ring()
}

// refused notes that some Envoy refuses more or less than before.
func (o *observed) refused() {
	o.mu.Lock()
	o.refusals = true
	o.mu.Unlock()
	o.ring()
}

func (o *observed) ring() {
	select {
	case o.bell <- struct{}{}:
	default:
	}
}

// Observed rings when there is something for Observations.
func (s *Server) Observed() <-chan struct{} { return s.observed.bell }

// Observations returns the clusters that have become warm or have changed in health on some
// Envoy, or whose load is watched and was reported, since the last call; every is true when an Envoy has come or gone, which may concern
// any cluster.
func (s *Server) Observations() (clusters map[string]struct{}, every bool) {
	o := &s.observed
	o.mu.Lock()
	defer o.mu.Unlock()
	clusters, every = o.clusters, o.every
	o.clusters, o.every = map[string]struct{}{}, false
	return clusters, every
}

// RefusalsChanged says whether, since the last call, an Envoy has come or gone or refuses more or
// less than before.
func (s *Server) RefusalsChanged() bool {
	o := &s.observed
	o.mu.Lock()
	defer o.mu.Unlock()
	changed := o.refusals || o.every
	o.refusals = false
	return changed
}

// ClusterOn is the state of one cluster on one connected Envoy.
type ClusterOn struct {
	Envoy string // node.id
	// Warm: Envoy has the cluster and its endpoints.
	Warm bool
	// Checked: the cluster has active health checks, which Healthy endpoints have passed.
	Checked bool
	Healthy int
	// Reported: Envoy has said how many are healthy since the cluster was last sent.
	Reported bool
	// Refused is Envoy's message if it has refused the cluster or its endpoints.
	Refused string
}

// Cluster returns the state of a cluster on every connected Envoy that shall have it, ordered
// by node id. Clients without an Envoy are not among them: see Node.Proxyless.
func (s *Server) Cluster(name string) []ClusterOn {
	var on []ClusterOn
	for _, c := range s.connected() {
		if c.session.node.Proxyless() {
			continue
		}
		c.mu.Lock()
		if state, ok := c.session.cluster(name); ok {
			on = append(on, state)
		}
		c.mu.Unlock()
	}
	return on
}

// Serves says whether an Envoy, connected or not, shall have a cluster.
func (s *Server) Serves(n Node, cluster string) bool {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	return s.store.has(s.store.groups(n), resource.Cluster, cluster)
}

func (s *session) cluster(name string) (ClusterOn, bool) {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	if !s.store.has(s.audiences, resource.Cluster, name) {
		return ClusterOn{}, false
	}
	on := ClusterOn{Envoy: s.node.ID}
	if state, there := s.clusters.get(s.store.names.find(name)); there {
		on.Warm, on.Checked, on.Healthy, on.Reported = state.warm, state.checked, state.healthy, state.reported
	}
	for a, r := range s.refused {
		if a.name == name && (a.kind == resource.Cluster || a.kind == resource.Endpoint) {
			on.Refused = r.message
		}
	}
	return on, true
}
