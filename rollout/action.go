package rollout

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Action is what a person tells a canary to do.
type Action struct {
	Kind ActionKind
	// Full has promote leave out all the steps that are left, rather than the one under way. The
	// canary need not have passed an analysis then; one that is worse is still given up.
	Full bool
	// By says who, for the history.
	By string
}

// ActionKind is the name of an action.
type ActionKind string

// The actions.
const (
	// Promote ends the step that is under way, or the bake.
	Promote ActionKind = "promote"
	// Pause has no more steps taken; Resume goes on, with the time that was left.
	Pause  ActionKind = "pause"
	Resume ActionKind = "resume"
	// Abort gives the canary up: the stable version gets all traffic.
	Abort ActionKind = "abort"
	// Retry starts a canary that was given up again, from the first step.
	Retry ActionKind = "retry"
	// Undo gives a canary up that has become the stable version, while the one before is kept.
	Undo ActionKind = "undo"
)

// Actions are all there are.
var Actions = []ActionKind{Promote, Pause, Resume, Abort, Retry, Undo}

// ErrAction means that an action cannot be done as things stand: the message says why.
var ErrAction = errors.New("cannot be done")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrAction, fmt.Sprintf(format, args...))
}

// Act gives the state after an action, to go on with by Next, and the event for the history. It
// is pure. Errors wrap ErrAction.
func Act(spec v1alpha1.RolloutSpec, state State, a Action, now time.Time) (State, Event, error) {
	now = now.UTC().Round(0)
	if spec.BlueGreen != nil && state.Try != nil {
		return actFlip(state, a, now)
	}
	if spec.Canary == nil {
		return state, Event{}, refuse("the Rollout has no spec.canary, and the other strategies do as the spec says at once")
	}
	if state.Canary == nil {
		return state, Event{}, refuse("the canary has not begun yet")
	}
	c := *state.Canary
	name := v1alpha1.VersionName(c.Canary)
	named := ""
	for _, v := range spec.Versions {
		if v.Name == spec.Canary.To {
			named = v.ID()
		}
	}
	if named != c.Canary {
		return state, Event{}, refuse("%s is on its way back, since the spec names %s: wait until it is", name, spec.Canary.To)
	}
	if a.Kind == Promote && c.Stage == canaryMoving && state.Try.open() {
		state.Try = state.Try.clone()
		state.Try.waive()
		if a.Full {
			c.promote(true, len(spec.Canary.Steps), now)
		}
	} else if err := c.act(a, spec.Canary.Steps, name, now); err != nil {
		return state, Event{}, err
	}
	state.Canary = &c
	return state, told(a), nil
}

// actFlip is Act with blueGreen: there is something to say while something other than endpoints is in the way of a flip.
func actFlip(state State, a Action, now time.Time) (State, Event, error) {
	name := v1alpha1.VersionName(state.Try.Version)
	state.Try = state.Try.clone()
	switch {
	case a.Kind == Retry && state.Try.Refused != "":
		state.Try = state.Try.next(state.Try.Version, now)
	case a.Kind == Retry:
		return state, Event{}, refuse("no hook has said no to %s", name)
	case a.Kind == Promote && state.Try.open():
		state.Try.waive()
	case a.Kind == Promote:
		return state, Event{}, refuse("no freeze, hook or other Rollout keeps the traffic from %s: see status", name)
	default:
		return state, Event{}, refuse("with blueGreen, name the version that shall have the traffic as spec.blueGreen.active")
	}
	return state, told(a), nil
}

// told is the event of an action.
func told(a Action) Event {
	told := "told to " + string(a.Kind)
	if a.Full {
		told += " in full"
	}
	if a.By != "" {
		told += ", by " + a.By
	}
	return Event{Reason: EventTold, Message: told, By: a.By}
}

// act changes the state of a canary.
func (c *CanaryState) act(a Action, steps []v1alpha1.CanaryStep, name string, now time.Time) error {
	moving := c.Stage == canaryMoving
	switch {
	case a.Kind == Retry && c.Stage == canaryAborted:
		c.Retry = true
	case a.Kind == Retry:
		return refuse("%s was not given up", name)
	case a.Kind == Undo && c.Stage == canaryDone && c.Canary != c.Stable:
		c.abort(by("it was undone", a))
	case a.Kind == Undo && c.Stage == canaryDone:
		return refuse("no version before %s is kept any more: name the version to go to as spec.canary.to", name)
	case a.Kind == Undo:
		return refuse("%s is not the stable version: abort gives it up", name)
	case c.Stage == canaryDone:
		return refuse("%s is the stable version, and nothing is under way", name)
	case !moving:
		return refuse("%s was given up: retry starts it again", name)
	case a.Kind == Abort:
		c.abort(by("it was aborted", a))
	case a.Kind == Pause && c.PausedAt.IsZero():
		c.PausedAt = now
	case a.Kind == Pause:
		return refuse("%s is paused already", name)
	case a.Kind == Resume && !c.PausedAt.IsZero():
		c.unpause(now)
	case a.Kind == Resume:
		return refuse("%s is not paused by hand: promote ends the step that is under way", name)
	case a.Kind == Promote && !a.Full && c.PausedAt.IsZero() && !c.waits(steps):
		return refuse("%s waits for healthy endpoints, which no promotion can replace: see status", name)
	case a.Kind == Promote:
		c.promote(a.Full, len(steps), now)
	default:
		var all []string
		for _, k := range Actions {
			all = append(all, string(k))
		}
		return refuse("there is no action %q; there are %s", a.Kind, strings.Join(all, ", "))
	}
	return nil
}

func by(what string, a Action) string {
	if a.By == "" {
		return what
	}
	return what + " by " + a.By
}

// unpause goes on with the time that was left.
func (c *CanaryState) unpause(now time.Time) {
	if paused := now.Sub(c.PausedAt); paused > 0 {
		c.Since = c.Since.Add(paused)
	}
	c.PausedAt = time.Time{}
}

// waits says whether what is under way takes time, rather than endpoints.
func (c *CanaryState) waits(steps []v1alpha1.CanaryStep) bool {
	if c.Unsure {
		return true
	}
	if c.Step >= len(steps) {
		return c.Full
	}
	return steps[c.Step].Weight == nil
}

// promote leaves steps out. What has to be healthy for the next share still has to.
func (c *CanaryState) promote(full bool, steps int, now time.Time) {
	if !c.PausedAt.IsZero() {
		c.unpause(now)
	}
	if c.Unsure && !full {
		c.Unsure, c.Waived = false, true
		return
	}
	c.Promoted = true
	c.Waived = c.Waived || full
	if full {
		c.Step, c.Moves, c.Since, c.Promoted = max(c.Step, steps), 0, now, c.Full
	}
}
