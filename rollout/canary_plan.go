package rollout

import (
	"fmt"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// A ramp makes at most this many moves, and no two of them closer together than this: each is a
// change of the routes of every Envoy.
const (
	rampMoves    = 100
	rampInterval = time.Second
)

// move is a step of a canary, read.
type move struct {
	weight *int32
	pause  bool
	wait   time.Duration // of a pause; negative: until promoted

	analysis bool // until it has passed

	shows  bool // match or mirror
	match  []v1alpha1.RequestMatch
	mirror *v1alpha1.Mirror

	ramp     bool
	from, to int32 // from is negative where the ramp begins with the share that there is
	over     time.Duration
}

// planOf reads the steps.
func planOf(steps []v1alpha1.CanaryStep) ([]move, error) {
	plan := make([]move, len(steps))
	for i, s := range steps {
		m, err := moveOf(s)
		if err != nil {
			return nil, fmt.Errorf("spec.canary.steps[%d]: %w", i, err)
		}
		plan[i] = m
	}
	return plan, nil
}

func moveOf(s v1alpha1.CanaryStep) (move, error) {
	set := 0
	for _, is := range []bool{s.Weight != nil, s.Pause != nil, s.Ramp != nil, s.Analysis != nil, s.Match != nil, s.Mirror != nil} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
	case s.Weight != nil:
		w, err := s.Weight.Weight()
		return move{weight: &w}, err
	case s.Pause != nil:
		return move{pause: true, wait: lasting(s.Pause.Duration, -1)}, nil
	case s.Analysis != nil:
		return move{analysis: true}, nil
	case s.Match != nil:
		return move{shows: true, match: s.Match}, nil
	case s.Mirror != nil:
		_, err := s.Mirror.Percent.Weight()
		return move{shows: true, mirror: s.Mirror}, err
	case s.Ramp.To != nil:
		to, err := s.Ramp.To.Weight()
		m := move{ramp: true, from: -1, to: to, over: max(0, s.Ramp.Over.Duration)}
		if err == nil && s.Ramp.From != nil {
			m.from, err = s.Ramp.From.Weight()
		}
		return m, err
	}
	return move{}, fmt.Errorf("exactly one of weight, pause, ramp, analysis, match and mirror must be set")
}

// share is what the canary has after the step, if it had before.
func (m move) share(before int32) int32 {
	switch {
	case m.weight != nil:
		return *m.weight
	case m.ramp:
		return m.to
	}
	return before
}

// moves is how often a ramp from a share changes it, and how far apart in time that is.
func (m move) moves(from int32) (int, time.Duration) {
	n := int(max(m.to-from, from-m.to, 1))
	n = min(n, rampMoves, max(1, int(m.over/rampInterval)))
	return n, m.over / time.Duration(n)
}

// at is the share of a ramp after some of its moves.
func (m move) at(from int32, done, of int) int32 {
	return from + int32(int64(m.to-from)*int64(done)/int64(of))
}

// enter says with which step to begin where the canary already has a share: with the first that
// would not take any of it away.
func enter(plan []move, share int32) int {
	if share == 0 {
		return 0
	}
	for i, m := range plan {
		if (m.weight != nil || m.ramp) && m.share(0) >= share {
			return i
		}
	}
	return len(plan)
}
