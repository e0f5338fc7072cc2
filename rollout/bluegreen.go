package rollout

import (
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// blueGreen moves all traffic to the active version in one step, once it has passed its gate.
// What had traffic before is kept without any for holdOld, each version for its own time, so
// that the way back passes the gate at once.
func (s *step) blueGreen(bg v1alpha1.BlueGreen) Result {
	active := s.named(bg.Active)
	if active == nil {
		return s.stay("spec.blueGreen.active names %q, which is not in spec.versions", bg.Active)
	}
	hold := lasting(bg.HoldOld, DefaultHoldOld)
	if bg.Together != "" {
		hold = max(hold, FlipWatch)
	}
	active.want = v1alpha1.WeightTotal
	if s.first {
		active.Weight = v1alpha1.WeightTotal
		s.event(EventFirstDeployment, false, "first deployment: %s gets all traffic at once", active.label)
	}
	s.watchHealth()
	s.takeBack(active, bg)
	if active.Weight < v1alpha1.WeightTotal {
		s.approach(active, bg, hold)
	}
	if active.Weight == v1alpha1.WeightTotal {
		s.flipped(active)
	}
	s.letGo(hold, active)
	shown := s.preview(bg, active)
	s.settleHealth()
	s.settleTry(Call{Stable: s.live().Name, Canary: active.Name, Weight: active.Weight})
	s.keep(func(v *version) bool { return v == active || v == shown || v.Weight > 0 || !v.HeldUntil.IsZero() })
	phase := s.describe(active)
	if s.sayShown(); shown != nil && shown != active && len(shown.Match) == 0 {
		s.say("the preview of %s %s", shown.label, shown.why)
	}
	r := s.result(phase)
	r.Live = s.live().Name
	return r
}

// approach flips when the active version has passed its gate. Until then the weights are as
// they were found; only a split by hand from before may have to leave a failing version.
func (s *step) approach(active *version, bg v1alpha1.BlueGreen, hold time.Duration) {
	s.leaveFailing()
	from := s.live().id
	if active.Weight < v1alpha1.WeightTotal && s.mayFlip(active) {
		deadline := lasting(bg.Deadline, DefaultDeadline)
		if bg.Together != "" {
			deadline = noDeadline
		}
		g := s.gate(active, bg.MinHealthy, deadline)
		if wait := s.observed.Together.Wait; g.open && wait != "" {
			g = verdict{why: "is ready, and waits to flip together: " + wait}
		}
		if g.open {
			s.flip(active, hold, g)
			if bg.Together != "" {
				s.flipping = &FlipState{Version: active.id, From: from, Until: s.now.Add(FlipWatch)}
				s.wakeAt(s.flipping.Until)
			}
			return
		}
		s.await(active, g)
	}
	s.weightEvents()
}

// mayFlip says whether something other than endpoints is in the way of a flip. A version that is kept for the way back
// is free to return.
func (s *step) mayFlip(active *version) bool {
	if !active.HeldUntil.IsZero() && s.now.Before(active.HeldUntil) {
		return true
	}
	if s.tried == nil || s.tried.Version != active.id || s.tried.Ended != "" {
		s.attempt(active, false)
	}
	ok, refused := false, s.tried.Refused
	if refused == "" {
		if ok, refused = s.mayBegin(); refused != "" {
			s.tried.Refused = refused
			s.event(EventFlipRefused, true, "%s does not get the traffic: %s", active.label, refused)
		}
	}
	switch {
	case refused != "":
		active.why = "does not get the traffic: " + refused + "; say retry to ask again"
	case !ok:
		active.why = "waits: " + describeHolds(s.holds)
	}
	if !ok {
		active.Waiting, active.ReadySince = false, time.Time{}
	}
	return ok
}

// flipped ends the attempt to move the traffic to the active version, which has it.
func (s *step) flipped(active *version) {
	if s.tried == nil {
		return
	}
	if s.end(active, v1alpha1.HookAfter, ""); s.tried.Ended == "" {
		s.tried = nil // it was for another version, which is not asked for any more
	}
}

// flip gives the active version everything and holds what had traffic before.
func (s *step) flip(active *version, hold time.Duration, g verdict) {
	for _, v := range s.versions {
		if v != active && v.had > 0 {
			v.Weight, v.HeldUntil = 0, s.now.Add(hold)
		}
	}
	active.Weight = v1alpha1.WeightTotal
	s.admit(active, g)
	s.event(EventFlipped, false, "all traffic moved to %s", active.label)
}

// letGo ends the holds that are over. Those in use are left alone: the active version's hold never
// ends while it waits, since it may be the way back. A hold lasts no longer than holdOld from now on, so that a shorter holdOld, or a
// clock that went back, is obeyed at once.
func (s *step) letGo(hold time.Duration, inUse ...*version) {
	for _, v := range s.versions {
		if slices.Contains(inUse, v) {
			continue
		}
		v.Waiting, v.ReadySince = false, time.Time{}
		if v.Weight > 0 || v.HeldUntil.IsZero() {
			v.HeldUntil = time.Time{}
			continue
		}
		if limit := s.now.Add(hold); v.HeldUntil.After(limit) {
			v.HeldUntil = limit
		}
		if !s.now.Before(v.HeldUntil) {
			v.HeldUntil = time.Time{}
			s.event(EventHoldEnded, false, "%s is no longer kept for the way back", v.label)
			continue
		}
		s.wakeAt(v.HeldUntil)
	}
}

// describe gives the phase and completes the message.
func (s *step) describe(active *version) v1alpha1.RolloutPhase {
	if active.Weight < v1alpha1.WeightTotal {
		s.say("%s %s", active.label, active.why)
		s.say("the traffic stays on %s until then", s.shares())
		for _, v := range s.versions {
			if lacks := v.lacks(); v.Weight > 0 && lacks != "" {
				s.say("%s %s", v.label, lacks)
			}
		}
		switch {
		case s.tried != nil && s.tried.Version == active.id && s.tried.Refused != "":
			return v1alpha1.PhaseAborted
		case s.doubted:
			return v1alpha1.PhasePaused
		}
		return v1alpha1.PhaseWaiting
	}
	active.Waiting, active.ReadySince, active.HeldUntil = false, time.Time{}, time.Time{}
	s.say("%s has all traffic", active.label)
	if lacks := active.lacks(); lacks != "" {
		s.say("it %s; there is no automatic way back", lacks)
	}
	phase := v1alpha1.PhaseStable
	for _, v := range s.versions {
		if v != active && !v.HeldUntil.IsZero() {
			phase = v1alpha1.PhaseHolding
			s.say("%s is kept until %s: name it as spec.blueGreen.active to go back", v.label, clock(v.HeldUntil))
		}
	}
	return phase
}

// live is the version that has most of the traffic; of equals, the first.
func (s *step) live() *version {
	best := s.versions[0]
	for _, v := range s.versions {
		if v.Weight > best.Weight {
			best = v
		}
	}
	return best
}
