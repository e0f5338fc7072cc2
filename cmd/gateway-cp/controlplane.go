package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/gateway-cp/gateway-cp/allocation"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/election"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/source"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// controlPlane is the main loop. One goroutine owns the objects, the translation and the
// rollouts; everything else asks it (do), or reads what it has handed out.
type controlPlane struct {
	instance *instance
	log      *slog.Logger
	started  time.Time

	source      source.Source
	allocations *allocation.Manager
	translator  *translator.Translator
	rollouts    *rollouts
	replicas    *replicas
	xds         *xds.Server
	statuses    *statuses

	questions chan func()
	told      bool                // a question has told a Rollout something: a step is to follow
	loaded    atomic.Bool         // the first batch has been applied
	found     []api.Problem       // by the source
	news      bool                // they are others than at the step before
	known     map[string]struct{} // problems that have been logged
	revisions []revision
	fleets    fleetNames
}

func newControlPlane(i *instance) (_ *controlPlane, err error) {
	var translation []translator.Option
	if i.config.exclusivePorts {
		translation = append(translation, translator.ExclusivePorts)
	}
	if i.config.bindClusterIPs {
		translation = append(translation, translator.BindClusterIPs)
	}
	from, err := i.source()
	if err != nil {
		return nil, err
	}
	c := &controlPlane{
		instance:   i,
		log:        i.log,
		started:    time.Now(),
		source:     from,
		translator: translator.New(translation...),
		xds:        xds.NewServer(i.log, i.config.xdsOptions()...),
		questions:  make(chan func()),
		known:      map[string]struct{}{},
		fleets:     fleetNames{},
	}
	c.xds.SetFleets(c.fleets.list())
	if err := c.xds.Remember(partMemory{i.store}); err != nil {
		return nil, cannotf("read what Envoys have in place of refused parts: %w", err)
	}
	if c.allocations, err = newAllocations(i.store); err != nil {
		return nil, err
	}
	if c.replicas, err = newReplicas(i, c.xds, c.replicaStatus); err != nil {
		return nil, err
	}
	c.rollouts = newRollouts(c.replicas.decider(), c.translator, i.log, c.started)
	c.replicas.attach(c.rollouts)
	if c.statuses, err = newStatuses(i, c.translator.Object); err != nil {
		return nil, err
	}
	c.rollouts.told = func(k api.Key, reason, message string) { c.statuses.tell(k, false, reason, message) }
	c.rollouts.hooks = newHookDesk(c.translator, i.config.HookSecrets, i.log)
	m := newMetrics(c)
	c.xds.Answered = func(fleet string, took time.Duration) { m.answered.WithLabelValues(fleet).Observe(took.Seconds()) }
	i.registry.MustRegister(m, newClientMetrics(c.xds, i.tls.expires), newReplicaMetrics(c.replicas))
	return c, nil
}

// Run serves until ctx ends: objects come from the source, go through the translator and
// the rollouts, and leave for the Envoys.
func (c *controlPlane) Run(ctx context.Context) error {
	batches := make(chan source.Batch)
	ready := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := c.source.Run(ctx, batches); err != nil {
			return cannotf("%w", err)
		}
		return nil
	})
	g.Go(func() error { return c.serveEnvoys(ctx, ready) })
	g.Go(func() error { return c.replicas.Run(ctx, ready) })
	g.Go(func() error { return c.statuses.Run(ctx) })
	g.Go(func() error { keepTidy(ctx); return nil })
	g.Go(func() error { c.rollouts.hooks.run(ctx); return nil })
	g.Go(func() error { c.loop(ctx, batches, ready); return nil })
	return g.Wait()
}

// loop takes in what happens, one thing after the other, until ctx ends. It closes ready once Envoys can be served.
func (c *controlPlane) loop(ctx context.Context, batches <-chan source.Batch, ready chan<- struct{}) {
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	var questions chan func() // nobody is answered from half a world, either
	var turns <-chan election.Turn
	for {
		var changes []translator.Change
		select {
		case batch := <-batches:
			changes = c.take(batch)
		case <-c.xds.Observed():
			if c.xds.RefusalsChanged() {
				c.news = true
				c.rollouts.refusals(c.xds.EachRefusal)
			}
			c.rollouts.observe(c.xds.Observations())
		case <-c.replicas.heard():
			c.replicas.hear()
		case t := <-turns:
			c.turn(t)
		case <-c.replicas.saved():
			c.replicas.store()
			c.news = true // of problems
		case <-c.statuses.failing:
			c.news = true
		case <-c.rollouts.hooks.rung():
			c.rollouts.heard()
		case <-wake.C:
		case question := <-questions:
			if question(); !c.told {
				continue
			}
			c.told = false
		case <-ctx.Done():
			return
		}
		c.step(changes, wake)
		if len(c.revisions) == 0 {
			continue
		}
		if questions == nil {
			questions, turns = c.questions, c.replicas.begin()
		}
		if c.replicas.missing() == "" && c.loaded.CompareAndSwap(false, true) {
			close(ready)
		}
	}
}

// take turns a batch into changes for the translator. Services go to the manager of their numbers,
// which gives them back with these, Rollouts to theirs, which gives them back with a status.
func (c *controlPlane) take(batch source.Batch) []translator.Change {
	var changes []translator.Change
	for _, o := range batch.Set {
		c.statuses.replaced(o)
		if c.allocations.Set(o) {
			c.rollouts.touch(o.Key)
			continue
		}
		switch o.Key.Kind {
		case api.KindRollout:
			c.rollouts.set(o)
			continue
		case api.KindFleet:
			c.fleets.set(o.Key.Name, true)
			c.rollouts.setFleet(o.Key.Name, o.Value.(*v1alpha1.Fleet))
			c.news = true // there may be a problem for want of it
		}
		changes = append(changes, translator.Change{Key: o.Key, Object: o})
	}
	for _, k := range batch.Delete {
		c.statuses.gone(k)
		c.allocations.Delete(k)
		switch k.Kind {
		case api.KindRollout:
			c.rollouts.delete(k)
		case api.KindFleet:
			c.fleets.set(k.Name, false)
			c.rollouts.setFleet(k.Name, nil)
		}
		changes = append(changes, translator.Change{Key: k})
	}
	refused := c.allocations.Problems()
	changes = append(changes, c.allocated()...)
	c.tellNames(changes)
	c.rollouts.services(changes)
	if !c.loaded.Load() && c.replicas.elected == nil {
		c.rollouts.prune()
	}
	c.xds.SetFleets(c.fleets.list())
	c.news = c.news || !slices.Equal(c.found, batch.Problems) || !slices.Equal(refused, c.allocations.Problems())
	c.found = batch.Problems
	c.revisions = append(c.revisions, revision{name: batch.Revision, partly: batch.Partly})
	c.log.Info("objects changed", "set", len(batch.Set), "deleted", len(batch.Delete), "revision", batch.Revision)
	return changes
}

// step translates changes, lets the rollouts decide on what they see then, and hands all of
// it to the Envoys as one.
func (c *controlPlane) step(changes []translator.Change, wake *time.Timer) {
	started := time.Now()
	sets := []resource.ChangeSet{c.translator.Apply(changes)}
	news := c.translator.ProblemsChanged() || c.news
	c.news = false
	built := c.translator.Built()
	next := time.Time{}
	for range maxRounds {
		c.rollouts.notice(sets[len(sets)-1])
		decided, at := c.rollouts.step(time.Now())
		next = at
		if len(decided) == 0 {
			break
		}
		changes = append(changes, decided...)
		sets = append(sets, c.translator.Apply(decided))
		news = news || c.translator.ProblemsChanged()
		built += c.translator.Built()
	}
	set := resource.Merge(sets...)
	number := c.xds.Apply(set)
	c.rollouts.applied(number)
	c.noteRevision(number)
	now := time.Now()
	c.statuses.note(c.translator.TakeStatuses(), changes, number, now)
	if news {
		c.logProblems()
	}
	if len(set.Entries) > 0 {
		c.log.Debug("change set", "number", number, "outputs", len(set.Entries), "built", built, "took", time.Since(started))
	}
	if c.rollouts.handedOver() {
		next = started
	}
	until := time.Hour
	for _, at := range []time.Time{next, c.replicas.tell(c.revisionAt(number)), c.statuses.look(c.xds.Summary, now)} {
		if !at.IsZero() {
			until = min(until, max(time.Until(at), 0))
		}
	}
	wake.Reset(until)
}

// maxRounds bounds how often rollouts look at what their own decisions have brought about
// (new versions have endpoints) within one step. What is left comes with the next.
const maxRounds = 4

// serveEnvoys serves xDS at all doors. Envoys that connect before everything has been read
// wait at the door, rather than getting half a world.
func (c *controlPlane) serveEnvoys(ctx context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
	case <-ctx.Done():
		return nil
	}
	var g errgroup.Group
	servers := make([]*grpc.Server, len(c.instance.doors))
	for n, d := range c.instance.doors {
		servers[n] = grpc.NewServer(append(c.xds.Options(), grpc.Creds(c.xds.Credentials(d.credentials)))...)
		c.xds.Register(servers[n])
		g.Go(func() error {
			if err := servers[n].Serve(d); err != nil && ctx.Err() == nil {
				return cannotf("serve xDS: %w", err)
			}
			return nil
		})
	}
	<-ctx.Done()
	c.xds.Close()
	for _, s := range servers {
		s.Stop()
	}
	return g.Wait()
}

// do runs f in the main loop and waits for it. It is false when the loop has ended.
func (c *controlPlane) do(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	select {
	case c.questions <- func() { f(); close(done) }:
		<-done
		return true
	case <-ctx.Done():
		return false
	}
}

// rolloutObject gives the object of a Rollout with another value, such as one with a status.
func rolloutObject(from *api.Object, value *v1alpha1.Rollout) *api.Object {
	return &api.Object{Key: from.Key, Value: value, Origin: from.Origin}
}

// revision is what the source called its objects, and from which change set on the Envoys
// have them.
type revision struct {
	name   string
	partly bool // not all of it is in effect
	number uint64
}

// noteRevision remembers which change set brought the newest revision. Old ones are forgotten.
func (c *controlPlane) noteRevision(number uint64) {
	if n := len(c.revisions); n > 0 && c.revisions[n-1].number == 0 {
		c.revisions[n-1].number = number
	}
	if extra := len(c.revisions) - maxRevisions; extra > 0 {
		c.revisions = append(c.revisions[:0:0], c.revisions[extra:]...)
	}
}

const maxRevisions = 1000

// revisionAt is the newest revision that an Envoy with this change set has in full.
func (c *controlPlane) revisionAt(number uint64) string {
	for n := len(c.revisions) - 1; n >= 0; n-- {
		if c.revisions[n].number <= number {
			return c.revisions[n].name
		}
	}
	return ""
}

// logProblems logs problems when they appear and when they are gone.
func (c *controlPlane) logProblems() {
	now := map[string]struct{}{}
	for _, p := range c.problems() {
		line := p.String()
		now[line] = struct{}{}
		if _, ok := c.known[line]; !ok {
			level := slog.LevelWarn
			if p.Severity == api.Error {
				level = slog.LevelError
			}
			c.log.Log(context.Background(), level, "problem", "problem", line)
			if p.Severity == api.Error {
				c.statuses.tell(p.Object, true, string(p.Reason), p.Message)
			}
		}
	}
	for line := range c.known {
		if _, ok := now[line]; !ok {
			c.log.Info("problem solved", "problem", line)
		}
	}
	c.known = now
}

// problems are all that stand: those of the source, of the numbers of Services, of the translation, and
// what is wrong with Envoys, with positions.
func (c *controlPlane) problems() []api.Problem {
	all := append(c.translator.Problems(), c.allocations.Problems()...)
	refused := map[string][]xds.Refusal{}
	c.xds.EachRefusal(func(envoy string, r xds.Refusal) { refused[envoy] = append(refused[envoy], r) })
	for _, envoy := range slices.Sorted(maps.Keys(refused)) {
		all = append(all, refusalProblems(envoy, refused[envoy])...)
	}
	ids, peers := c.xds.Twins()
	for _, id := range ids {
		all = append(all, twinProblem(id, peers[id]))
	}
	all = append(all, strangerProblems(c.xds.RefusedClients(), c.hasFleet)...)
	all = append(all, c.statuses.problems()...)
	all = append(all, c.replicas.problems()...)
	return append(placed(all, c.translator.Object), c.found...)
}
