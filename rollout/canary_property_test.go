package rollout

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

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
