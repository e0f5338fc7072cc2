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
	"github.com/gateway-cp/gateway-cp/election"
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
	show     func() json.RawMessage // how the Envoys of this replica are

	now     atomic.Pointer[part]
	elected *elected // nil where a person says who leads

	untold map[api.Key]struct{} // Rollouts that the followers are to be told of
	synced atomic.Bool          // it knows where the traffic stands, from now or from before a restart
	nodes  []replica.Node       // that the leader was told of
	news   map[string]struct{}  // clusters of versions that it is to be told of
}

// part is what a replica does: it decides, or it follows.
type part struct {
	// manager is set on every one that decides, leader on one that others may follow, states on one that was elected.
	manager *rollout.Manager
	leader  *replica.Leader
	states  *election.Store

	// mirror and store are set on one that decides nothing, follower on one that knows whom to follow.
	mirror   *rollout.Follower
	store    followedStore
	follower *replica.Follower
}

// followedStore keeps what a follower was told.
type followedStore interface {
	rollout.KeptStore
	SetPosition(replica.Position)
	Saved() replica.Position
}

// part is the one that it has now.
func (r *replicas) part() *part { return r.now.Load() }

// newReplicas takes the part that the configuration says.
func newReplicas(i *instance, x *xds.Server, status func() json.RawMessage) (*replicas, error) {
	r := &replicas{instance: i, xds: x, show: status, untold: map[api.Key]struct{}{}, news: map[string]struct{}{}}
	switch {
	case i.config.electing():
		return r, r.beElected()
	case i.config.Replica.Follow != "":
		return r, r.beFollower()
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
	p := &part{}
	r.now.Store(p)
	if p.manager, err = rollout.NewManager(rollout.NewStore(r.instance.store)); err != nil {
		return cannotf("read the state of rollouts: %w", err)
	}
	if r.instance.replicas == nil {
		return nil
	}
	p.leader, err = replica.NewLeader(replica.LeaderOptions{
		Name: r.instance.config.Replica.Name, Version: readBuildInfo().Version, State: r.instance.store, Log: r.instance.log,
		Identity: r.instance.config.followers(r.instance.replicaTLS),
	})
	if err != nil {
		return cannotf("read the position of decisions: %w", err)
	}
	return nil
}

func (r *replicas) beFollower() error {
	store, err := replica.OpenStore(r.instance.store)
	if err != nil {
		return cannotf("read what the leader has decided: %w", err)
	}
	mirror, err := rollout.NewFollower(store)
	if err != nil {
		return cannotf("read what the leader has decided: %w", err)
	}
	synced, err := store.Follows()
	if err != nil {
		return cannotf("read what the leader has decided: %w", err)
	}
	r.synced.Store(synced)
	r.now.Store(&part{mirror: mirror, store: store, follower: r.newFollower(r.instance.config.Replica.Follow, store.Saved())})
	return nil
}

// newFollower is one of the replica at an address.
func (r *replicas) newFollower(address string, at replica.Position) *replica.Follower {
	c := r.instance.config
	return replica.NewFollower(replica.FollowerOptions{
		Leader: followTarget(address), Name: c.Replica.Name, Version: readBuildInfo().Version,
		Position: at, Credentials: c.replicaClient(r.instance.replicaTLS), Doubt: r.instance.replicaTLS.doubt, Log: r.instance.log,
		Load: r.load, Status: r.show,
	})
}

// decider is who decides on rollouts.
func (r *replicas) decider() decider {
	if p := r.part(); p.manager == nil {
		return p.mirror
	}
	return r.part().manager
}

// attach connects the rollouts with what is known of Envoys, here and elsewhere.
func (r *replicas) attach(rs *rollouts) {
	r.rollouts = rs
	rs.on, rs.load, rs.watch = r.on, r.loadOf, r.watchLoad
	rs.measure, rs.measured = r.xds.Measure, r.xds.Measured
	rs.moved = func(k api.Key) {
		if r.part().leader != nil {
			r.untold[k] = struct{}{}
		}
	}
	rs.changed = func(cluster string) {
		if r.part().mirror != nil {
			r.news[cluster] = struct{}{}
		}
	}
}

// Run serves followers, or follows, until ctx ends. It begins when ready is closed.
func (r *replicas) Run(ctx context.Context, ready <-chan struct{}) error {
	if r.elected != nil {
		return r.runElected(ctx)
	}
	var g errgroup.Group
	switch p := r.part(); {
	case p.follower != nil:
		g.Go(func() error { return p.follower.Run(ctx) })
	case p.leader != nil:
		g.Go(func() error {
			select {
			case <-ready:
			case <-ctx.Done():
				return nil
			}
			i := r.instance
			if err := p.leader.Serve(ctx, i.replicas, i.config.replicaServer(i.replicaTLS)); err != nil {
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
	case r.part().leader != nil:
		return r.part().leader.Observed()
	case r.part().follower != nil:
		return r.part().follower.News()
	}
	return nil
}

// hear takes in what other replicas have said.
func (r *replicas) hear() {
	if r.part().leader != nil {
		r.rollouts.observe(r.part().leader.Observations())
		return
	}
	if r.part().follower == nil {
		return
	}
	for _, n := range r.part().follower.Take() {
		gone := make([]api.Key, 0, len(n.Gone))
		for _, d := range n.Gone {
			gone = append(gone, d.Key())
		}
		r.part().store.SetPosition(n.Position)
		r.part().mirror.Take(n.Decisions, gone, n.All)
		r.synced.Store(true)
	}
}

// tell tells other replicas what a step of the main loop has come to. It gives when to try again,
// after an error; else zero.
func (r *replicas) tell(revision string) (retry time.Time) {
	switch {
	case r.part().leader != nil:
		if err := r.publish(); err != nil {
			r.instance.log.Error("followers are not told of new decisions", "error", err)
			return time.Now().Add(time.Second)
		}
	case r.part().follower != nil:
		r.report(revision)
	}
	return r.elected.settle(r)
}

func (r *replicas) publish() error {
	if r.rollouts.everyone {
		r.rollouts.everyone = false
		var ids []string
		for _, n := range r.xds.Nodes() {
			ids = append(ids, n.ID)
		}
		r.part().leader.Here(ids)
	}
	var decided []rollout.Decision
	var gone []api.Key
	for k := range r.untold {
		if d, there := r.part().manager.Decision(k); there {
			decided = append(decided, d)
		} else {
			gone = append(gone, k)
		}
	}
	if err := r.part().leader.Publish(decided, gone); err != nil {
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
	r.part().follower.Observed(r.nodes, clusters)
	held := map[string]string{}
	for k, why := range r.part().mirror.Held() {
		held[replica.RolloutName(k)] = why
	}
	r.part().follower.InEffect(replica.Effect{Position: r.part().store.Saved(), Revision: revision, Held: held})
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
	if r.part().leader == nil {
		return all
	}
	here := map[string]bool{}
	for _, on := range all {
		here[on.Envoy] = true
	}
	serves := func(n replica.Node) bool {
		return r.xds.Serves(xds.Node{ID: n.ID, Fleet: n.Fleet, Zone: n.Zone, Name: n.Name}, name)
	}
	for _, on := range r.part().leader.Cluster(name, content, serves) {
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
	if r.part().leader != nil {
		for _, n := range r.part().leader.Load(cluster) {
			sum.Success += n.Success
			sum.Error += n.Error
		}
	}
	return sum
}

// watchLoad says of which clusters load is waited for.
func (r *replicas) watchLoad(clusters map[string]struct{}) {
	r.xds.WatchLoad(clusters)
	if r.part().leader != nil {
		r.part().leader.WatchLoad(clusters)
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
	if r.synced.Load() || r.elected == nil && r.part().follower == nil {
		return ""
	}
	if r.elected != nil {
		return r.elected.missing(r.part())
	}
	l := r.part().follower.Leader()
	return fmt.Sprintf("the leader at %s has not said yet where the traffic stands: %s", l.Address, cmp.Or(l.Problem, "it is being connected to"))
}

// followTarget is an address as gRPC wants it: it resolves names by itself.
func followTarget(address string) string {
	if _, ok := unixPath(address); ok {
		return address
	}
	return "dns:///" + address
}
