package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/replica"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// settleTime is how long Envoys may take to come back after a start, before the fleet that is
// connected counts as all of it.
const settleTime = 5 * time.Second

// decider says where the traffic is: a rollout.Manager decides, a rollout.Follower does as a leader
// has decided.
type decider interface {
	Set(*v1alpha1.Rollout)
	Delete(api.Key)
	Touch(api.Key)
	Prune() []api.Key
	Step(rollout.ObserveFunc, time.Time) ([]*v1alpha1.Rollout, time.Time, error)
	Events() []rollout.ObjectEvent
}

// rollouts connects the decider with what it decides on (endpoints from the translator, warmth
// and health from the Envoys) and with what its decisions change.
type rollouts struct {
	decider    decider
	translator *translator.Translator
	log        *slog.Logger
	settled    time.Time
	// on says how a cluster is on every Envoy.
	on func(name string, content uint64) []replica.ClusterOn
	// load is what all Envoys have counted for a cluster, counting when that began; watch says of
	// which clusters they are to report it often.
	load     func(cluster string) rollout.Load
	counting string
	watch    func(clusters map[string]struct{})
	judged   map[api.Key][]string // the clusters of Rollouts whose versions are compared
	// measured is what was counted for a cluster since the change set that measure has said for it.
	measure  func(since map[string]uint64)
	measured func(cluster string) xds.Measured
	measures map[api.Key]measure
	stepped  map[api.Key]struct{} // Rollouts on which there is a decision since the last change set

	objects map[api.Key]*api.Object
	// following are those without versions, as they were written, and untold those of them that wait for
	// their Services.
	following map[api.Key]*api.Object
	untold    []translator.Change
	decided   map[api.Key]*v1alpha1.Rollout    // with the status that is in effect
	byTarget  map[api.Key]map[api.Key]struct{} // Service → Rollouts
	clusters  map[string]*versionCluster
	fresh     map[string]struct{} // clusters that the Envoys have not been handed yet
	everyone  bool                // Envoys have come or gone, and nobody has looked
	// fleets are all that there are. hooks is nil where nobody is asked or told anything.
	fleets map[string]*v1alpha1.Fleet
	// refused is what Envoys refuse of what sends traffic to a Service, for people.
	refused map[api.Key][]string
	hooks   *hookDesk
	// changed is called with every cluster of a version of which something has changed, moved with
	// every Rollout on which there is a new decision, or that is gone.
	changed func(cluster string)
	moved   func(api.Key)
	told    func(k api.Key, reason, message string) // is called with every event of a Rollout
}

func newRollouts(d decider, t *translator.Translator, log *slog.Logger, started time.Time) *rollouts {
	return &rollouts{
		decider: d, translator: t, log: log, settled: started.Add(settleTime),
		on:        func(string, uint64) []replica.ClusterOn { return nil },
		load:      func(string) rollout.Load { return rollout.Load{} },
		counting:  started.UTC().Format(time.RFC3339Nano),
		watch:     func(map[string]struct{}) {},
		judged:    map[api.Key][]string{},
		measure:   func(map[string]uint64) {},
		measured:  func(string) xds.Measured { return xds.Measured{} },
		measures:  map[api.Key]measure{},
		stepped:   map[api.Key]struct{}{},
		objects:   map[api.Key]*api.Object{},
		following: map[api.Key]*api.Object{},
		decided:   map[api.Key]*v1alpha1.Rollout{},
		byTarget:  map[api.Key]map[api.Key]struct{}{},
		clusters:  map[string]*versionCluster{},
		fresh:     map[string]struct{}{},
		fleets:    map[string]*v1alpha1.Fleet{},
		changed:   func(string) {},
		moved:     func(api.Key) {},
		told:      func(api.Key, string, string) {},
	}
}

func target(o *api.Object) api.Key {
	r := o.Value.(*v1alpha1.Rollout)
	return api.Key{Kind: api.KindService, Namespace: r.Namespace, Name: r.Spec.TargetRef.Name}
}

func (r *rollouts) set(o *api.Object) {
	r.untarget(o.Key)
	service := target(o)
	if r.byTarget[service] == nil {
		r.byTarget[service] = map[api.Key]struct{}{}
	}
	r.byTarget[service][o.Key] = struct{}{}
	delete(r.following, o.Key)
	if o.Value.(*v1alpha1.Rollout).FollowsSelector() {
		r.following[o.Key] = o
		if r.follow(o.Key, r.translator.Object(service)) {
			return
		}
		r.untold = append(r.untold, translator.Change{Key: o.Key, Object: o}) // for the translator to say why
	}
	r.objects[o.Key] = o
	if r.following[o.Key] == nil {
		r.decider.Set(o.Value.(*v1alpha1.Rollout))
	}
}

// follow has a Rollout without versions go to what the selector of its Service selects. It is false where
// that has none.
func (r *rollouts) follow(k api.Key, service *api.Object) bool {
	raw := r.following[k]
	if raw == nil || service == nil || len(service.Value.(*corev1.Service).Spec.Selector) == 0 {
		return false
	}
	r.objects[k] = rolloutObject(raw, raw.Value.(*v1alpha1.Rollout).WithSelector(service.Value.(*corev1.Service).Spec.Selector))
	r.decider.Set(r.objects[k].Value.(*v1alpha1.Rollout))
	return true
}

// services tells the Rollouts of changes of their Services.
func (r *rollouts) services(changes []translator.Change) {
	if len(r.following) == 0 {
		return
	}
	for _, c := range changes {
		for k := range r.byTarget[c.Key] {
			r.follow(k, c.Object)
		}
	}
}

func (r *rollouts) delete(k api.Key) {
	r.untarget(k)
	delete(r.objects, k)
	delete(r.following, k)
	delete(r.decided, k)
	r.compare(k, nil)
	r.stepped[k] = struct{}{}
	r.decider.Delete(k)
	r.hooks.forget(k)
	r.moved(k)
}

func (r *rollouts) untarget(k api.Key) {
	old := r.objects[k]
	if old == nil {
		return
	}
	service := target(old)
	delete(r.byTarget[service], k)
	if len(r.byTarget[service]) == 0 {
		delete(r.byTarget, service)
	}
}

// redecide has another one decide, who knows no Rollouts yet. What is in effect stays until then.
func (r *rollouts) redecide(d decider) {
	now := time.Now()
	r.decider, r.settled, r.counting = d, now.Add(settleTime), now.UTC().Format(time.RFC3339Nano)
	for _, k := range slices.SortedFunc(maps.Keys(r.objects), api.Key.Compare) {
		if o := r.objects[k]; o != r.following[k] {
			d.Set(o.Value.(*v1alpha1.Rollout))
		}
	}
	r.everyone = true
}

// uid is that of a Rollout.
func (r *rollouts) uid(k api.Key) types.UID {
	if o := r.objects[k]; o != nil {
		return o.Value.GetUID()
	}
	return ""
}

// prune forgets the states of Rollouts that were not there in the first batch.
func (r *rollouts) prune() {
	for _, k := range r.decider.Prune() {
		r.log.Info("the state of a rollout that is gone was deleted", "rollout", k.String())
	}
}

// notice takes in what a change set says of the clusters of versions.
func (r *rollouts) notice(set resource.ChangeSet) {
	for _, e := range set.Entries {
		if e.Key.Type > resource.Endpoint {
			break // sorted by type
		}
		namespace, name := translator.ServiceOf(e.Key.Name)
		service := api.Key{Kind: api.KindService, Namespace: namespace, Name: name}
		if len(r.byTarget[service]) == 0 && e.Output != nil {
			continue
		}
		c := r.clusters[e.Key.Name]
		if c == nil {
			c = &versionCluster{contents: map[resource.Key]uint64{}}
			r.clusters[e.Key.Name] = c
			r.fresh[e.Key.Name] = struct{}{}
		}
		if c.take(e); len(c.contents) == 0 {
			delete(r.clusters, e.Key.Name)
		}
		r.changed(e.Key.Name)
		r.touch(service)
	}
}

// handedOver notes that the Envoys have been handed what was noticed. It is true when rollouts
// have waited for that, so that they are to be stepped again.
func (r *rollouts) handedOver() bool {
	fresh := r.fresh
	r.fresh = map[string]struct{}{}
	for name := range fresh {
		namespace, service := translator.ServiceOf(name)
		r.touch(api.Key{Kind: api.KindService, Namespace: namespace, Name: service})
	}
	return len(fresh) > 0
}

func (r *rollouts) touch(service api.Key) {
	for k := range r.byTarget[service] {
		r.decider.Touch(k)
	}
}

// observe has the rollouts looked at that are concerned by what Envoys have reported on clusters,
// or all of them.
func (r *rollouts) observe(clusters map[string]struct{}, every bool) {
	if every {
		r.everyone = true
		for k := range r.objects {
			r.decider.Touch(k)
		}
		for name := range r.clusters {
			r.changed(name)
		}
		return
	}
	for cluster := range clusters {
		namespace, name := translator.ServiceOf(cluster)
		r.changed(cluster)
		r.touch(api.Key{Kind: api.KindService, Namespace: namespace, Name: name})
	}
}

// step lets the rollouts decide, and gives what they have decided as changes for the
// translator, and when they want to be asked again.
func (r *rollouts) step(now time.Time) ([]translator.Change, time.Time) {
	decided, wake, err := r.decider.Step(r.observed, now)
	if err != nil {
		r.log.Error("rollouts stand still", "error", err)
	}
	for _, e := range r.decider.Events() {
		r.log.LogAttrs(context.Background(), slog.LevelInfo, "rollout",
			slog.String("rollout", e.Key.String()), slog.String("reason", string(e.Reason)), slog.String("message", e.Message))
		r.told(e.Key, string(e.Reason), e.Message)
		r.hooks.tell(r.objects[e.Key], e, now)
	}
	r.hooks.ask(r.decider)
	changes := r.untold
	r.untold = nil
	for _, d := range decided {
		k := rollout.Key(d.Namespace, d.Name)
		r.decided[k] = d
		r.compare(k, d)
		r.stepped[k] = struct{}{}
		r.moved(k)
		changes = append(changes, translator.Change{Key: k, Object: rolloutObject(r.objects[k], d)})
	}
	return changes, wake
}

// observed says what is known of the versions of a Rollout: over all ports of the Service, the
// lowest.
func (r *rollouts) observed(ro *v1alpha1.Rollout, versions []v1alpha1.VersionStatus) rollout.Observed {
	o := rollout.Observed{Versions: map[string]rollout.VersionObserved{}, SettleUntil: r.settled, Counting: r.counting}
	object := r.translator.Object(api.Key{Kind: api.KindService, Namespace: ro.Namespace, Name: ro.Spec.TargetRef.Name})
	if object == nil {
		return o
	}
	r.bounds(&o, ro, object.Value.(*corev1.Service))
	if bg := ro.Spec.BlueGreen; bg != nil && bg.Together != "" {
		o.Refusals = r.refused[object.Key]
	}
	o.Answers = r.hooks.answers(rollout.Key(ro.Namespace, ro.Name))
	for _, v := range versions {
		service := object.Value.(*corev1.Service)
		if seen, ok := r.version(translator.VersionClusters(service, v.ID())); ok {
			if v.Mirror != nil {
				seen.Copies = r.loads(translator.MirrorClusters(service, v.ID()))
			}
			o.Versions[v.ID()] = seen
		}
	}
	return o
}

func percentOf(weight int32) float64 { return float64(weight) * 100 / v1alpha1.WeightTotal }

// status says where every rollout stands, sorted.
func (r *rollouts) status() []admin.RolloutStatus {
	all := []admin.RolloutStatus{}
	for _, k := range slices.SortedFunc(maps.Keys(r.decided), api.Key.Compare) {
		d := r.decided[k]
		s := admin.RolloutStatus{
			Namespace: d.Namespace, Name: d.Name, Service: d.Spec.TargetRef.Name,
			Phase: string(d.Status.Phase), Live: d.Status.Live, Message: d.Status.Message,
		}
		for _, h := range d.Status.Holds {
			hold := admin.RolloutHold{Reason: string(h.Reason), Message: h.Message}
			if h.Until != nil {
				hold.Until = h.Until.Time
			}
			s.Holds = append(s.Holds, hold)
		}
		for _, c := range d.Status.Conditions {
			s.Conditions = append(s.Conditions, admin.RolloutCondition{Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: c.Message})
		}
		if c := d.Status.Canary; c != nil {
			s.Canary = &admin.RolloutCanary{
				Stable: c.Stable, Canary: c.Canary, Percent: percentOf(c.Weight),
				Step: int(c.Step), Steps: int(c.Steps), Aborted: c.Aborted,
			}
			if c.Until != nil {
				s.Canary.Until = c.Until.Time
			}
		}
		shares := r.measures[k].shares(r)
		s.Deviation = deviation(d, shares)
		for _, v := range d.Status.Versions {
			version := admin.RolloutVersion{Name: v.Name, Percent: percentOf(v.Weight), Match: rollout.DescribeMatches(v.Match), Copied: percentOf(rollout.Mirrored(v.Mirror))}
			version.Measured = shares[v.ID()]
			if v.HeldUntil != nil {
				version.HeldUntil = v.HeldUntil.Time
			}
			s.Versions = append(s.Versions, version)
		}
		all = append(all, s)
	}
	return all
}
