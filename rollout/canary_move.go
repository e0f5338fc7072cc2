package rollout

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// move goes as far as it can at this moment. It is true when what was given up has returned, and
// the spec names something else: then there is more to begin.
func (c *canary) move() bool {
	c.judge()
	heard := c.hear()
	if c.state.Stage == canaryMoving && c.serves() && c.state.PausedAt.IsZero() && c.enter() {
		c.advance()
	}
	if !heard {
		c.hear() // it has its first share
	}
	if c.state.Stage != canaryAborted {
		return false
	}
	c.returned = c.lower(0)
	return c.returned && c.to != c.trial
}

// hear asks the hooks that watch over a rollout; false: there is nothing to watch.
func (c *canary) hear() bool {
	if c.state.Stage != canaryMoving || c.tried.Queued || c.state.Share == 0 {
		return false
	}
	said := c.consult()
	if c.heed(said); said.refused != "" {
		c.abort(said.refused)
	}
	return true
}

// mayGrow says whether freezes and hooks let the share grow.
func (c *canary) mayGrow(share int32) bool {
	if c.frozen() || c.doubted {
		return false
	}
	moment, nth := v1alpha1.HookIncrease, c.state.Step+1
	if share == v1alpha1.WeightTotal {
		moment, nth = v1alpha1.HookPromotion, 1
	}
	said := c.consent(moment, nth)
	if c.heed(said); said.refused != "" {
		c.abort(said.refused)
	}
	return said.given
}

// goTo begins with a step.
func (c *canary) goTo(i int) {
	c.state.Step, c.state.Since, c.state.Moves, c.state.From, c.state.Promoted = i, c.now, 0, c.state.Share, false
	if i >= len(c.plan) {
		return
	}
	if m := c.plan[i]; m.ramp {
		c.state.From = max(m.from, c.state.Share)
		if m.to < c.state.From {
			c.state.From = c.state.Share
		}
	} else if m.pause && m.wait < 0 {
		c.event(EventCanaryPaused, false, "%s waits at %s to be promoted", c.trial.label, percent(c.state.Share))
	}
}

// advance takes steps until one takes longer than this moment, and bakes after the last.
func (c *canary) advance() {
	for c.state.Step < len(c.plan) {
		if !c.take(c.plan[c.state.Step]) {
			return
		}
		c.goTo(c.state.Step + 1)
	}
	if !c.ask(v1alpha1.WeightTotal) {
		return
	}
	if !c.state.Full {
		c.state.Full, c.state.Since = true, c.now
	}
	if !c.over(lasting(c.spec.Bake, 0)) {
		return
	}
	c.state.Stage, c.state.Full, c.state.Promoted = canaryDone, false, false
	c.wake = time.Time{} // what watched over it is over
	c.stable.HeldUntil = c.now.Add(lasting(c.spec.HoldOld, DefaultHoldOld))
	c.event(EventCanaryPromoted, false, "%s has all traffic and is the stable version now", c.trial.label)
}

// take takes a step; false: it is not over.
func (c *canary) take(m move) bool {
	switch {
	case m.weight != nil:
		return c.ask(*m.weight)
	case m.pause && m.wait < 0:
		if c.state.Promoted {
			return true
		}
		c.pausing = true
		return false
	case m.pause:
		return c.over(m.wait)
	case m.shows:
		return c.present(m)
	case m.analysis:
		c.judging = !c.passed() && !c.state.Promoted
		return !c.judging
	}
	if c.state.Moves == 0 && !c.ask(c.state.From) {
		return false
	}
	if c.state.Promoted {
		return c.ask(m.to)
	}
	moves, interval := m.moves(c.state.From)
	for c.state.Moves < moves {
		if !c.over(interval) || !c.ask(m.at(c.state.From, c.state.Moves+1, moves)) {
			return false
		}
		c.state.Moves++
		c.state.Since = c.now
	}
	return true
}

// over says whether a time has passed since the step began, and asks to be called when it has. A
// clock that goes back has it wait anew.
func (c *canary) over(wait time.Duration) bool {
	if c.state.Since.After(c.now) {
		c.state.Since = c.now
	}
	end := c.state.Since.Add(wait)
	if c.state.Promoted || !c.now.Before(end) {
		return true
	}
	c.wakeAt(end)
	c.until = end
	return false
}

// ask asks for a share; false: it cannot be had yet.
func (c *canary) ask(share int32) bool {
	if share < c.state.Share {
		return c.lower(share)
	}
	switch grows := share > c.state.Share; {
	case grows && c.state.Unsure:
		c.pausing = true
		return false
	case grows && share == v1alpha1.WeightTotal && !c.passed():
		c.judging = true
		return false
	case grows && !c.mayGrow(share):
		c.state.StuckSince = time.Time{}
		return false
	}
	if share > c.state.Share {
		g := c.gate(c.trial, c.spec.MinHealthy, c.deadline())
		if !c.pass(c.trial, g) {
			c.stuck()
			return false
		}
		if c.state.Share == 0 {
			c.state.StableReady = c.stable.seen.Ready
		}
		c.state.Share = share
	}
	c.state.StuckSince = time.Time{}
	c.state.FallSince = time.Time{}
	return true
}

// stuck notes that the canary waits for healthy endpoints, and gives it up when it has waited for
// too long. Time in which nothing is known does not count.
func (c *canary) stuck() {
	c.waiting = true
	if c.state.StuckSince.IsZero() || c.state.StuckSince.After(c.now) {
		c.state.StuckSince = c.now
	}
	if c.spec.ProgressDeadline == nil || !c.trial.known || c.settling > 0 {
		return
	}
	end := c.state.StuckSince.Add(lasting(c.spec.ProgressDeadline, 0))
	if c.now.Before(end) {
		c.wakeAt(end)
		return
	}
	c.waiting = false
	c.abort(fmt.Sprintf("not enough of its endpoints were healthy for %s", lasting(c.spec.ProgressDeadline, 0)))
}

// serves says whether the canary serves what it has been given. One that is empty or unhealthy
// loses its share, if the stable version can take it, and gets it back through the gate; the step
// under way begins anew then.
func (c *canary) serves() bool {
	st := &c.state
	if st.Share == 0 {
		return c.presents()
	}
	bad := c.trial.Weight > 0 && (c.trial.empty() || c.trial.failing)
	switch {
	case bad:
		st.Out = true
		if c.stuck(); st.Stage == canaryMoving && c.refuge() {
			c.setback()
		}
		return false
	case c.trial.Weight == 0:
		st.Out = true
		if !c.pass(c.trial, c.gate(c.trial, c.spec.MinHealthy, c.deadline())) {
			c.stuck()
			return false
		}
	}
	if st.Out {
		st.Out, st.StuckSince, st.Since = false, time.Time{}, c.now
	}
	return true
}

// setback notes that the canary loses its share, and gives it up when that is too much.
func (c *canary) setback() {
	why := c.trial.lacks()
	c.state.Setbacks++
	c.event(EventCanarySetback, true, "%s %s: the stable version takes its %s", c.trial.label, why, percent(c.state.Share))
	switch {
	case c.state.Share == v1alpha1.WeightTotal:
		c.abort("it had all traffic, and " + why)
	case c.state.Setbacks >= mostSetbacks:
		c.abort(fmt.Sprintf("it %s, and has lost its traffic %d times", why, c.state.Setbacks))
	}
}

// refuge says whether the stable version can take traffic.
func (c *canary) refuge() bool {
	if c.stable.Weight > 0 {
		return !c.stable.empty() && !c.stable.failing
	}
	one := intstr.FromInt32(1)
	return c.gate(c.stable, &one, c.deadline()).open
}
