package simulate

import (
	"errors"
	"fmt"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// Story is what became of one rollout.
type Story struct {
	Stable  string      `json:"stable"`
	Canary  string      `json:"canary"`
	Outcome OutcomeKind `json:"outcome"`
	// Seconds is when it ended so or, where it did not, how long was looked.
	Seconds float64 `json:"seconds"`
	// Message is the status at the end, for people.
	Message string  `json:"message"`
	Events  []Event `json:"events,omitempty"`
}

// OutcomeKind is how a rollout ended.
type OutcomeKind string

// The outcomes.
const (
	// Promoted: the canary is the stable version.
	Promoted OutcomeKind = "promoted"
	// Aborted: it was given up.
	Aborted OutcomeKind = "aborted"
	// Waiting: it waits for something that does not come, such as somebody who promotes.
	Waiting OutcomeKind = "waiting"
	// Running: it had not ended when the time was over.
	Running OutcomeKind = "running"
)

// Event is something that happened.
type Event struct {
	Seconds float64 `json:"seconds"` // since the canary began
	Reason  string  `json:"reason"`
	Warning bool    `json:"warning,omitempty"`
	Message string  `json:"message"`
	// Percent is the share of the canary from then on.
	Percent float64 `json:"percent"`
}

// epoch is when all simulations begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ErrSpec means that there is no canary to simulate: the message says why.
var ErrSpec = errors.New("nothing to simulate")

// Run simulates one rollout. The spec must be admitted and have its defaults. Errors wrap ErrSpec.
func Run(spec v1alpha1.RolloutSpec, w World) (Story, error) {
	s, err := begin(spec, w)
	if err != nil {
		return Story{}, err
	}
	for {
		r := s.step()
		if over := s.over(r); over {
			return s.story, nil
		}
	}
}

// simulation is one Run in the making.
type simulation struct {
	spec           v1alpha1.RolloutSpec
	world          World
	traffic        *traffic
	canary, stable v1alpha1.Version
	state          rollout.State
	calls          []rollout.Call // to hooks
	at             time.Duration
	paused         time.Duration // since when it waits to be promoted; negative: it does not
	story          Story
}

// begin has the stable version take all traffic, without a word.
func begin(spec v1alpha1.RolloutSpec, w World) (*simulation, error) {
	if spec.Canary == nil {
		return nil, fmt.Errorf("%w: the Rollout has no spec.canary", ErrSpec)
	}
	if w.For <= 0 {
		w.For = DefaultFor
	}
	s := &simulation{spec: spec, world: w, traffic: newTraffic(w), paused: -1}
	for _, v := range spec.Versions {
		switch {
		case v.Name == spec.Canary.To:
			s.canary = v
		case s.stable.Name == "" || v.Name == spec.Canary.From:
			s.stable = v
		}
	}
	if s.canary.Name == "" || s.stable.Name == "" {
		return nil, fmt.Errorf("%w: spec.versions needs %q and a version that had the traffic before", ErrSpec, spec.Canary.To)
	}
	s.story = Story{Stable: s.stable.Name, Canary: s.canary.Name}
	before := *spec.Canary
	before.To, before.From = s.stable.Name, ""
	first := spec
	first.Canary = &before
	s.state = rollout.Next(first, rollout.State{}, s.observed(), epoch).State
	return s, nil
}

// endpoints is how many each version has: more than any minHealthy asks for.
const endpoints = 1 << 20

func (s *simulation) observed() rollout.Observed {
	seen := func(l rollout.Load) rollout.VersionObserved {
		return rollout.VersionObserved{Ready: endpoints, Total: endpoints, Load: l}
	}
	canary := seen(s.traffic.canary)
	canary.Copies = s.traffic.copies
	answers := map[string]rollout.Answer{} // hooks agree, at once
	for _, c := range s.calls {
		answers[c.Key] = rollout.Answer{Attempt: c.Attempt, Outcome: rollout.AnswerYes}
	}
	return rollout.Observed{Counting: "simulated", Answers: answers, Versions: map[string]rollout.VersionObserved{
		s.canary.ID(): canary, s.stable.ID(): seen(s.traffic.stable),
	}}
}

func (s *simulation) now() time.Time { return epoch.Add(s.at) }

// step has the engine decide, and notes what it did.
func (s *simulation) step() rollout.Result {
	r := rollout.Next(s.spec, s.state, s.observed(), s.now())
	s.state, s.calls = r.State, r.Calls
	for _, e := range r.Events {
		s.note(r, e)
	}
	return r
}

func (s *simulation) note(r rollout.Result, e rollout.Event) {
	s.story.Events = append(s.story.Events, Event{
		Seconds: s.at.Seconds(), Reason: string(e.Reason), Warning: e.Warning, Message: e.Message, Percent: s.share(r) * 100,
	})
}

// share is that of the canary, between 0 and 1.
func (s *simulation) share(r rollout.Result) float64 {
	for _, v := range r.Versions {
		if v.ID() == s.canary.ID() {
			return float64(v.Weight) / v1alpha1.WeightTotal
		}
	}
	return 0
}

// copied is the share of the requests that the canary gets copies of, between 0 and 1.
func (s *simulation) copied(r rollout.Result) float64 {
	for _, v := range r.Versions {
		if v.ID() == s.canary.ID() {
			return float64(rollout.Mirrored(v.Mirror)) / v1alpha1.WeightTotal
		}
	}
	return 0
}

// over says whether the rollout has ended; if not, it lets time pass until there is something to decide.
func (s *simulation) over(r rollout.Result) bool {
	end := func(o OutcomeKind) bool {
		s.story.Outcome, s.story.Seconds, s.story.Message = o, s.at.Seconds(), r.Message
		return true
	}
	switch {
	case r.Phase == v1alpha1.PhaseHolding || r.Phase == v1alpha1.PhaseStable:
		return end(Promoted)
	case r.Phase == v1alpha1.PhaseAborted:
		return end(Aborted)
	case s.at >= s.world.For:
		return end(Running)
	}
	next := s.next(r)
	if next < 0 {
		return end(Waiting)
	}
	if s.spec.Canary.Analysis != nil {
		s.traffic.pass(next-s.at, s.share(r), s.copied(r))
	}
	s.at = next
	s.promote(r)
	return false
}

// next is when there is something to decide; negative: never.
func (s *simulation) next(r rollout.Result) time.Duration {
	next := s.world.For + 1
	sooner := func(at time.Duration) { next = min(next, max(at, s.at+time.Millisecond)) }
	if !r.Wake.IsZero() {
		sooner(r.Wake.Sub(epoch))
	}
	if len(r.Calls) > 0 {
		sooner(s.at)
	}
	if r.Phase != v1alpha1.PhasePaused {
		s.paused = -1
	} else if s.paused < 0 {
		s.paused = s.at
	}
	if s.paused >= 0 && s.world.PromoteAfter >= 0 {
		sooner(s.paused + s.world.PromoteAfter)
	}
	if share := s.share(r); s.spec.Canary.Analysis != nil && (share > 0 && share < 1 || s.copied(r) > 0) {
		sooner(s.at + interval)
	}
	if next > s.world.For && r.Wake.IsZero() && len(r.Calls) == 0 {
		return -1
	}
	return min(next, s.world.For)
}

// promote is what somebody says when the time has come.
func (s *simulation) promote(r rollout.Result) {
	if s.paused < 0 || s.world.PromoteAfter < 0 || s.at < s.paused+s.world.PromoteAfter {
		return
	}
	s.paused = -1
	state, event, err := rollout.Act(s.spec, s.state, rollout.Action{Kind: rollout.Promote, By: "the simulation"}, s.now())
	if err != nil {
		return // what it waits for is something else
	}
	s.state = state
	s.note(r, event)
}
