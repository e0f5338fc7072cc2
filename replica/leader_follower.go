package replica

import (
	"context"
	"maps"
	"slices"
	"time"
)

// forgetTime is how long a follower that is gone is shown.
const forgetTime = 10 * time.Minute

// follower is what a Leader knows of one. The Leader's lock guards it.
type follower struct {
	Name     string
	instance string
	version  string
	address  string
	since    time.Time
	cancel   context.CancelFunc
	bell     chan struct{}

	all   bool              // it is to be told everything
	dirty map[name]struct{} // Rollouts that it is to be told of
	asked []uint64          // questions that it is to be asked

	nodes    []Node
	moved    map[string]struct{} // ids of nodes that have turned up elsewhere since it said so
	clusters map[string]ClusterReport
	effect   Effect
	behind   behind
	heard    time.Time
}

func newFollower(h hello, address string, cancel context.CancelFunc) *follower {
	now := time.Now()
	return &follower{
		Name: h.Name, instance: h.Instance, version: h.Version, address: address, since: now, heard: now,
		cancel: cancel, bell: make(chan struct{}, 1), all: true, dirty: map[name]struct{}{},
		clusters: map[string]ClusterReport{}, moved: map[string]struct{}{},
	}
}

// behind are the positions that a follower has not put into effect yet, oldest first.
type behind []struct {
	number uint64
	at     time.Time
}

// maxBehind bounds what is remembered; past it, the newest stands for those just before it.
const maxBehind = 256

func (b *behind) add(p Position, at time.Time) {
	next := struct {
		number uint64
		at     time.Time
	}{p.Number, at}
	if n := len(*b); n == maxBehind {
		(*b)[n-1].number = p.Number
		return
	}
	*b = append(*b, next)
}

func (b *behind) reached(p Position) {
	*b = slices.DeleteFunc(*b, func(x struct {
		number uint64
		at     time.Time
	}) bool {
		return x.number <= p.Number
	})
}

// Status is what a Leader knows of one of its followers.
type Status struct {
	Name, Version, Address string
	Connected              bool
	Since                  time.Time // when it connected, or was gone
	Envoys                 int
	Effect                 Effect
	// Lag is for how long it has not put into effect what was decided; 0: it has all.
	Lag time.Duration
}

func (f *follower) status(now time.Time) Status {
	s := Status{
		Name: f.Name, Version: f.version, Address: f.address, Connected: true, Since: f.since,
		Envoys: len(f.nodes), Effect: f.effect,
	}
	if len(f.behind) > 0 {
		s.Lag = now.Sub(f.behind[0].at)
	}
	return s
}

// Followers gives all that follow, or did in the last ten minutes, by name.
func (l *Leader) Followers() []Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	all := map[string]Status{}
	for n, s := range l.gone {
		if now.Sub(s.Since) <= forgetTime {
			all[n] = s
		}
	}
	for n, f := range l.followers {
		all[n] = f.status(now)
	}
	var sorted []Status
	for _, n := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[n])
	}
	return sorted
}

// hear takes in a message of a follower.
func (l *Leader) hear(f *follower, m toLeader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.followers[f.Name] != f {
		return
	}
	f.heard = time.Now()
	if m.Effect != nil {
		f.effect = *m.Effect
		if p := m.Effect.Position; p.Lineage == l.position.Lineage {
			f.behind.reached(p)
		}
	}
	if m.Nodes != nil {
		f.nodes = m.Nodes.Nodes
		clear(f.moved)
		for _, n := range f.nodes {
			l.turnedUp(n.ID, f)
		}
		l.observed.all()
	}
	for cluster, report := range m.Clusters {
		l.received++
		if report == nil {
			delete(f.clusters, cluster)
		} else {
			f.clusters[cluster] = *report
		}
		l.observed.add(cluster)
	}
	if m.Load != nil {
		for _, cluster := range l.loads.add(f, *m.Load) {
			l.observed.add(cluster)
		}
	}
	if m.Answer != nil {
		l.questions.answer(*m.Answer)
	}
}
