package xds

import (
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// clusterState is what is known of a cluster on one Envoy.
type clusterState struct {
	// warm: Envoy has its endpoints (and, with active health checks, has done a first round):
	// the acknowledgement of the cluster says so, and for a cluster without active health
	// checks that of endpoints which were sent after it.
	warm bool
	// sent is when the cluster was sent, in the session's order of sending.
	sent uint64
	// checked: it has active health checks; healthy is how many endpoints passed them, as
	// Envoy's gauge membership_healthy says.
	checked bool
	healthy int
	// reported: the gauge has come since the cluster was last sent.
	reported bool
	// mayCheck: some version that the Envoy may have has active health checks, so that only an
	// acknowledgement of clusters says that it is warm.
	mayCheck bool
}

// verdict is what is to happen to a resource on an Envoy.
type verdict uint8

const (
	deliver verdict = iota // it shall have this version
	keep                   // it shall keep what it has for now
	absent                 // it shall not have the resource
)

// compose gives the version of a resource that this Envoy shall have now. Parts that are not
// ready stay at their last version that the Envoy has, or at their fallback.
func (s *session) compose(t resource.Type, name string) (*composed, verdict) {
	target := s.store.find(s.audiences, t, name)
	this := resource.Ref{Type: t, Name: name}
	s.missNothing(this)
	if target == nil {
		return nil, absent
	}
	h := s.subs[t].held[name]
	if !s.usable(this, target.head) {
		return stay(h)
	}
	var parts []*content // nil as long as there is no deviation
	for i, p := range target.parts {
		use := p
		// What was refused once is tried when there is something to go back to.
		good := s.good(this, p.part)
		if first := h == nil || h.acked == nil; !s.usable(this, p) || first && good.isThere() {
			if h != nil && h.unknown != "" && good == nil {
				return nil, keep // the last version of the part is not known: keep all
			}
			use = s.standIn(this, h, p, good)
		}
		if use == p && parts == nil {
			continue
		}
		if parts == nil {
			parts = append(make([]*content, 0, len(target.parts)), target.parts[:i]...)
		}
		if use != nil {
			parts = append(parts, use)
		}
	}
	whole := target
	if parts != nil {
		whole = compose(name, target.head, parts)
	}
	if len(target.parts) > 0 && len(whole.parts) == 0 || s.isRefusedTogether(this, whole) {
		return stay(h) // without any of its parts it is of no use, or not even valid
	}
	return whole, deliver
}

// stay leaves an Envoy what it has of a resource that cannot be delivered now.
func stay(h *held) (*composed, verdict) {
	switch {
	case h == nil:
		return nil, absent
	case h.removing || h.sent == nil:
		return nil, keep
	}
	return h.sent, deliver
}

// standIn is what an Envoy is given while a part is not ready: what it has, or else what is
// known to be good, or the fallback.
func (s *session) standIn(of resource.Ref, h *held, p, good *content) *content {
	var last *content
	if h != nil {
		last = h.sent.get(p.part)
	}
	isFallback := last != nil && p.fallback != nil && last.hash == p.fallback.hash
	switch {
	case last != nil && !isFallback:
		if p.output.Invalid {
			s.store.good.put(s.keyOf(of, p.part), last)
		}
		return last
	case good != nil && s.usable(of, good):
		if !good.isThere() {
			return nil
		}
		return good
	case last != nil:
		return last
	}
	if p.fallback == nil || s.isHeldBack(of, p.fallback) {
		return nil
	}
	return p.fallback
}

// usable says whether a content may go to this Envoy now. If something is missing, the
// resource is looked at again when that changes.
func (s *session) usable(of resource.Ref, c *content) bool {
	if c.output.Invalid || s.isHeldBack(of, c) {
		return false
	}
	ok := true
	for _, ref := range c.output.Clusters {
		if !s.reachable(of, c, ref) {
			s.await(resource.Ref{Type: resource.Cluster, Name: ref.Name}, of)
			ok = false
		}
	}
	for _, ref := range c.output.Fetches {
		if ref.Name != resource.All && !s.store.has(s.audiences, ref.Type, ref.Name) && !s.has(ref) {
			s.await(ref, of)
			ok = false
		}
	}
	return ok
}

// reachable says whether traffic may be sent to a cluster on this Envoy. A client that does
// not ask for all clusters, such as gRPC's own, fetches those that a route names by itself.
func (s *session) reachable(of resource.Ref, c *content, ref resource.ClusterRef) bool {
	if clusters := s.subs[resource.Cluster]; clusters == nil || !clusters.wildcard {
		return s.store.has(s.audiences, resource.Cluster, ref.Name)
	}
	state := s.clusters[ref.Name]
	if state == nil || !state.warm {
		return false
	}
	if !ref.Healthy || !state.checked || state.healthy > 0 {
		return true
	}
	// Not healthy (any more). That is no reason to hold back changes to a part which sends
	// traffic there already, nor the first version of one: its fallback would be no better.
	h := s.subs[of.Type].held[of.Name]
	if h == nil {
		return true
	}
	last := h.acked.get(c.part)
	if last == nil || c.fallback != nil && last.hash == c.fallback.hash {
		return h.unknown == ""
	}
	return slices.ContainsFunc(last.output.Clusters, func(before resource.ClusterRef) bool {
		return before.Name == ref.Name && before.Healthy
	})
}

func (s *session) has(ref resource.Ref) bool {
	return s.subs[ref.Type] != nil && s.subs[ref.Type].held[ref.Name] != nil
}

func (s *store) has(audiences []resource.Audience, t resource.Type, name string) bool {
	return s.find(audiences, t, name) != nil
}

// await has a resource looked at again when what it misses changes.
func (s *session) await(what, of resource.Ref) {
	if s.waiting[what] == nil {
		s.waiting[what] = map[resource.Ref]struct{}{}
	}
	s.waiting[what][of] = struct{}{}
	s.missing[of] = append(s.missing[of], what)
}

// missNothing forgets what a resource has waited for.
func (s *session) missNothing(of resource.Ref) {
	for _, what := range s.missing[of] {
		delete(s.waiting[what], of)
		if len(s.waiting[what]) == 0 {
			delete(s.waiting, what)
		}
	}
	delete(s.missing, of)
}

// happened has everything that waited for something looked at again.
func (s *session) happened(what resource.Ref) {
	for of := range s.waiting[what] {
		if sub := s.subs[of.Type]; sub != nil && sub.wants(of.Name) {
			sub.touch(of.Name)
		}
	}
}

// sending notes what the sending of a resource means for clusters.
func (s *session) sending(t resource.Type, c *composed) {
	if t != resource.Cluster {
		return
	}
	state := s.clusters[c.name]
	if state == nil {
		state = &clusterState{}
		s.clusters[c.name] = state
	}
	state.checked = c.head.output.HealthChecked
	state.mayCheck = state.mayCheck || state.checked
	state.sent, state.reported = s.sends+1, false
	// A changed cluster warms again and Envoy does not ask again for its endpoints.
	if eds := s.subs[resource.Endpoint]; eds != nil && eds.wants(c.name) && eds.held[c.name] != nil {
		eds.dirty[c.name] = true
	}
}

// accepted notes what an acknowledgement means for clusters.
func (s *session) accepted(r *response, c *composed) {
	state := s.clusters[c.name]
	if state == nil || state.warm {
		return
	}
	switch {
	case r.kind == resource.Cluster:
	case r.kind == resource.Endpoint && !state.mayCheck && r.sent > state.sent:
	default:
		return
	}
	s.setWarm(c.name, state)
}

// reported notes that an Envoy came with a cluster. Whether it is warm is known with the first
// acknowledgement of clusters, if only of an empty response.
func (s *session) reported(name string) {
	state := &clusterState{sent: s.sends, mayCheck: true}
	if c := s.store.find(s.audiences, resource.Cluster, name); c != nil {
		state.checked = c.head.output.HealthChecked
	}
	s.clusters[name] = state
	s.unsure = append(s.unsure, name)
}

// beSure marks the clusters warm that an Envoy came with: it has acknowledged some response
// for clusters, so none is warming.
func (s *session) beSure() {
	for _, name := range s.unsure {
		if state := s.clusters[name]; state != nil && !state.warm {
			s.setWarm(name, state)
		}
	}
	s.unsure = nil
}

func (s *session) setWarm(name string, state *clusterState) {
	state.warm = true
	s.happened(resource.Ref{Type: resource.Cluster, Name: name})
	s.warmed(name)
}

// warmingTime is how long an Envoy that comes back may take for its first cluster
// acknowledgement.
const warmingTime = time.Second

// helpWarming sends an Envoy that came back the endpoints of its clusters again if it has not
// acknowledged its first cluster response: then it still warms a cluster that was changed just
// before the connection was lost, and would wait in vain for endpoints that it says it has.
func (s *session) helpWarming() {
	if s.stillWarming.IsZero() || s.now().Before(s.stillWarming) {
		return
	}
	s.stillWarming = time.Time{}
	clusters, endpoints := s.subs[resource.Cluster], s.subs[resource.Endpoint]
	if clusters == nil || endpoints == nil || len(clusters.inflight) == 0 {
		return
	}
	for name := range endpoints.held {
		endpoints.dirty[name] = true
	}
}

// setHealthy takes in Envoy's gauge membership_healthy of a cluster.
func (s *session) setHealthy(cluster string, healthy int) {
	state := s.clusters[cluster]
	if state == nil || state.reported && state.healthy == healthy {
		return
	}
	state.healthy, state.reported = healthy, true
	s.happened(resource.Ref{Type: resource.Cluster, Name: cluster})
	s.warmed(cluster)
}
