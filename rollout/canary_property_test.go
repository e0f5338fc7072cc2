package rollout

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// drawCanary draws a canary over the versions.
func drawCanary(t *rapid.T, versions []v1alpha1.Version) *v1alpha1.Canary {
	c := &v1alpha1.Canary{To: rapid.SampledFrom(versions).Draw(t, "to").Name}
	if rapid.Bool().Draw(t, "from") {
		c.From = rapid.SampledFrom(versions).Draw(t, "from").Name
	}
	share := func() *v1alpha1.Percent {
		return new(v1alpha1.Percent(intstr.FromString(rapid.SampledFrom([]string{"0", "0.01", "5", "33.33", "50", "99.99", "100"}).Draw(t, "share"))))
	}
	for range rapid.IntRange(0, 5).Draw(t, "steps") {
		var s v1alpha1.CanaryStep
		switch rapid.IntRange(0, 5).Draw(t, "step") {
		case 4:
			s.Match = rapid.SampledFrom([][]v1alpha1.RequestMatch{testers, {}}).Draw(t, "match")
		case 5:
			s.Mirror = &v1alpha1.Mirror{Percent: *share()}
		case 0:
			s.Weight = share()
		case 1:
			s.Pause = &v1alpha1.CanaryPause{}
			if rapid.IntRange(0, 3).Draw(t, "forever") > 0 {
				s.Pause.Duration = duration(rapid.SampledFrom([]time.Duration{-1, 0, time.Second, time.Minute}).Draw(t, "pause"))
			}
		default:
			s.Ramp = &v1alpha1.CanaryRamp{To: share(), Over: *duration(rapid.SampledFrom([]time.Duration{-1, 0, time.Second, time.Minute}).Draw(t, "over"))}
			if rapid.Bool().Draw(t, "ramp from") {
				s.Ramp.From = share()
			}
		}
		c.Steps = append(c.Steps, s)
	}
	if rapid.Bool().Draw(t, "half") {
		c.MinHealthy = new(intstr.FromString("50%"))
	}
	c.HoldOld = duration(rapid.SampledFrom([]time.Duration{-1, 0, time.Second, time.Minute}).Draw(t, "hold"))
	c.Bake = duration(rapid.SampledFrom([]time.Duration{-1, 0, time.Second, time.Minute}).Draw(t, "bake"))
	c.Deadline = duration(rapid.SampledFrom([]time.Duration{-1, 0, time.Second, time.Minute}).Draw(t, "deadline"))
	if rapid.Bool().Draw(t, "progress") {
		c.ProgressDeadline = duration(rapid.SampledFrom([]time.Duration{-1, 0, time.Second, time.Minute}).Draw(t, "progress"))
	}
	return c
}

// checkCanary: the share of a canary grows only while enough of its endpoints are healthy, goes no
// further than its steps ask, and never grows once it was given up; the rest is on the stable
// version. What a version cannot take, because it is empty or unhealthy, is the exception.
func checkCanary(t *rapid.T, spec v1alpha1.RolloutSpec, state State, seen Observed, r Result) {
	if spec.Canary == nil {
		return
	}
	c := r.State.Canary
	if c == nil {
		t.Fatalf("no state of the canary: %+v", r)
	}
	if !c.sound(func(id string) bool {
		return slices.ContainsFunc(r.State.Versions, func(v VersionState) bool { return v.ID() == id })
	}) {
		t.Fatalf("not sound: %+v", r.State)
	}
	before, after := weightsOf(state), weightsOf(r.State)
	o := seen.Versions[c.Canary]
	fails := func(id string) bool {
		v, known := seen.Versions[id]
		for _, s := range r.State.Versions {
			if s.ID() == id && s.Unhealthy {
				return true
			}
		}
		return !known || v.Ready == 0
	}
	for id := range before {
		if fails(id) {
			return
		}
	}
	if len(before) == 0 {
		return
	}
	switch was := state.Canary; {
	case c.Stage == canaryMoving && after[c.Canary] > before[c.Canary] && o.Ready < needed(spec.Canary.MinHealthy, o.Total):
		t.Fatalf("%s grows with %+v: %v → %v", c.Canary, o, before, after)
	case c.Stage == canaryAborted && after[c.Canary] > before[c.Canary]:
		t.Fatalf("%s was given up, and grows: %v → %v", c.Canary, before, after)
	case c.Stage == canaryMoving && before[c.Stable] > 0 && after[c.Canary] > c.Share:
		t.Fatalf("%s has more than its steps ask: %v, %+v", c.Canary, after, c)
	case c.Stage == canaryMoving && before[c.Stable] > 0 && after[c.Canary]+after[c.Stable] != v1alpha1.WeightTotal:
		t.Fatalf("others have traffic: %v, %+v", after, c)
	case was != nil && was.Stage == canaryAborted && c.Stage == canaryAborted && c.Canary == was.Canary && c.Share > was.Share:
		t.Fatalf("%s was given up, and is asked for: %+v", c.Canary, c)
	}
}
