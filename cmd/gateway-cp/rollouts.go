package main

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// settleTime is how long Envoys may take to come back after a start, before the fleet that is
// connected counts as all of it.
const settleTime = 5 * time.Second

// rollouts connects the rollout manager with what it decides on (endpoints from the
// translator, warmth and health from the Envoys) and with what its decisions change.
type rollouts struct {
	manager    *rollout.Manager
	translator *translator.Translator
	xds        *xds.Server
	log        *slog.Logger
	settled    time.Time

	objects  map[api.Key]*api.Object
	decided  map[api.Key]*v1alpha1.Rollout    // with the status that is in effect
	byTarget map[api.Key]map[api.Key]struct{} // Service → Rollouts
	clusters map[string]versionCluster
}

// versionCluster is what the translator says of the cluster of a version.
type versionCluster struct {
	known        bool // its endpoints have been built
	ready, total int
	checked      bool // it has active health checks
}

func newRollouts(m *rollout.Manager, t *translator.Translator, x *xds.Server, log *slog.Logger, started time.Time) *rollouts {
	return &rollouts{
		manager: m, translator: t, xds: x, log: log, settled: started.Add(settleTime),
		objects:  map[api.Key]*api.Object{},
		decided:  map[api.Key]*v1alpha1.Rollout{},
		byTarget: map[api.Key]map[api.Key]struct{}{},
		clusters: map[string]versionCluster{},
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
	r.objects[o.Key] = o
	r.manager.Set(o.Value.(*v1alpha1.Rollout))
}

func (r *rollouts) delete(k api.Key) {
	r.untarget(k)
	delete(r.objects, k)
	delete(r.decided, k)
	r.manager.Delete(k)
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

// prune forgets the states of Rollouts that were not there in the first batch.
func (r *rollouts) prune() {
	for _, k := range r.manager.Prune() {
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
		switch {
		case e.Output == nil:
			delete(r.clusters, e.Key.Name)
			continue
		case e.Key.Type == resource.Cluster:
			c.checked = e.Output.HealthChecked
		default:
			c.known, c.ready, c.total = true, e.Output.Ready, e.Output.Total
		}
		r.clusters[e.Key.Name] = c
		r.touch(service)
	}
}

func (r *rollouts) touch(service api.Key) {
	for k := range r.byTarget[service] {
		r.manager.Touch(k)
	}
}

// observe has the rollouts looked at that are concerned by what Envoys have reported.
func (r *rollouts) observe() {
	clusters, every := r.xds.Observations()
	if every {
		for k := range r.objects {
			r.manager.Touch(k)
		}
		return
	}
	for cluster := range clusters {
		namespace, name := translator.ServiceOf(cluster)
		r.touch(api.Key{Kind: api.KindService, Namespace: namespace, Name: name})
	}
}

// step lets the rollouts decide, and gives what they have decided as changes for the
// translator, and when they want to be asked again.
func (r *rollouts) step(now time.Time) ([]translator.Change, time.Time) {
	decided, wake, err := r.manager.Step(r.observed, now)
	if err != nil {
		r.log.Error("rollouts stand still", "error", err)
	}
	for _, e := range r.manager.Events() {
		r.log.LogAttrs(context.Background(), slog.LevelInfo, "rollout",
			slog.String("rollout", e.Key.String()), slog.String("reason", string(e.Reason)), slog.String("message", e.Message))
	}
	changes := make([]translator.Change, 0, len(decided))
	for _, d := range decided {
		k := rollout.Key(d.Namespace, d.Name)
		r.decided[k] = d
		changes = append(changes, translator.Change{Key: k, Object: rolloutObject(r.objects[k], d)})
	}
	return changes, wake
}

// observed says what is known of the versions of a Rollout: over all ports of the Service, the
// lowest.
func (r *rollouts) observed(ro *v1alpha1.Rollout, versions []v1alpha1.VersionStatus) rollout.Observed {
	o := rollout.Observed{Versions: map[string]rollout.VersionObserved{}, SettleUntil: r.settled}
	object := r.translator.Object(api.Key{Kind: api.KindService, Namespace: ro.Namespace, Name: ro.Spec.TargetRef.Name})
	if object == nil {
		return o
	}
	for _, v := range versions {
		if seen, ok := r.version(translator.VersionClusters(object.Value.(*corev1.Service), v.ID())); ok {
			o.Versions[v.ID()] = seen
		}
	}
	return o
}

func (r *rollouts) version(clusters []string) (rollout.VersionObserved, bool) {
	var v rollout.VersionObserved
	envoys := map[string]rollout.EnvoyObserved{}
	for i, name := range clusters {
		c := r.clusters[name]
		if !c.known {
			return v, false
		}
		if i == 0 || c.ready < v.Ready {
			v.Ready = c.ready
		}
		v.Total = max(v.Total, c.total)
		v.Checked = v.Checked || c.checked
		for _, on := range r.xds.Cluster(name) {
			e, again := envoys[on.Envoy]
			if !again {
				e = rollout.EnvoyObserved{Name: on.Envoy, Warm: true, Healthy: math.MaxInt, Reported: true}
			}
			e.Warm = e.Warm && on.Warm
			if c.checked {
				e.Healthy = min(e.Healthy, on.Healthy)
				e.Reported = e.Reported && on.Reported
			}
			if on.Refused != "" {
				e.Why = "it refused cluster " + name + ": " + on.Refused
			}
			envoys[on.Envoy] = e
		}
	}
	for _, id := range slices.Sorted(maps.Keys(envoys)) {
		v.Envoys = append(v.Envoys, envoys[id])
	}
	return v, len(clusters) > 0
}

// status says where every rollout stands, sorted.
func (r *rollouts) status() []admin.RolloutStatus {
	all := []admin.RolloutStatus{}
	for _, k := range slices.SortedFunc(maps.Keys(r.decided), api.Key.Compare) {
		d := r.decided[k]
		s := admin.RolloutStatus{
			Namespace: d.Namespace, Name: d.Name, Service: d.Spec.TargetRef.Name,
			Phase: string(d.Status.Phase), Live: d.Status.Live, Message: d.Status.Message,
		}
		for _, v := range d.Status.Versions {
			version := admin.RolloutVersion{Name: v.Name, Percent: float64(v.Weight) * 100 / v1alpha1.WeightTotal}
			if v.HeldUntil != nil {
				version.HeldUntil = v.HeldUntil.Time
			}
			s.Versions = append(s.Versions, version)
		}
		all = append(all, s)
	}
	return all
}
