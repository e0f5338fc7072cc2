package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/replica"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/xds"
)

// replicas is the part that this control plane has among several of one fleet: it leads some, or
// follows one, or is by itself. The main loop owns it.
type replicas struct {
	instance *instance
	rollouts *rollouts
	xds      *xds.Server

	// leader is set on one that leads, manager on every one that decides.
	leader  *replica.Leader
	manager *rollout.Manager
	untold  map[api.Key]struct{} // Rollouts that the followers are to be told of

	// The rest is set on one that follows.
	follower *replica.Follower
	store    *replica.Store
	mirror   *rollout.Follower
	synced   atomic.Bool         // it has been told something, now or before a restart
	nodes    []replica.Node      // that the leader was told of
	news     map[string]struct{} // clusters of versions that it is to be told of
}

// newReplicas takes the part that the configuration says.
func newReplicas(i *instance, x *xds.Server, status func() json.RawMessage) (*replicas, error) {
	r := &replicas{instance: i, xds: x, untold: map[api.Key]struct{}{}, news: map[string]struct{}{}}
	if i.config.Replica.Follow != "" {
		return r, r.beFollower(status)
	}
	return r, r.beLeader()
}

func (r *replicas) beLeader() error {
	promoted, err := replica.Promote(r.instance.store)
	if err != nil {
		return cannotf("go on as the leader: %w", err)
	}
	if promoted {
		r.instance.log.Warn("this replica followed another before, and decides by itself from now on")
	}
	if r.manager, err = rollout.NewManager(rollout.NewStore(r.instance.store)); err != nil {
		return cannotf("read the state of rollouts: %w", err)
	}
	if r.instance.replicas == nil {
		return nil
	}
	r.leader, err = replica.NewLeader(replica.LeaderOptions{
		Name: r.instance.config.Replica.Name, Version: readBuildInfo().Version, State: r.instance.store, Log: r.instance.log,
		Identity: r.instance.config.followers(r.instance.replicaTLS),
	})
	if err != nil {
		return cannotf("read the position of decisions: %w", err)
	}
	return nil
}

func (r *replicas) beFollower(status func() json.RawMessage) (err error) {
	c := r.instance.config
	if r.store, err = replica.OpenStore(r.instance.store); err != nil {
		return cannotf("read what the leader has decided: %w", err)
	}
	if r.mirror, err = rollout.NewFollower(r.store); err != nil {
		return cannotf("read what the leader has decided: %w", err)
	}
	synced, err := r.store.Follows()
	if err != nil {
		return cannotf("read what the leader has decided: %w", err)
	}
	r.synced.Store(synced)
	r.follower = replica.NewFollower(replica.FollowerOptions{
		Leader: followTarget(c.Replica.Follow), Name: c.Replica.Name, Version: readBuildInfo().Version,
		Position: r.store.Saved(), Credentials: c.replicaCredentials(r.instance.replicaTLS), Doubt: r.instance.replicaTLS.doubt, Log: r.instance.log,
		Load: r.load, Status: status,
	})
	return nil
}

// decider is who decides on rollouts.
func (r *replicas) decider() decider {
	if r.follower != nil {
		return r.mirror
	}
	return r.manager
}

// attach connects the rollouts with what is known of Envoys, here and elsewhere.
func (r *replicas) attach(rs *rollouts) {
	r.rollouts = rs
	rs.on, rs.load, rs.watch = r.on, r.loadOf, r.watchLoad
	rs.measure, rs.measured = r.xds.Measure, r.xds.Measured
	if r.leader != nil {
		rs.moved = func(k api.Key) { r.untold[k] = struct{}{} }
	}
	if r.follower != nil {
		rs.changed = func(cluster string) { r.news[cluster] = struct{}{} }
	}
}

// Run serves followers, or follows, until ctx ends. It begins when ready is closed.
func (r *replicas) Run(ctx context.Context, ready <-chan struct{}) error {
	var g errgroup.Group
	switch {
	case r.follower != nil:
		g.Go(func() error { return r.follower.Run(ctx) })
	case r.leader != nil:
		g.Go(func() error {
			select {
			case <-ready:
			case <-ctx.Done():
				return nil
			}
			i := r.instance
			if err := r.leader.Serve(ctx, i.replicas, i.config.replicaCredentials(i.replicaTLS)); err != nil {
				return cannotf("%w", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// heard rings when other replicas have said something: see hear.
func (r *replicas) heard() <-chan struct{} {
	switch {
	case r.leader != nil:
		return r.leader.Observed()
	case r.follower != nil:
		return r.follower.News()
	}
	return nil
}

// hear takes in what other replicas have said.
func (r *replicas) hear() {
	if r.leader != nil {
		r.rollouts.observe(r.leader.Observations())
		return
	}
	for _, n := range r.follower.Take() {
		gone := make([]api.Key, 0, len(n.Gone))
		for _, d := range n.Gone {
			gone = append(gone, d.Key())
		}
		r.store.SetPosition(n.Position)
		r.mirror.Take(n.Decisions, gone, n.All)
		r.synced.Store(true)
	}
}

// tell tells other replicas what a step of the main loop has come to. It gives when to try again,
// after an error; else zero.
func (r *replicas) tell(revision string) (retry time.Time) {
	switch {
	case r.leader != nil:
		if err := r.publish(); err != nil {
			r.instance.log.Error("followers are not told of new decisions", "error", err)
			return time.Now().Add(time.Second)
		}
	case r.follower != nil:
		r.report(revision)
	}
	return time.Time{}
}

func (r *replicas) publish() error {
	if r.rollouts.everyone {
		r.rollouts.everyone = false
		var ids []string
		for _, n := range r.xds.Nodes() {
			ids = append(ids, n.ID)
		}
		r.leader.Here(ids)
	}
	var decided []rollout.Decision
	var gone []api.Key
	for k := range r.untold {
		if d, there := r.manager.Decision(k); there {
			decided = append(decided, d)
		} else {
			gone = append(gone, k)
		}
	}
	if err := r.leader.Publish(decided, gone); err != nil {
		return err
	}
	clear(r.untold)
	return nil
}

// report tells the leader of clusters of versions, and of what is in effect.
func (r *replicas) report(revision string) {
	if r.rollouts.everyone {
		r.rollouts.everyone = false // the clusters are all in the news
		r.nodes = nil
		for _, n := range r.xds.Nodes() { // before the clusters, so that these know of all of them
			r.nodes = append(r.nodes, replica.Node{ID: n.ID, Fleet: n.Fleet, Zone: n.Zone, Name: n.Name})
		}
	}
	clusters := map[string]*replica.ClusterReport{}
	for name := range r.news {
		clusters[name] = nil
		if c := r.rollouts.clusters[name]; c != nil {
			on := map[string]replica.ClusterState{}
			for _, o := range r.here(name) {
				on[o.Envoy] = o.ClusterState
			}
			report := replica.Report(c.content, on)
			clusters[name] = &report
		}
	}
	clear(r.news)
	r.follower.Observed(r.nodes, clusters)
	held := map[string]string{}
	for k, why := range r.mirror.Held() {
		held[replica.RolloutName(k)] = why
	}
	r.follower.InEffect(replica.Effect{Position: r.store.Saved(), Revision: revision, Held: held})
}

// here says how a cluster is on the Envoys of this replica.
func (r *replicas) here(name string) []replica.ClusterOn {
	var all []replica.ClusterOn
	for _, on := range r.xds.Cluster(name) {
		all = append(all, replica.ClusterOn{Envoy: on.Envoy, ClusterState: replica.ClusterState{
			Warm: on.Warm, Healthy: on.Healthy, Reported: on.Reported, Refused: on.Refused,
		}})
	}
	return all
}

// on says how a cluster is on all Envoys, of this replica and of those that follow it.
func (r *replicas) on(name string, content uint64) []replica.ClusterOn {
	all := r.here(name)
	if r.leader == nil {
		return all
	}
	here := map[string]bool{}
	for _, on := range all {
		here[on.Envoy] = true
	}
	serves := func(n replica.Node) bool {
		return r.xds.Serves(xds.Node{ID: n.ID, Fleet: n.Fleet, Zone: n.Zone, Name: n.Name}, name)
	}
	for _, on := range r.leader.Cluster(name, content, serves) {
		if !on.Lost || !here[on.Envoy] {
			all = append(all, on)
		}
	}
	return all
}

// loadOf is what the Envoys of all replicas have reported for a cluster.
func (r *replicas) loadOf(cluster string) rollout.Load {
	here := r.xds.Load(cluster)
	sum := rollout.Load{Success: here.Success, Error: here.Error}
	if r.leader != nil {
		for _, n := range r.leader.Load(cluster) {
			sum.Success += n.Success
			sum.Error += n.Error
		}
	}
	return sum
}

// watchLoad says of which clusters load is waited for.
func (r *replicas) watchLoad(clusters map[string]struct{}) {
	r.xds.WatchLoad(clusters)
	if r.leader != nil {
		r.leader.WatchLoad(clusters)
	}
}

// load is what Envoys have reported here.
func (r *replicas) load() []replica.Load {
	var all []replica.Load
	r.xds.EachLoad(func(fleet, cluster string, l xds.Load) {
		all = append(all, replica.Load{Fleet: fleet, Cluster: cluster, Issued: l.Issued, Success: l.Success, Error: l.Error, Dropped: l.Dropped})
	})
	return all
}

// missing says why Envoys cannot be served yet; empty: they can.
func (r *replicas) missing() string {
	if r.follower == nil || r.synced.Load() {
		return ""
	}
	l := r.follower.Leader()
	return fmt.Sprintf("the leader at %s has not said yet where the traffic stands: %s", l.Address, cmp.Or(l.Problem, "it is being connected to"))
}

// followTarget is an address as gRPC wants it: it resolves names by itself.
func followTarget(address string) string {
	if _, ok := unixPath(address); ok {
		return address
	}
	return "dns:///" + address
}
