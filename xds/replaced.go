package xds

import (
	"fmt"
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gateway-cp/gateway-cp/resource"
)

// An endpoint that comes to a cluster with active health checks gets requests from its first passed
// check on. If those that go were taken away in the same step, there might be none in between. So
// those that go stay on each Envoy for the drain time of the cluster, or until Envoy says that all
// others are healthy. They are DEGRADED there: Envoy sends them requests only while no other is
// healthy. See docs/decisions/0012-replaced-endpoints-stay-for-a-moment.md.

// replacedPart is the part of an assignment that holds endpoints that go. No part of the store has
// this name.
const replacedPart = "\x00replaced"

// oneIsEnough is an overprovisioning factor, in percent, with which one healthy endpoint of 10,000
// gets all requests. Envoy's default sends degraded ones a share as long as every third is not
// healthy: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/degraded
const oneIsEnough = 1_000_000

// replacedTwice is how long after the first count of healthy endpoints another one is taken to be
// about what Envoy has now: the first may have been on its way.
const replacedTwice = time.Second

// replacement is what an Envoy gets in place of an assignment while endpoints of it come and go.
type replacement struct {
	target *composed // what it stands for
	whole  *composed // with the endpoints that go; the same as target when there are none
	going  []going
	// until is when those that have come last are taken to have been checked. What goes later does
	// not stay.
	until time.Time
	// counted is when Envoy first said how many are healthy with these endpoints; zero: not yet.
	counted time.Time
}

// going is an endpoint that goes.
type going struct {
	*assigned
	until time.Time
}

// withReplaced gives what an Envoy is to have of an assignment: with the endpoints that are replaced
// by it, for as long as they stay.
func (s *session) withReplaced(h held, target *composed) *composed {
	cluster, _ := s.clusters.get(target.id)
	drain := s.drainTime(target.id)
	if !cluster.checked || drain <= 0 {
		s.replaced.remove(target.id)
		return target
	}
	now := s.now()
	next, there := s.replaced.get(target.id)
	switch {
	case !there && (h.sent == nil || h.sent.version == target.version):
		return target
	case !there:
		next = (&replacement{}).become(target, h.sent.head, now, now.Add(drain))
	case next.target != target:
		next = next.become(target, h.sent.get(""), now, now.Add(drain))
	}
	if next.expire(now) {
		s.replaced.remove(target.id)
		return target
	}
	s.replaced.put(target.id, next)
	if s.isHeldBack(of{ref{resource.Endpoint, target.id}, target.name}, next.whole.get(replacedPart)) {
		return target
	}
	return next.whole
}

// reportReplaced takes in that an Envoy has come with endpoints that were going when its last stream
// ended.
func (s *session) reportReplaced(id uint32, had *composed) {
	until := s.now().Add(s.drainTime(id))
	r := &replacement{target: had, until: until}
	for _, x := range had.get(replacedPart).hosts() {
		r.going = append(r.going, going{x, until})
	}
	if !r.expire(s.now()) && len(r.going) > 0 {
		s.replaced.put(id, r)
	}
}

// become gives the replacement that follows when a target is to take the place of what the Envoy has.
func (r *replacement) become(target *composed, had *content, now, until time.Time) *replacement {
	next := &replacement{target: target, until: r.until}
	there := map[string]bool{}
	for _, x := range had.hosts() {
		there[x.address] = true
	}
	for _, x := range r.going {
		there[x.address] = true
	}
	wanted := map[string]bool{}
	for _, x := range target.head.hosts() {
		wanted[x.address] = true
		if x.checked && !there[x.address] {
			next.until = until
		}
	}
	if len(wanted) == 0 || !now.Before(next.until) {
		return next // nothing is to take requests, or everything has been checked
	}
	for _, x := range r.going {
		if !wanted[x.address] {
			next.going = append(next.going, x)
		}
	}
	for _, x := range had.hosts() {
		if !wanted[x.address] && x.checked && x.serves() {
			next.going = append(next.going, going{x, until})
		}
	}
	next.weigh()
	return next
}

// weigh has endpoints that go be in the locality that the target has for them: of a locality that
// comes twice, Envoy takes the last weight, and that is not to be the one of before.
func (r *replacement) weigh() {
	localities := map[string]*endpointv3.LocalityLbEndpoints{}
	for _, x := range r.target.head.hosts() {
		localities[x.place()] = x.locality
	}
	for i, x := range r.going {
		if now := localities[x.place()]; now != nil {
			moved := *x.assigned
			moved.locality = now
			r.going[i].assigned = &moved
		}
	}
}

// expire leaves those out whose time has passed, and makes the whole if that is to be done. It says
// whether all is over.
func (r *replacement) expire(now time.Time) bool {
	n := len(r.going)
	r.going = slices.DeleteFunc(r.going, func(x going) bool { return !now.Before(x.until) })
	switch {
	case len(r.going) == 0:
		r.whole = r.target
	case r.whole == nil || len(r.going) != n:
		part := newContent(replacedPart, &resource.Output{Bytes: degraded(r.going), Sources: r.target.head.output.Sources})
		r.whole = compose(r.target.id, r.target.name, r.target.head, []*content{part})
	}
	return len(r.going) == 0 && !now.Before(r.until)
}

// degraded is the part of an assignment with endpoints that go.
func degraded(all []going) []byte {
	a := &endpointv3.ClusterLoadAssignment{Policy: &endpointv3.ClusterLoadAssignment_Policy{
		OverprovisioningFactor: wrapperspb.UInt32(oneIsEnough),
	}}
	there := map[string]*endpointv3.LocalityLbEndpoints{}
	for _, x := range all {
		e := proto.CloneOf(x.endpoint)
		e.HealthStatus = corev3.HealthStatus_DEGRADED
		place := x.place()
		if there[place] == nil {
			there[place] = &endpointv3.LocalityLbEndpoints{
				Locality: x.locality.Locality, LoadBalancingWeight: x.locality.LoadBalancingWeight, Priority: x.locality.Priority,
			}
			a.Endpoints = append(a.Endpoints, there[place])
		}
		there[place].LbEndpoints = append(there[place].LbEndpoints, e)
	}
	// What was decoded before can be encoded.
	b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(a)
	return b
}

// countReplaced takes in how many endpoints Envoy finds healthy, those that go not counted. Once all
// others are, those that go are not needed any more.
func (s *session) countReplaced(id uint32, healthy int) {
	r, there := s.replaced.get(id)
	if !there {
		return
	}
	if h, _ := s.held(resource.Endpoint, id); h.acked == nil || h.acked.version != r.whole.version {
		return
	}
	now := s.now()
	if r.counted.IsZero() {
		r.counted = now
		return
	}
	serving := 0
	for _, x := range r.target.head.hosts() {
		if x.serves() {
			serving++
		}
	}
	if healthy >= serving && !now.Before(r.counted.Add(replacedTwice)) {
		r.going, r.until = nil, now
		s.sub(resource.Endpoint).touch(id)
	}
}

// endReplaced has assignments looked at from which endpoints are to go now.
func (s *session) endReplaced() {
	now := s.now()
	for id, r := range s.replaced.m {
		if now.Before(r.ends()) {
			continue
		}
		if r.expire(now) {
			s.replaced.remove(id)
		}
		s.sub(resource.Endpoint).touch(id)
	}
}

// ends is when a replacement is to be looked at again.
func (r *replacement) ends() time.Time {
	at := r.until
	for _, x := range r.going {
		if x.until.Before(at) {
			at = x.until
		}
	}
	return at
}

// assigned is an endpoint of an assignment.
type assigned struct {
	address  string // encoded
	checked  bool   // it is, where its cluster is
	endpoint *endpointv3.LbEndpoint
	locality *endpointv3.LocalityLbEndpoints // that it is in
}

// serves says whether it may get requests for all that is known where it comes from.
func (a *assigned) serves() bool {
	return a.endpoint.HealthStatus == corev3.HealthStatus_UNKNOWN || a.endpoint.HealthStatus == corev3.HealthStatus_HEALTHY
}

// place is the locality and the priority that it is in.
func (a *assigned) place() string {
	l := a.locality.GetLocality()
	return fmt.Sprintf("%q %q %q %d", l.GetRegion(), l.GetZone(), l.GetSubZone(), a.locality.Priority)
}

// hosts gives the endpoints of an assignment that have addresses.
func (c *content) hosts() []*assigned {
	if c == nil {
		return nil
	}
	a := &endpointv3.ClusterLoadAssignment{}
	if proto.Unmarshal(c.output.Bytes, a) != nil {
		return nil
	}
	var all []*assigned
	for _, l := range a.Endpoints {
		for _, e := range l.LbEndpoints {
			address, err := proto.MarshalOptions{Deterministic: true}.Marshal(e.GetEndpoint().GetAddress())
			if err != nil || len(address) == 0 {
				continue
			}
			all = append(all, &assigned{string(address), !e.GetEndpoint().GetHealthCheckConfig().GetDisableActiveHealthCheck(), e, l})
		}
	}
	return all
}
