package rollout

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// describe gives the phase and completes the message.
func (c *canary) describe() v1alpha1.RolloutPhase {
	phase := c.tell()
	c.sayShown()
	if c.found != nil && c.state.Stage == canaryMoving {
		of := ""
		if c.state.Analysis != nil && c.state.Analysis.Preview {
			of = " of the requests that match, and copies"
		}
		c.say("analysis%s: %s", of, c.found.Message)
	}
	for _, v := range c.versions {
		if lacks := v.lacks(); v.Weight > 0 && lacks != "" {
			c.say("%s %s and no other version can take its %s", v.label, lacks, percent(v.Weight))
		}
	}
	return phase
}

func (c *canary) tell() v1alpha1.RolloutPhase {
	st := c.state
	switch {
	case st.Stage == canaryDone:
		return c.tellDone()
	case st.Stage == canaryAborted:
		return c.tellAborted()
	case !st.PausedAt.IsZero():
		c.say("paused by hand since %s; %s", clock(st.PausedAt), c.shares())
		return v1alpha1.PhasePaused
	case len(c.holds) > 0:
		return c.tellHeld()
	case c.waiting:
		c.say("%s%s %s; %s", c.place(), c.trial.label, c.trial.why, c.shares())
		return v1alpha1.PhaseWaiting
	case st.Full:
		c.say("%s has all traffic, and is the stable version from %s on", c.trial.label, clock(c.until))
		return v1alpha1.PhaseBaking
	case c.pausing && st.Unsure:
		c.say("%sthe analysis is not sure in time, %s waits to be promoted; %s", c.place(), c.trial.label, c.shares())
		return v1alpha1.PhasePaused
	case c.pausing:
		c.say("%swaits to be promoted; %s", c.place(), c.shares())
		return v1alpha1.PhasePaused
	case c.judging && st.Step < len(c.plan) && c.plan[st.Step].analysis:
		c.say("%s%s goes on once the analysis has found it good enough; %s", c.place(), c.trial.label, c.shares())
	case c.judging:
		c.say("%s%s gets all traffic once the analysis has found it good enough; %s", c.place(), c.trial.label, c.shares())
	case !st.FallSince.IsZero():
		c.say("%s%s returns traffic, as fast as %s can take it; %s", c.place(), c.trial.label, c.stable.label, c.shares())
	case c.until.IsZero():
		c.say("%s%s cannot return its traffic before %s has ready endpoints; %s", c.place(), c.trial.label, c.stable.label, c.shares())
	case st.Step < len(c.plan) && c.plan[st.Step].ramp:
		c.say("%sramps to %s; %s", c.place(), percent(c.plan[st.Step].to), c.shares())
	default:
		c.say("%swaits until %s; %s", c.place(), clock(c.until), c.shares())
	}
	return v1alpha1.PhaseProgressing
}

// tellHeld says what is in the way.
func (c *canary) tellHeld() v1alpha1.RolloutPhase {
	place := c.place()
	if c.tried.Queued {
		place = ""
	}
	c.say("%s%s waits: %s; %s", place, c.trial.label, describeHolds(c.holds), c.shares())
	if until := c.holds[0].Until; until != nil && len(c.holds) == 1 {
		c.until = until.Time
	}
	if c.doubted {
		return v1alpha1.PhasePaused
	}
	return v1alpha1.PhaseWaiting
}

// place says which step is under way.
func (c *canary) place() string {
	if c.state.Step >= len(c.plan) {
		return "after the last step: "
	}
	return fmt.Sprintf("step %d of %d: ", c.state.Step+1, len(c.plan))
}

func (c *canary) shares() string { return "the traffic is on " + c.step.shares() }

func (c *canary) tellDone() v1alpha1.RolloutPhase {
	if c.trial.Weight < v1alpha1.WeightTotal {
		why := c.trial.why
		if why == "" {
			why = "cannot have all traffic"
		}
		c.say("%s %s; %s", c.trial.label, why, c.shares())
		return v1alpha1.PhaseWaiting
	}
	c.say("%s has all traffic", c.trial.label)
	phase := v1alpha1.PhaseStable
	for _, v := range c.versions {
		if v != c.trial && !v.HeldUntil.IsZero() {
			phase = v1alpha1.PhaseHolding
			c.say("%s is kept until %s", v.label, clock(v.HeldUntil))
		}
	}
	if c.stable != c.trial {
		c.say("name %s as spec.canary.to, or say undo, to go back at once", c.stable.label)
	}
	return phase
}

func (c *canary) tellAborted() v1alpha1.RolloutPhase {
	c.say("%s was given up: %s", c.trial.label, c.state.Aborted)
	switch {
	case !c.state.FallSince.IsZero():
		c.say("%s has fewer endpoints than before and gets its traffic back within a minute: %s", c.stable.label, c.shares())
	case c.trial.Weight > 0 && c.stable.why != "":
		c.say("%s %s; %s", c.stable.label, c.stable.why, c.shares())
	case c.trial.Weight > 0:
		c.say("%s gets its traffic back once it has ready endpoints; %s", c.stable.label, c.shares())
	default:
		c.say("%s", c.shares())
	}
	if c.to != c.trial {
		return v1alpha1.PhaseProgressing
	}
	c.say("change spec.canary, or say retry, to try %s again", c.trial.label)
	return v1alpha1.PhaseAborted
}

// status is the part of the status that only a canary has.
func (c *canary) status() *v1alpha1.CanaryStatus {
	st := &v1alpha1.CanaryStatus{
		Stable: c.stable.Name, Canary: c.trial.Name, Weight: c.state.Share,
		Step: int32(min(c.state.Step, len(c.plan))), Steps: int32(len(c.plan)), Aborted: c.state.Aborted,
	}
	if c.state.Stage == canaryDone {
		st.Weight, st.Step = v1alpha1.WeightTotal, st.Steps
	}
	if !c.until.IsZero() {
		st.Until = &metav1.Time{Time: c.until.Truncate(time.Second)}
	}
	return st
}
