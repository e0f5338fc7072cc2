package xds

import (
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// verdict is what is to happen to a resource on an Envoy.
type verdict uint8

const (
	deliver verdict = iota // it shall have this version
	keep                   // it shall keep what it has for now
	absent                 // it shall not have the resource
)

// compose gives the version of a resource that this Envoy shall have now. Parts that are not
// ready stay at their last version that the Envoy has, or at their fallback.
func (s *session) compose(t resource.Type, id uint32) (*composed, verdict) {
	target := s.view(t, id)
	s.missNothing(ref{t, id})
	if target == nil || t == resource.Endpoint && s.isForeign(id) {
		return nil, absent
	}
	if s.subs[t].acked.has(id) {
		return target, deliver // it has it
	}
	this := of{ref{t, id}, target.name}
	h, has := s.held(t, id)
	if !s.usable(this, target.head) {
		return stay(h, has)
	}
	whole, ok := s.assemble(this, target, h, h.acked == nil)
	if ok && h.acked == nil && s.isRefusedTogether(this, whole) {
		whole, ok = s.assemble(this, target, h, false) // what is known to be good is not, here
	}
	if !ok {
		return nil, keep // the last version of a part is not known: keep all
	}
	if len(target.parts) > 0 && len(whole.parts) == 0 || s.isRefusedTogether(this, whole) {
		return stay(h, has) // without any of its parts it is of no use, or not even valid
	}
	if t == resource.Endpoint {
		whole = s.withReplaced(h, whole)
	}
	return whole, deliver
}

// assemble gives a resource with what stands in for the parts that are not usable; cautious, also
// for those that some Envoy refused: they are tried when there is something to go back to. It is
// not ok if what stands in for a part is not known.
func (s *session) assemble(this of, target *composed, h held, cautious bool) (whole *composed, ok bool) {
	var parts []*content // nil as long as there is no deviation
	for i, p := range target.parts {
		use := p
		good := s.good(this, p.part)
		if !s.usable(this, p) || cautious && good.isThere() && !s.isHeldBack(this, good) {
			if h.unknown != "" && good == nil {
				return nil, false
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
	if parts == nil {
		return target, true
	}
	return compose(this.id, target.name, target.head, parts), true
}

// of is the resource that a content is of.
type of struct {
	ref
	name string
}

// stay leaves an Envoy what it has of a resource that cannot be delivered now.
func stay(h held, has bool) (*composed, verdict) {
	switch {
	case !has:
		return nil, absent
	case h.removing || h.sent == nil:
		return nil, keep
	}
	return h.sent, deliver
}

// standIn is what an Envoy is given while a part is not ready: what it has, or else what is
// known to be good, or the fallback.
func (s *session) standIn(of of, h held, p, good *content) *content {
	last := h.sent.get(p.part)
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
func (s *session) usable(of of, c *content) bool {
	if c.output.Invalid || s.isHeldBack(of, c) {
		return false
	}
	ok := true
	for _, ref := range c.output.Clusters {
		if !s.reachable(of, c, ref) {
			s.await(resource.Ref{Type: resource.Cluster, Name: ref.Name}, of.ref)
			ok = false
		}
	}
	for _, ref := range c.output.Fetches {
		if ref.Name != resource.All && !s.store.has(s.audiences, ref.Type, ref.Name) && !s.has(ref) {
			s.await(ref, of.ref)
			ok = false
		}
	}
	return ok
}

// reachable says whether traffic may be sent to a cluster on this Envoy. A client that does
// not ask for all clusters, such as gRPC's own, fetches those that a route names by itself.
func (s *session) reachable(of of, c *content, ref resource.ClusterRef) bool {
	if clusters := s.subs[resource.Cluster]; clusters == nil || !clusters.wildcard {
		return s.store.has(s.audiences, resource.Cluster, ref.Name)
	}
	state, _ := s.clusters.get(s.store.names.find(ref.Name))
	if !state.warm {
		return false
	}
	if !ref.Healthy || !state.checked || state.healthy > 0 {
		return true
	}
	// Not healthy (any more). That is no reason to hold back changes to a part which sends
	// traffic there already, nor the first version of one: its fallback would be no better.
	h, has := s.held(of.kind, of.id)
	if !has {
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
	h, _ := s.held(ref.Type, s.store.names.find(ref.Name))
	return h.sent != nil || h.unknown != ""
}

// await has a resource looked at again when what it misses changes.
func (s *session) await(what resource.Ref, of ref) {
	s.waits.add(of, ref{what.Type, s.store.names.use(what.Name, s.number)})
}

// missNothing forgets what a resource has waited for.
func (s *session) missNothing(of ref) {
	s.waits.end(of, func(what ref) { s.loosen(what.id) })
}

// stopWaiting has everything looked at that has waited for what has changed.
func (s *session) stopWaiting() {
	s.waits.take(func(of ref) {
		if sub := s.subs[of.kind]; sub != nil && sub.wants(of.id) {
			sub.touch(of.id)
		}
	})
}

// sending notes what the sending of a resource means for clusters.
func (s *session) sending(t resource.Type, c *composed) {
	if t != resource.Cluster {
		return
	}
	state, _ := s.clusters.get(c.id)
	state.checked = isChecked(c)
	h, _ := s.held(t, c.id)
	state.mayCheck = state.mayCheck || state.checked || slices.ContainsFunc(h.maybe, isChecked)
	state.sent, state.reported = s.sends+1, false
	s.clusters.put(c.id, state)
	// A changed cluster warms again and Envoy does not ask again for its endpoints. If there are none,
	// it is told so once more.
	if eds := s.subs[resource.Endpoint]; eds != nil && eds.wants(c.id) {
		eds.force(c.id)
	}
}

// isChecked says whether a version of a cluster has active health checks.
func isChecked(c *composed) bool { return c.head.output.HealthChecked }

// awaitsEndpoints says whether a cluster was sent on this stream, and is not warm yet, or not in a
// version that the Envoy may have taken since. Envoy then waits for endpoints, also for those that
// it has.
func (s *session) awaitsEndpoints(cluster uint32) bool {
	if state, _ := s.clusters.get(cluster); state.sent > 0 && !state.warm {
		return true
	}
	h, _ := s.held(resource.Cluster, cluster)
	return h.sent != h.acked || len(h.maybe) > 0
}

// accepted notes what an acknowledgement means for clusters.
func (s *session) accepted(r *response, c *composed) {
	state, there := s.clusters.get(c.id)
	if !there || state.warm {
		return
	}
	switch {
	case r.kind == resource.Cluster:
	case r.kind == resource.Endpoint && !state.mayCheck && r.sent > state.sent:
	default:
		return
	}
	s.setWarm(c.id, state)
}

// reported notes that an Envoy came with a cluster. Whether it is warm is known with the first
// acknowledgement of clusters, if only of an empty response.
func (s *session) reported(id uint32) {
	state := clusterState{sent: s.sends, mayCheck: true}
	if c := s.view(resource.Cluster, id); c != nil {
		state.checked = isChecked(c)
	}
	s.clusters.put(id, state)
	s.unsure = append(s.unsure, id)
}

// beSure marks the clusters warm that an Envoy came with: it has acknowledged some response
// for clusters, so none is warming.
func (s *session) beSure() {
	for _, id := range s.unsure {
		if state, there := s.clusters.get(id); there && !state.warm {
			s.setWarm(id, state)
		}
	}
	s.unsure = nil
}

func (s *session) setWarm(id uint32, state clusterState) {
	state.warm = true
	s.clusters.put(id, state)
	s.waits.note(ref{resource.Cluster, id})
	s.warmed(s.store.names.of(id))
}

// warmingTime is how long an Envoy that comes back may take for its first cluster
// acknowledgement once it has answered something that was sent later; slowTime is how long it may
// be too busy to answer anything.
const (
	warmingTime = time.Second
	slowTime    = 10 * time.Second
)

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
	first := clusters.inflight[0]
	if first.sent > s.heard && s.now().Before(first.at.Add(slowTime)) {
		s.stillWarming = s.now().Add(warmingTime) // it has not answered anything later, either
		return
	}
	endpoints.ids(endpoints.force)
}

// setHealthy takes in Envoy's gauge membership_healthy of a cluster.
func (s *session) setHealthy(cluster string, healthy int) {
	id := s.store.names.find(cluster)
	s.countReplaced(id, healthy)
	state, there := s.clusters.get(id)
	if !there || state.reported && state.healthy == healthy {
		return
	}
	state.healthy, state.reported = healthy, true
	s.clusters.put(id, state)
	s.waits.note(ref{resource.Cluster, id})
	s.warmed(cluster)
}
