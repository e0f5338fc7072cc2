package rollout

import (
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api/calendar"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// TryState is one attempt to move the traffic to a version: whether it has begun, what is in its way, and what
// hooks were asked. Its JSON form is stored: fields may be added, not renamed.
type TryState struct {
	// Version is the VersionID; Since is about when it was asked for. Both together name the attempt towards hooks.
	Version string    `json:"version"`
	Since   time.Time `json:"since"`

	// Queued: it has not begun. Again: it is one that was given up before.
	Queued bool `json:"queued,omitempty"`
	Again  bool `json:"again,omitempty"`

	// Held says what was last in its way, in short; empty: nothing is.
	Held string `json:"held,omitempty"`

	// Waived: somebody has said that it goes on whatever freezes, limits and other Rollouts say.
	Waived bool `json:"waived,omitempty"`

	// Refused is why hooks do not let it begin, where nothing else says so; only with blueGreen.
	Refused string `json:"refused,omitempty"`

	// Ended is the moment whose hooks are told how it ended; empty: it has not.
	Ended v1alpha1.HookMoment `json:"ended,omitempty"`
	Why   string              `json:"why,omitempty"`

	// Asked has the questions to hooks, by their names.
	Asked map[string]AskState `json:"asked,omitempty"`
}

// clone gives a copy that can be changed.
func (t *TryState) clone() *TryState {
	if t == nil {
		return nil
	}
	c := *t
	c.Asked = maps.Clone(t.Asked)
	return &c
}

// open says whether something other than endpoints and time is in the way of it.
func (t *TryState) open() bool { return t != nil && t.Held != "" }

// waive goes on whatever is in the way now.
func (t *TryState) waive() {
	t.Waived = true
	for name, a := range t.Asked {
		if a.Verdict == "" || a.Verdict == askUnsure {
			a.Verdict, a.Doubt = askWaived, false
			t.Asked[name] = a
		}
	}
}

// attempt begins to try a version. What hooks are still to be told of the attempt before goes on beside it.
func (s *step) attempt(v *version, again bool) {
	if s.tried != nil && s.tried.Ended != "" && !s.toldAll(s.tried) {
		s.ending = s.tried
	}
	s.tried = s.tried.next(v.id, s.now)
	s.tried.Again = again
}

// next is another attempt, which has a name of its own also when it is made in the same moment.
func (t *TryState) next(version string, now time.Time) *TryState {
	if t != nil && !now.After(t.Since) {
		now = t.Since.Add(1)
	}
	return &TryState{Version: version, Since: now, Queued: true}
}

// toldAll says whether the hooks know how an attempt has ended.
func (s *step) toldAll(t *TryState) bool {
	for _, h := range s.hooks {
		if h.When == t.Ended && t.Asked[h.Name].Verdict == "" {
			return false
		}
	}
	return true
}

// end notes how an attempt has ended, so that hooks are told.
func (s *step) end(v *version, moment v1alpha1.HookMoment, why string) {
	if s.tried == nil || s.tried.Version != v.id || s.tried.Ended == moment {
		return
	}
	s.tried.Queued, s.tried.Ended, s.tried.Why = false, moment, why
	s.holds, s.calls, s.doubted = nil, nil, false
}

// resumeTry takes up what a state says of a version; one of before there were attempts has begun.
func (s *step) resumeTry(v *version) {
	if s.tried == nil || s.tried.Version != v.id {
		s.tried = &TryState{Version: v.id, Since: s.now}
	}
}

// mayBegin says whether what was asked for may begin now, and why it is given up instead: hooks are asked once
// nothing else is in the way.
func (s *step) mayBegin() (ok bool, refused string) {
	if !s.tried.Queued {
		return true, ""
	}
	if !s.tried.Waived {
		s.holds = append(s.holds, s.observed.Holds...)
	}
	if s.frozen() || len(s.holds) > 0 {
		return false, ""
	}
	c := s.consent(v1alpha1.HookBefore, 1)
	if c.refused != "" {
		s.calls, s.wake = nil, time.Time{} // what others would say does not matter any more
		return false, c.refused
	}
	if s.heed(c); !c.given {
		return false, ""
	}
	s.tried.Queued = false
	return true, ""
}

// heed notes what hooks have said.
func (s *step) heed(c consent) {
	s.holds = append(s.holds, c.holds...)
	s.doubted = s.doubted || c.paused
}

// frozen says whether a freeze is in the way, and asks to be called when that changes. Windows that follow each other
// without a gap are one wait.
func (s *step) frozen() bool {
	windows := slices.Concat(s.windows, s.observed.Freezes)
	if len(windows) == 0 || s.tried.Waived {
		return false
	}
	at := calendar.At(windows, s.now)
	if at.Open == nil {
		return false
	}
	hold := v1alpha1.RolloutHold{Reason: v1alpha1.HoldFreeze, Message: "freeze " + at.Open.Name}
	if !at.Until.IsZero() {
		hold.Until = &metav1.Time{Time: at.Until.UTC()}
		s.wakeAt(at.Until)
	}
	s.holds = append(s.holds, hold)
	return true
}

// settleTry comes last: it tells hooks how attempts have ended, notes what is in the way, and completes the calls.
func (s *step) settleTry(about Call) {
	if s.tried == nil {
		return
	}
	s.forgetHooks()
	if s.tried.Ended != "" {
		s.tell(s.tried.Ended)
	}
	about.Why = s.tried.Why
	s.complete(about)
	s.noteHeld(about.Canary)
	if s.ending == nil {
		return
	}
	calls := s.calls
	s.calls = nil
	s.tried, s.ending = s.ending, s.tried
	s.tell(s.tried.Ended)
	about.Canary, about.Why = v1alpha1.VersionName(s.tried.Version), s.tried.Why
	s.complete(about)
	s.tried, s.ending = s.ending, s.tried
	if s.calls = append(calls, s.calls...); s.toldAll(s.ending) {
		s.ending = nil
	}
}

// complete says in calls what they are about, and puts them in order.
func (s *step) complete(about Call) {
	slices.SortFunc(s.calls, func(a, b Call) int { return strings.Compare(a.Hook.Name, b.Hook.Name) })
	for i := range s.calls {
		c := &s.calls[i]
		about.Key, about.Hook, about.Attempt = c.Key, c.Hook, c.Attempt
		*c = about
	}
}

// noteHeld notes what is in the way, and tells of it when it is something else than before; of hooks, there are events anyway.
func (s *step) noteHeld(name string) {
	var held []string
	tell := false
	for _, h := range s.holds {
		what := string(h.Reason) // the rest of what it says may change
		if h.Reason == v1alpha1.HoldFreeze {
			what = h.Message
		}
		held, tell = append(held, what), tell || h.Reason != v1alpha1.HoldHook
	}
	now := strings.Join(slices.Compact(held), ", ")
	if now != s.tried.Held && tell {
		s.event(EventHeld, false, "%s waits: %s", name, describeHolds(s.holds))
	}
	s.tried.Held = now
}

// describeHolds writes holds for people.
func describeHolds(holds []v1alpha1.RolloutHold) string {
	var parts []string
	for _, h := range holds {
		part := h.Message
		if h.Until != nil {
			part += " until " + clock(h.Until.Time)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// under says whether an attempt is under way, for the limits: it has begun, and has not ended.
func (s State) under() bool {
	return s.Try != nil && !s.Try.Queued && s.Try.Ended == "" && s.Try.Refused == ""
}
