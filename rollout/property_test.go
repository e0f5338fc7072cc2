package rollout

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

var pool = []string{"blue", "green/1", "green/2", "red"}

// drawSpec draws a valid spec of either strategy, sometimes an unusable one.
func drawSpec(t *rapid.T) v1alpha1.RolloutSpec {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 3, func(s string) string { return testVersion(s).Name }).Draw(t, "versions")
	spec := v1alpha1.RolloutSpec{Versions: testVersions(names...)}
	switch rapid.IntRange(0, 9).Draw(t, "strategy") {
	case 0:
		return v1alpha1.RolloutSpec{Versions: spec.Versions}
	case 1, 2, 3:
		spec.Traffic = map[string]v1alpha1.Percent{}
		left := v1alpha1.WeightTotal
		for i, v := range spec.Versions {
			w := rapid.SampledFrom([]int{0, 1, 500, 3333, 5000, 10000}).Draw(t, "share")
			if w = min(w, left); i == len(spec.Versions)-1 {
				w = left
			}
			left -= w
			spec.Traffic[v.Name] = v1alpha1.Percent(intstr.FromString(fmt.Sprintf("%d.%02d", w/100, w%100)))
		}
	case 4, 5, 6:
		spec.Canary = drawCanary(t, spec.Versions)
	default:
		bg := &v1alpha1.BlueGreen{Active: rapid.SampledFrom(spec.Versions).Draw(t, "active").Name}
		if rapid.Bool().Draw(t, "half") {
			bg.MinHealthy = new(intstr.FromString("50%"))
		}
		bg.HoldOld = duration(rapid.SampledFrom([]time.Duration{-1, 0, time.Second, time.Minute}).Draw(t, "hold"))
		bg.Deadline = duration(rapid.SampledFrom([]time.Duration{-1, 0, time.Second, time.Minute}).Draw(t, "deadline"))
		if rapid.Bool().Draw(t, "preview") {
			bg.Preview = &v1alpha1.Preview{Version: rapid.SampledFrom(spec.Versions).Draw(t, "previewed").Name, Match: testers}
		}
		spec.BlueGreen = bg
	}
	return spec
}

func drawObserved(t *rapid.T, now time.Time) Observed {
	o := Observed{Versions: map[string]VersionObserved{}}
	envoys := rapid.IntRange(0, 3).Draw(t, "envoys")
	for _, p := range pool {
		if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
			continue
		}
		total := rapid.IntRange(0, 3).Draw(t, "total")
		v := VersionObserved{Total: total, Ready: rapid.IntRange(0, total).Draw(t, "ready"), Checked: rapid.Bool().Draw(t, "checked")}
		for i := range envoys {
			v.Envoys = append(v.Envoys, EnvoyObserved{
				Name:    fmt.Sprintf("e%d", i),
				Warm:    rapid.IntRange(0, 3).Draw(t, "warm") > 0,
				Healthy: rapid.IntRange(0, v.Ready).Draw(t, "healthy"),
			})
			e := &v.Envoys[i]
			e.Reported = e.Healthy > 0 || rapid.IntRange(0, 3).Draw(t, "reported") > 0
		}
		o.Versions[testVersion(p).ID()] = v
	}
	if rapid.IntRange(0, 9).Draw(t, "settling") == 0 {
		o.SettleUntil = now.Add(time.Second)
	}
	return o
}

// strategies counts those that a spec has.
func strategies(spec v1alpha1.RolloutSpec) int {
	n := 0
	for _, set := range []bool{spec.Traffic != nil, spec.BlueGreen != nil, spec.Canary != nil} {
		if set {
			n++
		}
	}
	return n
}

func weightsOf(st State) map[string]int32 {
	out := map[string]int32{}
	for _, v := range st.Versions {
		if v.Weight != 0 {
			out[v.ID()] = v.Weight
		}
	}
	return out
}

// TestNextKeepsItsPromises runs random stories and checks every step against the promises, as
// far as these can be said without repeating how Next works.
func TestNextKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var state State
		now, spec, seen := epoch, drawSpec(t), Observed{}
		partial := map[string]time.Time{} // since when some, not all Envoys are ready; an upper bound on ReadySince
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				spec = drawSpec(t)
			case 1, 2:
				seen = drawObserved(t, now)
			default:
				now = now.Add(rapid.SampledFrom([]time.Duration{0, 1, time.Second, 59 * time.Second, time.Minute, time.Hour, -time.Minute}).Draw(t, "passes"))
			}
			r := Next(spec, state, seen, now)
			checkAtRest(t, spec, state, seen, now, r)
			checkWeights(t, spec, state, seen, r)
			checkGate(t, spec, state, seen, now, r, partial)
			checkHeld(t, spec, state, now, r)
			checkUnhealthy(t, spec, state, seen, r)
			checkCanary(t, spec, state, seen, r)
			state = r.State
		}
	})
}

// checkAtRest: the same in, the same out, whatever the order of Envoys; a state that was on disk
// goes on as the one in memory; a second call changes nothing; a wake lies ahead.
func checkAtRest(t *rapid.T, spec v1alpha1.RolloutSpec, state State, seen Observed, now time.Time, r Result) {
	turned := Observed{Versions: map[string]VersionObserved{}, SettleUntil: seen.SettleUntil}
	for id, v := range seen.Versions {
		v.Envoys = slices.Clone(v.Envoys)
		slices.Reverse(v.Envoys)
		turned.Versions[id] = v
	}
	if again := Next(spec, onDisk(t, state), turned, now.In(time.FixedZone("", 3600))); !reflect.DeepEqual(r, again) {
		t.Fatalf("the same differs:\n%+v\n%+v", r, again)
	}
	rest := Next(spec, r.State, seen, now)
	if len(rest.Events) > 0 {
		t.Fatalf("events at rest: %+v\n%s", rest.Events, asJSON(spec, state, r.State, seen, now))
	}
	rest.Events = r.Events
	if !reflect.DeepEqual(r, rest) {
		t.Fatalf("not at rest:\n%s", asJSON(spec, state, r, rest, seen, now))
	}
	if !r.Wake.IsZero() && !r.Wake.After(now) {
		t.Fatalf("wakes at %v, now is %v", r.Wake, now)
	}
	if (r.Phase == v1alpha1.PhaseHolding) && r.Wake.IsZero() {
		t.Fatal("holds without an end")
	}
	if r.Message == "" {
		t.Fatal("says nothing")
	}
}

func asJSON(values ...any) string {
	data, err := json.MarshalIndent(values, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// checkWeights: the sum is exact, and no weight is on a version without endpoints while one that
// may have it has some.
func checkWeights(t *rapid.T, spec v1alpha1.RolloutSpec, state State, seen Observed, r Result) {
	if len(r.Versions) == 0 {
		if len(state.Versions) > 0 || strategies(spec) > 0 {
			t.Fatal("no versions")
		}
		return
	}
	var sum int32
	ids := map[string]bool{}
	for i, v := range r.Versions {
		if v.Weight < 0 || ids[v.ID()] || v.Weight != r.State.Versions[i].Weight || v.ID() != r.State.Versions[i].ID() {
			t.Fatalf("version %s: %+v", v.ID(), r)
		}
		ids[v.ID()] = true
		sum += v.Weight
	}
	if sum != v1alpha1.WeightTotal {
		t.Fatalf("the weights sum to %d: %+v", sum, r.Versions)
	}
	if strategies(spec) == 0 || len(state.Versions) == 0 && spec.Traffic == nil {
		return
	}
	empty := func(id string) bool { o, known := seen.Versions[id]; return known && o.Ready == 0 }
	after := weightsOf(r.State)
	before := weightsOf(state)
	for id := range after {
		if !empty(id) {
			continue
		}
		for other := range after {
			if !empty(other) {
				t.Fatalf("%s is empty and has weight beside %s: %v", id, other, after)
			}
		}
		for other := range before {
			if !empty(other) {
				t.Fatalf("%s is empty and has the weight of %s", id, other)
			}
		}
	}
}

// checkGate: a version that had nothing gets weight only when its endpoints are ready and either
// every Envoy is ready for it, or some are and the deadline has passed since.
func checkGate(t *rapid.T, spec v1alpha1.RolloutSpec, state State, seen Observed, now time.Time, r Result, partial map[string]time.Time) {
	deadline, min := DefaultDeadline, new(intstr.FromInt32(1))
	if spec.BlueGreen != nil {
		deadline, min = max(0, spec.BlueGreen.Deadline.Duration), spec.BlueGreen.MinHealthy
	}
	if spec.Canary != nil {
		deadline = max(0, spec.Canary.Deadline.Duration)
	}
	before := weightsOf(state)
	for _, v := range r.State.Versions {
		id := v.ID()
		o, known := seen.Versions[id]
		need := needed(min, o.Total)
		ready := 0
		for _, e := range o.Envoys {
			if e.Warm && (!o.Checked || e.Healthy >= need) {
				ready++
			}
		}
		if v.Waiting && !v.ReadySince.IsZero() {
			if since, ok := partial[id]; !ok || since.After(now) {
				partial[id] = now
			}
			if v.ReadySince.Before(partial[id]) && !v.ReadySince.Equal(partial[id]) {
				t.Fatalf("%s: since %v, but it can only be since %v", id, v.ReadySince, partial[id])
			}
		}
		if v.Weight > 0 && before[id] == 0 && len(before) > 0 {
			waited := now.Sub(partial[id])
			if _, ok := partial[id]; !ok {
				waited = 0
			}
			switch {
			case !known || o.Ready < need || now.Before(seen.SettleUntil):
				t.Fatalf("%s got weight with %+v", id, o)
			case ready < len(o.Envoys) && (ready == 0 || waited < deadline):
				t.Fatalf("%s got weight with %d of %d Envoys after %v", id, ready, len(o.Envoys), waited)
			case spec.BlueGreen != nil && v.Weight != v1alpha1.WeightTotal:
				t.Fatalf("a flip to %d", v.Weight)
			}
		}
		if !v.Waiting || v.ReadySince.IsZero() {
			delete(partial, id)
		}
	}
	for id := range partial {
		if !slices.ContainsFunc(r.State.Versions, func(v VersionState) bool { return v.ID() == id }) {
			delete(partial, id)
		}
	}
}

// checkHeld: what loses its traffic by a flip is kept for holdOld, and what is held stays until
// its time unless the spec shortens it.
func checkHeld(t *rapid.T, spec v1alpha1.RolloutSpec, state State, now time.Time, r Result) {
	if spec.BlueGreen == nil || len(state.Versions) == 0 {
		return
	}
	hold := max(0, spec.BlueGreen.HoldOld.Duration)
	after := map[string]VersionState{}
	flipped := false
	for _, v := range r.State.Versions {
		after[v.ID()] = v
	}
	for _, e := range r.Events {
		flipped = flipped || e.Reason == EventFlipped
	}
	for _, old := range state.Versions {
		is, kept := after[old.ID()]
		switch {
		case kept && is.Weight > 0:
		case flipped && old.Weight > 0 && hold > 0:
			if !kept || !is.HeldUntil.Equal(now.Add(hold)) {
				t.Fatalf("%s had traffic and is not held: %+v", old.Name, r.State)
			}
		case old.Weight == 0 && !old.HeldUntil.IsZero() && now.Before(old.HeldUntil) && hold > 0:
			if !kept || is.HeldUntil.After(old.HeldUntil) || is.HeldUntil.Before(old.HeldUntil) && !is.HeldUntil.Equal(now.Add(hold)) {
				t.Fatalf("%s was held until %v: %+v", old.Name, old.HeldUntil, r.State)
			}
		}
	}
}

// checkUnhealthy: weight stays on a version that is known to fail only where every other one with
// weight fails or is empty too, or where blueGreen has it; and nothing else counts as unhealthy.
func checkUnhealthy(t *rapid.T, spec v1alpha1.RolloutSpec, state State, seen Observed, r Result) {
	if strategies(spec) != 1 {
		return
	}
	fails := func(v VersionState) bool {
		o, known := seen.Versions[v.ID()]
		return !known || o.Ready == 0 || v.Unhealthy
	}
	before := map[string]VersionState{}
	for _, v := range state.Versions {
		before[v.ID()] = v
	}
	for _, v := range r.State.Versions {
		o, known := seen.Versions[v.ID()]
		if v.Unhealthy && !before[v.ID()].Unhealthy {
			if !known || !o.Checked || !slices.ContainsFunc(o.Envoys, func(e EnvoyObserved) bool { return e.Warm }) {
				t.Fatalf("%s is unhealthy, with %+v", v.Name, o)
			}
			for _, e := range o.Envoys {
				if e.Warm && (e.Healthy > 0 || !e.Reported) {
					t.Fatalf("%s is unhealthy, with %+v", v.Name, o)
				}
			}
		}
		// Known to fail now, and not only remembered to.
		if !v.Unhealthy || v.Weight == 0 || spec.BlueGreen != nil && v.Weight == v1alpha1.WeightTotal || v.UnhealthySince.IsZero() {
			continue
		}
		for _, other := range r.State.Versions {
			if other.Weight > 0 && !fails(other) {
				t.Fatalf("%s is unhealthy and has weight beside %s: %+v", v.Name, other.Name, r)
			}
		}
	}
}

// TestNextIsTotal: whatever is in spec, state and observation, there is an answer.
func TestNextIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		spec.Versions = append(spec.Versions, v1alpha1.Version{}, spec.Versions[0])
		if spec.BlueGreen != nil {
			spec.BlueGreen.MinHealthy = new(intstr.FromString(rapid.String().Draw(t, "minHealthy")))
			spec.BlueGreen.HoldOld = duration(time.Duration(rapid.Int64().Draw(t, "hold")))
			spec.BlueGreen.Deadline = nil
		}
		var state State
		for _, p := range rapid.SliceOf(rapid.SampledFrom(pool)).Draw(t, "state") {
			v := testVersion(p)
			state.Versions = append(state.Versions, VersionState{
				Name: v.Name, Selector: v.Selector, Weight: rapid.Int32().Draw(t, "weight"), Waiting: rapid.Bool().Draw(t, "waiting"),
				HeldUntil:  epoch.Add(time.Duration(rapid.Int64().Draw(t, "until"))),
				ReadySince: epoch.Add(time.Duration(rapid.Int64().Draw(t, "since"))),
			})
		}
		seen := drawObserved(t, epoch)
		r := Next(spec, state, seen, epoch.Add(time.Duration(rapid.Int64().Draw(t, "now"))))
		checkWeights(t, spec, state.sound(), seen, r)
		onDisk(t, r.State)
	})
}
