package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/election"
	"github.com/gateway-cp/gateway-cp/replica"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// elected is what a replica has that takes part in an election: whoever holds the Lease decides on rollouts and writes
// status, the others follow it. The main loop owns what is below turns.
type elected struct {
	election *election.Election
	self     election.Holder
	begin    chan struct{} // closed when the source has delivered: nobody leads before
	turns    chan election.Turn

	group *errgroup.Group
	ctx   context.Context
	ends  []context.CancelFunc // of what runs for the part that the replica has

	seeded  time.Time          // since when it knows what is stored; zero: it does not
	leader  election.Holder    // who leads, if it is another
	epoch   int64              // of the latest term of this process
	number  uint64             // of the latest position in it
	before  []rollout.Decision // in effect when the term began
	began   time.Time          // the term
	serving bool               // others can follow
}

// How long is waited for what ought to come at once.
const (
	// seedPatience: a replica that starts where nobody leads goes on with what is stored.
	seedPatience = 15 * time.Second
	// stampPatience: the first decisions of a term may take so long until others, and Envoys, are let in.
	stampPatience = 5 * time.Second
)

// beElected has the replica take part in an election. Until that has begun it follows nobody.
func (r *replicas) beElected() error {
	c := r.instance.config
	e := &elected{
		self:  election.NewHolder(c.Replica.Name, c.Replica.Advertise),
		begin: make(chan struct{}), turns: make(chan election.Turn),
	}
	var err error
	e.election, err = election.New(election.Options{
		Config: c.Kube.rest, Namespace: c.Lease.Namespace, Name: c.Lease.Name, Self: e.self, Namespaces: c.Kube.Namespaces,
		Duration: c.Lease.Duration, Deadline: c.Lease.RenewDeadline, Retry: c.Lease.RetryPeriod, Log: r.instance.log,
	})
	if err != nil {
		return cannotf("take part in the election of a leader: %w", err)
	}
	r.elected = e
	return r.beMirror(replica.Position{}, nil)
}

// beMirror has the replica decide nothing any more: what was decided stays in effect.
func (r *replicas) beMirror(at replica.Position, decisions []rollout.Decision) error {
	store := &replica.Memory{}
	store.SetPosition(at)
	mirror, err := rollout.NewFollower(store)
	if err != nil {
		return cannotf("%w", err)
	}
	mirror.Take(decisions, nil, false)
	r.change(&part{mirror: mirror, store: store})
	return nil
}

// change gives the replica another part, and ends what ran for the one before.
func (r *replicas) change(p *part) {
	for _, end := range r.elected.ends {
		end()
	}
	r.elected.ends = nil
	r.now.Store(p)
	clear(r.untold)
	if r.rollouts != nil {
		r.rollouts.redecide(r.decider())
	}
}

// runElected takes part in the election until ctx ends.
func (r *replicas) runElected(ctx context.Context) error {
	e := r.elected
	select {
	case <-e.begin:
	case <-ctx.Done():
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	e.group, e.ctx = g, ctx
	g.Go(func() error {
		return e.election.Run(ctx, func(t election.Turn) {
			select {
			case e.turns <- t:
			case <-ctx.Done():
			}
		})
	})
	return g.Wait()
}

// run has something run for as long as the replica has the part that it has now.
func (e *elected) run(f func(context.Context) error) {
	ctx, end := context.WithCancel(e.ctx)
	e.ends = append(e.ends, end)
	e.group.Go(func() error { return f(ctx) })
}

// begin has the replica take part in the election, now that it knows all objects, and gives what becomes of it.
func (r *replicas) begin() <-chan election.Turn {
	if r.elected == nil {
		return nil
	}
	close(r.elected.begin)
	return r.elected.turns
}

// turn takes in what has become of the election.
func (c *controlPlane) turn(t election.Turn) {
	r := c.replicas
	e := r.elected
	switch {
	case t.Seed != nil:
		e.seeded = time.Now()
		r.part().mirror.Take(t.Seed.Decisions, nil, false)
	case t.Lead != nil:
		r.lead(t.Lead)
		c.statuses.lead(e.election.Holds)
	case t.Ended:
		c.statuses.lead(nil)
		r.yield()
	case t.Leader != nil:
		r.follow(*t.Leader)
	}
}

// lead has the replica decide, from the states that are stored.
func (r *replicas) lead(t *election.Term) {
	e, c := r.elected, r.instance.config
	if e.epoch != t.Epoch {
		e.epoch, e.number = t.Epoch, 0
	}
	e.leader, e.began, e.serving = election.Holder{}, time.Now(), false
	e.before = r.part().mirror.Decisions()
	t.States.Identify(r.rollouts.uid)
	p := &part{states: t.States}
	var err error
	if p.manager, err = rollout.NewManager(t.States); err != nil {
		r.instance.log.Error("rollouts stand still", "error", err)
		return
	}
	if c.Replica.Address != "" {
		p.leader, err = replica.NewLeader(replica.LeaderOptions{
			Name: c.Replica.Name, Version: readBuildInfo().Version, Log: r.instance.log, Identity: c.followers(r.instance.replicaTLS),
			Position: replica.Position{Lineage: e.self.Instance, Term: uint64(e.epoch), Number: e.number},
		})
		if err != nil {
			r.instance.log.Error("nobody can follow this replica", "error", err)
		}
	}
	r.change(p)
}

// yield has the replica decide nothing any more.
func (r *replicas) yield() {
	e, p := r.elected, r.part()
	if p.manager == nil {
		return
	}
	if p.leader != nil {
		e.number = p.leader.Position().Number
	}
	decided := map[api.Key]bool{}
	var all []rollout.Decision
	for k := range r.rollouts.objects {
		if d, there := p.manager.Decision(k); there {
			decided[k] = true
			all = append(all, d)
		}
		r.rollouts.hooks.forget(k)
	}
	for _, d := range e.before {
		if !decided[d.Key()] {
			all = append(all, d)
		}
	}
	if err := r.beMirror(replica.Position{Lineage: e.self.Instance, Term: uint64(e.epoch), Number: e.number}, all); err != nil {
		r.instance.log.Error("rollouts stand still", "error", err)
	}
}

// follow has the replica follow another, or nobody.
func (r *replicas) follow(leader election.Holder) {
	e, p := r.elected, r.part()
	if p.manager != nil {
		return // it is about to be told that its term has ended
	}
	for _, end := range e.ends {
		end()
	}
	e.ends, e.leader = nil, leader
	next := &part{mirror: p.mirror, store: p.store}
	switch {
	case leader.Name == "":
		r.instance.log.Warn("no replica leads: rollouts stay as they are")
	case leader.Address == "":
		r.instance.log.Warn("the replica that leads cannot be followed: it has no --replica-address", "leader", leader.Name)
	default:
		r.instance.log.Info("another replica leads", "leader", leader.Name, "address", leader.Address)
		next.follower = r.newFollower(leader.Address, p.store.Saved())
		e.run(next.follower.Run)
	}
	r.now.Store(next)
	r.rollouts.observe(nil, true) // it is told everything
}

// settle looks at whether Envoys, and followers, can be let in. It gives when to look again; zero: when something
// has happened.
func (e *elected) settle(r *replicas) time.Time {
	if e == nil {
		return time.Time{}
	}
	now, p := time.Now(), r.part()
	if p.manager == nil {
		if r.synced.Load() || e.seeded.IsZero() {
			return time.Time{}
		}
		until := e.seeded.Add(seedPatience)
		if now.Before(until) {
			return until
		}
		r.synced.Store(true)
		return now
	}
	if until := e.began.Add(stampPatience); p.manager.Pending() > 0 && now.Before(until) {
		return until
	}
	again := time.Time{}
	if !r.synced.Swap(true) {
		again = now
	}
	if p.leader == nil || e.serving {
		return again
	}
	c := r.instance.config
	listener, err := listen(c.Replica.Address)
	if err != nil {
		r.instance.log.Error("replicas cannot follow this one", "error", err)
		return now.Add(time.Second)
	}
	e.serving = true
	e.run(func(ctx context.Context) error {
		if err := p.leader.Serve(ctx, listener, c.replicaServer(r.instance.replicaTLS)); err != nil {
			return cannotf("%w", err)
		}
		return nil
	})
	return again
}

// nobody says why no replica is followed.
func (e *elected) nobody() *admin.LeaderStatus {
	return &admin.LeaderStatus{Problem: "it knows none that leads, or that can be followed"}
}

// missing says why Envoys cannot be served yet; nothing before the source has delivered, which has its own reasons.
func (e *elected) missing(p *part) string {
	select {
	case <-e.begin:
	default:
		return ""
	}
	switch {
	case p.manager != nil:
		return "the first decisions of this replica as the leader are being stored"
	case p.follower != nil:
		l := p.follower.Leader()
		if l.Problem != "" {
			return "the leader at " + l.Address + " has not said yet where the traffic stands: " + l.Problem
		}
		return "the leader at " + l.Address + " has not said yet where the traffic stands"
	}
	return "no replica is known to lead yet"
}

// saved rings when states are stored: see store.
func (r *replicas) saved() <-chan struct{} {
	if p := r.part(); p.states != nil {
		return p.states.Saved()
	}
	return nil
}

// store takes in which states are stored.
func (r *replicas) store() {
	p := r.part()
	p.manager.Saved(p.states.Done())
}

// problems are the states that cannot be stored.
func (r *replicas) problems() (all []api.Problem) {
	p := r.part()
	if p.states == nil {
		return nil
	}
	for k, err := range p.states.Failures() {
		all = append(all, api.Problem{
			Object: k, Reason: api.ReasonStatusNotWritten, Severity: api.Error,
			Message: "its state cannot be stored in its status, so that it does not move: " + err.Error(),
			Hint:    "permit patch of rollouts/status to gateway-cp, as deploy/kubernetes/base/rbac.yaml does, and install the CRDs of this version",
		})
	}
	return all
}
