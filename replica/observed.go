package replica

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

// observed collects the clusters of which followers have said something, until somebody looks.
// The Leader's lock guards it.
type observed struct {
	clusters map[string]struct{}
	every    bool
	bell     chan struct{}
}

func newObserved() observed {
	return observed{clusters: map[string]struct{}{}, bell: make(chan struct{}, 1)}
}

func (o *observed) add(cluster string) {
	o.clusters[cluster] = struct{}{}
	ring(o.bell)
}

func (o *observed) all() {
	o.every = true
	ring(o.bell)
}

// Observed rings when there is something for Observations.
func (l *Leader) Observed() <-chan struct{} { return l.observed.bell }

// Observations gives the clusters of which followers have said something since the last call;
// every is true when Envoys have come or gone.
func (l *Leader) Observations() (clusters map[string]struct{}, every bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clusters, every = l.observed.clusters, l.observed.every
	l.observed.clusters, l.observed.every = map[string]struct{}{}, false
	return clusters, every
}

// Received is how many reports on clusters followers have forwarded.
func (l *Leader) Received() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.received
}

// lostTime is how long the Envoys of a follower that is lost count as being there: those that can
// have connected elsewhere by then, and of the others nothing is known. A gate waits for them, for
// as long as its deadline lets it.
const lostTime = time.Minute

// lostNode is an Envoy of a follower that is lost.
type lostNode struct {
	Node
	replica string
	until   time.Time
}

// lose keeps the Envoys of a follower in mind, but for those that have turned up elsewhere. The
// caller holds the lock.
func (l *Leader) lose(f *follower, now time.Time) {
	for _, n := range f.nodes {
		if _, elsewhere := f.moved[n.ID]; !elsewhere {
			l.lost[n.ID] = lostNode{n, f.Name, now.Add(lostTime)}
		}
	}
	if len(f.nodes) > 0 {
		time.AfterFunc(lostTime, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			maps.DeleteFunc(l.lost, func(_ string, n lostNode) bool { return !time.Now().Before(n.until) })
			l.observed.all()
		})
	}
}

// Here tells the leader which Envoys are connected to itself. They are not lost, nor are they
// when they leave it and the replica that they came from is found to be lost after that.
func (l *Leader) Here(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.turnedUp(id, nil)
	}
}

// turnedUp notes that an Envoy is at a follower, or with nil at the leader. The caller holds the lock.
func (l *Leader) turnedUp(id string, at *follower) {
	delete(l.lost, id)
	for _, f := range l.followers {
		if f != at && slices.ContainsFunc(f.nodes, func(n Node) bool { return n.ID == id }) {
			f.moved[id] = struct{}{}
		}
	}
}

// ClusterOn is how a cluster is on an Envoy of a follower.
type ClusterOn struct {
	ClusterState
	Envoy, Replica string
	// Unknown: the follower has not said how the cluster is there, or has other content for it,
	// or is lost; Why says so.
	Unknown bool
	Why     string
	// Lost: the follower is. The Envoy may have connected elsewhere.
	Lost bool
}

// Cluster says how a cluster with some content is on all Envoys of followers that are served it.
func (l *Leader) Cluster(cluster string, content uint64, serves func(Node) bool) []ClusterOn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []ClusterOn
	connected := map[string]bool{}
	for _, n := range slices.Sorted(maps.Keys(l.followers)) {
		f := l.followers[n]
		report, there := f.clusters[cluster]
		why := ""
		switch {
		case !there:
			why = fmt.Sprintf("its replica %s does not have the version yet", f.Name)
		case report.Content != content:
			why = fmt.Sprintf("its replica %s has other endpoints or settings of the version (another commit, or another version of gateway-cp)", f.Name)
		}
		if why != "" && f.effect.Revision != "" {
			why += ": it is at revision " + f.effect.Revision
		}
		for _, node := range f.nodes {
			connected[node.ID] = true
			if !serves(node) {
				continue
			}
			on := ClusterOn{ClusterState: report.Most, Envoy: node.ID, Replica: f.Name, Unknown: why != "", Why: why}
			if other, is := report.Others[node.ID]; is {
				on.ClusterState = other
			}
			all = append(all, on)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.lost)) {
		if n := l.lost[id]; !connected[id] && serves(n.Node) {
			all = append(all, ClusterOn{
				Envoy: id, Replica: n.replica, Unknown: true, Lost: true,
				Why: "its replica " + n.replica + " is lost",
			})
		}
	}
	return all
}

// Report gives the report on a cluster from how it is on every Envoy.
func Report(content uint64, on map[string]ClusterState) ClusterReport {
	r := ClusterReport{Content: content}
	counts := map[ClusterState]int{}
	for _, s := range on {
		counts[s]++
	}
	most := 0
	for _, id := range slices.Sorted(maps.Keys(on)) {
		if n := counts[on[id]]; n > most {
			r.Most, most = on[id], n
		}
	}
	for id, s := range on {
		if s != r.Most {
			if r.Others == nil {
				r.Others = map[string]ClusterState{}
			}
			r.Others[id] = s
		}
	}
	return r
}

// RolloutName writes the key of a Rollout as Effect.Held does.
func RolloutName(k api.Key) string { return k.Namespace + "/" + k.Name }
