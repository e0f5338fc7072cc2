package rollout

import (
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout/analysis"
)

// mostSetbacks is how often a canary may lose its share for want of healthy endpoints before it is
// given up: one that starts and fails over and over would otherwise cost requests each time.
const mostSetbacks = 3

// canary is one call of Next for this strategy.
type canary struct {
	*step
	spec     v1alpha1.Canary
	plan     []move
	to       *version // what the spec names
	state    CanaryState
	trial    *version // state.Canary
	stable   *version // state.Stable
	until    time.Time
	waiting  bool // for healthy endpoints
	pausing  bool // at a step that waits to be told to go on
	found    *analysis.Verdict
	judging  bool // the analysis has yet to let it have all traffic
	returned bool // nothing is asked for the canary that was given up
}

// canary moves the traffic in steps from the stable version to the one that the spec names. What
// it asks for is two shares, the canary's and the rest; that these are had only by versions that
// can take them is the same as with traffic by hand. The share grows only through the gate. It
// goes down at once, but for a stable version that has fewer endpoints than before: see lower.
func (s *step) canary(spec v1alpha1.Canary) Result {
	c := &canary{step: s, spec: spec, to: s.named(spec.To)}
	var err error
	switch c.plan, err = planOf(spec.Steps); {
	case c.to == nil:
		return s.stay("spec.canary.to names %q, which is not in spec.versions", spec.To)
	case spec.From != "" && s.named(spec.From) == nil:
		return s.stay("spec.canary.from names %q, which is not in spec.versions", spec.From)
	case err != nil:
		return s.stay("%v", err)
	}
	c.resume()
	s.watchHealth()
	// What was given up returns before anything else is tried; each may end within one call.
	for c.begin(); c.move(); c.begin() {
	}
	c.split()
	c.show()
	if !s.first {
		s.weightEvents()
	}
	s.settleHealth()
	hold := lasting(spec.HoldOld, DefaultHoldOld)
	if c.state.Stage == canaryDone {
		s.letGo(hold, c.trial)
		if c.stable.HeldUntil.IsZero() {
			c.state.Stable, c.stable = c.state.Canary, c.trial
		}
	} else {
		s.letGo(hold, c.trial, c.stable)
	}
	s.keep(func(v *version) bool {
		return v == c.to || v == c.trial || v == c.stable || v.Weight > 0 || !v.HeldUntil.IsZero()
	})
	c.endTry()
	c.settleTry(Call{Stable: c.stable.Name, Canary: c.trial.Name, Weight: c.state.Share, Step: c.state.Step, Steps: len(c.plan)})
	r := s.result(c.describe())
	r.Live = s.live().Name
	r.Canary = c.status()
	r.State.Canary = &c.state
	return r
}

// resume takes up the state or, where there is none, makes one of the weights that there are.
func (c *canary) resume() {
	if c.first {
		v := c.to
		if from := c.named(c.spec.From); from != nil {
			v = from
		}
		v.Weight = v1alpha1.WeightTotal
		c.event(EventFirstDeployment, false, "first deployment: %s gets all traffic at once", v.label)
		c.settle(v)
		return
	}
	if old := c.before.Canary; old != nil && old.sound(func(id string) bool { return c.byID(id) != nil }) {
		c.state = *old
		c.point()
		if c.state.Stage == canaryMoving {
			c.resumeTry(c.trial)
		}
		return
	}
	if c.to.Weight == v1alpha1.WeightTotal {
		c.settle(c.to)
		return
	}
	best := (*version)(nil)
	for _, v := range c.versions {
		if v != c.to && (best == nil || v.Weight > best.Weight) {
			best = v
		}
	}
	c.try(c.to, best)
}

// byID finds a version.
func (s *step) byID(id string) *version {
	for _, v := range s.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

// point makes trial and stable what the state says.
func (c *canary) point() {
	c.trial, c.stable = c.byID(c.state.Canary), c.byID(c.state.Stable)
}

// settle makes one version all that there is.
func (c *canary) settle(v *version) {
	c.state = CanaryState{Canary: v.id, Stable: v.id, Stage: canaryDone, Spec: digest(c.spec), Steps: digest(c.spec.Steps)}
	if c.tried != nil && c.tried.Ended == "" {
		c.tried = nil
	}
	c.point()
}

// try asks for a rollout, which begins with enter. A version that has a share already, by hand, keeps it.
func (c *canary) try(canary, stable *version) {
	c.state = CanaryState{
		Canary: canary.id, Stable: stable.id, Stage: canaryMoving, Share: canary.Weight, StableReady: stable.seen.Ready,
		Spec: digest(c.spec), Steps: digest(c.spec.Steps), Step: enter(c.plan, canary.Weight),
	}
	c.point()
	canary.HeldUntil = time.Time{}
	c.attempt(canary, false)
}

// enter begins what was asked for, if nothing is in its way.
func (c *canary) enter() bool {
	if !c.tried.Queued {
		return true
	}
	ok, refused := c.mayBegin()
	switch {
	case refused != "":
		c.abort(refused)
	case !ok && c.tried.Again:
		c.lower(0) // what it had when it was given up
	}
	if !ok {
		return false
	}
	if c.tried.Again {
		c.event(EventCanaryStarted, false, "%s is tried again: %s", c.trial.label, c.tried.Why)
	} else {
		c.event(EventCanaryStarted, false, "%s is tried against %s, in %d steps", c.trial.label, c.stable.label, len(c.plan))
	}
	c.tried.Why = ""
	c.goTo(c.state.Step)
	return true
}

// endTry has hooks told how it has ended.
func (c *canary) endTry() {
	switch c.state.Stage {
	case canaryDone:
		c.end(c.trial, v1alpha1.HookAfter, "")
	case canaryAborted:
		c.end(c.trial, v1alpha1.HookRollback, c.state.Aborted)
	}
}

// begin compares what is under way with what the spec names now.
func (c *canary) begin() {
	changed, resteps := false, false
	if spec := digest(c.spec); spec != c.state.Spec {
		steps := digest(c.spec.Steps)
		changed, resteps = true, c.state.Steps != steps
		c.state.Spec, c.state.Steps = spec, steps
	}
	if c.to == c.trial {
		switch {
		case c.state.Stage == canaryMoving && resteps && c.tried.Queued:
			c.state.Step = enter(c.plan, c.state.Share)
		case c.state.Stage == canaryMoving && resteps:
			c.goTo(enter(c.plan, c.state.Share))
		case c.state.Stage == canaryAborted && changed:
			c.again("the spec has changed")
		case c.state.Stage == canaryAborted && c.state.Retry:
			c.again("somebody said so")
		}
		return
	}
	if c.state.Stage != canaryDone && c.to != c.stable && c.stable.empty() && !c.trial.empty() && c.trial.Weight > 0 {
		// There is no way back: what has the traffic is the stable version.
		c.settle(c.trial)
	}
	switch {
	case c.state.Stage == canaryDone && c.to != c.stable:
		c.try(c.to, c.trial)
	case c.state.Stage == canaryAborted && c.returned && c.to == c.stable:
		c.settle(c.to)
	case c.state.Stage == canaryAborted && c.returned:
		c.try(c.to, c.stable)
	case c.state.Stage != canaryAborted:
		c.abort("the spec names " + c.to.label + " now")
	}
	c.returned = false
}

// again starts a canary that was given up anew, from the first step.
func (c *canary) again(why string) {
	c.state.Stage, c.state.Aborted, c.state.Setbacks, c.state.FallSince, c.state.Retry = canaryMoving, "", 0, time.Time{}, false
	c.state.Analysis, c.state.Waived, c.state.Unsure = nil, false, false
	c.state.Step, c.state.Moves, c.state.Since, c.state.Promoted = 0, 0, c.now, false
	c.endTry()
	c.attempt(c.trial, true)
	c.tried.Why = why
}

// abort gives the canary up.
func (c *canary) abort(why string) {
	c.state.abort(why)
	// What it was to wait for is over.
	c.waiting, c.pausing, c.judging, c.until, c.wake = false, false, false, time.Time{}, time.Time{}
	c.endTry()
	c.stable.HeldUntil = time.Time{}
	c.event(EventCanaryAborted, c.to == c.trial, "%s was given up: %s", c.trial.label, why)
}

// split asks for the two shares.
func (c *canary) split() {
	c.trial.want = c.state.Share
	if c.state.Stage == canaryDone {
		c.trial.want = v1alpha1.WeightTotal
	}
	if c.stable != c.trial {
		c.stable.want = v1alpha1.WeightTotal - c.trial.want
	}
	one := intstr.FromInt32(1)
	for _, v := range c.versions {
		switch {
		case v == c.trial && c.state.Stage == canaryMoving: // move has asked
		case v.Weight == 0 && v.want > 0:
			c.pass(v, c.gate(v, &one, c.deadline()))
		default:
			v.Waiting, v.ReadySince = false, time.Time{}
		}
	}
	c.step.split()
	for _, v := range c.versions {
		switch {
		case v == c.trial && c.state.Stage == canaryMoving:
		case v.Weight > 0:
			v.ReadySince = time.Time{}
		case v.want > 0:
			c.awaitEmptied(v)
		}
	}
	if c.state.Stage != canaryMoving {
		return
	}
	if c.waiting {
		c.await(c.trial, c.gate(c.trial, c.spec.MinHealthy, c.deadline()))
	} else {
		c.trial.Waiting = false
	}
}

// pass lets a version through the gate, or has it wait there.
func (c *canary) pass(v *version, g verdict) bool {
	if !g.open {
		c.await(v, g)
		return false
	}
	if !v.admitted && (v.Weight == 0 || v.was) {
		c.admit(v, g)
	}
	// Envoys that it goes on without are not waited for with every step.
	v.Waiting, v.ReadySince, v.admitted = false, g.since, true
	return true
}

func (c *canary) deadline() time.Duration { return lasting(c.spec.Deadline, DefaultDeadline) }
