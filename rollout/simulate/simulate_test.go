package simulate

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/rollout/analysis"
)

func percent(n int32) *v1alpha1.Percent {
	p := v1alpha1.Percent(intstr.FromInt32(n))
	return &p
}

func pause(d time.Duration) v1alpha1.CanaryStep {
	return v1alpha1.CanaryStep{Pause: &v1alpha1.CanaryPause{Duration: &metav1.Duration{Duration: d}}}
}

func canary(a *v1alpha1.CanaryAnalysis, steps ...v1alpha1.CanaryStep) v1alpha1.RolloutSpec {
	return v1alpha1.RolloutSpec{
		Versions: []v1alpha1.Version{{Name: "v1", Selector: map[string]string{"v": "1"}}, {Name: "v2", Selector: map[string]string{"v": "2"}}},
		Canary:   &v1alpha1.Canary{To: "v2", Steps: steps, Analysis: a},
	}
}

func weight(n int32) v1alpha1.CanaryStep { return v1alpha1.CanaryStep{Weight: percent(n)} }

// Steps and times are those of the spec, in order.
func TestStepsTakeTheirTime(t *testing.T) {
	spec := canary(nil, weight(5), pause(10*time.Minute), weight(25), v1alpha1.CanaryStep{Pause: &v1alpha1.CanaryPause{}})
	spec.Canary.Bake = &metav1.Duration{Duration: time.Hour}
	s, err := Run(spec, World{PromoteAfter: 5 * time.Minute})
	if err != nil || s.Outcome != Promoted || s.Seconds != (75*time.Minute).Seconds() || s.Stable != "v1" {
		t.Fatalf("%+v %v", s, err)
	}
	var seen []string
	for _, e := range s.Events {
		seen = append(seen, (time.Duration(e.Seconds)*time.Second).String()+" "+e.Reason)
	}
	want := "0s CanaryStarted, 0s WeightsChanged, 10m0s CanaryPaused, 10m0s WeightsChanged, 15m0s Told, 15m0s WeightsChanged, 1h15m0s CanaryPromoted"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A bad canary is given up for what its copies show, before any user has seen it; a good one goes on.
func TestCopiesAreCounted(t *testing.T) {
	spec := canary(&v1alpha1.CanaryAnalysis{}, v1alpha1.CanaryStep{Mirror: &v1alpha1.Mirror{Percent: *percent(20)}},
		v1alpha1.CanaryStep{Analysis: &v1alpha1.CanaryAnalysisStep{}}, weight(5), pause(time.Minute))
	w := World{RequestsPerSecond: 100, StableErrors: 0.005, CanaryErrors: 0.3, Seed: 1}
	s, err := Run(spec, w)
	if err != nil || s.Outcome != Aborted || s.Seconds > 60 {
		t.Errorf("%+v %v", s, err)
	}
	for _, e := range s.Events {
		if e.Percent > 0 {
			t.Errorf("it had a share: %+v", e)
		}
	}
	w.CanaryErrors = 0.005
	if s, err := Run(spec, w); err != nil || s.Outcome != Promoted {
		t.Errorf("%+v %v", s, err)
	}
}

// A simulation ends whatever is in it.
func TestEveryRunEnds(t *testing.T) {
	for name, c := range map[string]struct {
		world World
		spec  v1alpha1.RolloutSpec
		want  OutcomeKind
	}{
		"nobody promotes":            {World{PromoteAfter: -1}, canary(nil, weight(5), v1alpha1.CanaryStep{Pause: &v1alpha1.CanaryPause{}}), Waiting},
		"nobody calls":               {World{For: time.Hour}, canary(&v1alpha1.CanaryAnalysis{}, weight(5)), Running},
		"nobody calls or promotes":   {World{For: time.Hour, PromoteAfter: -1}, canary(&v1alpha1.CanaryAnalysis{}, weight(5), v1alpha1.CanaryStep{Pause: &v1alpha1.CanaryPause{}}), Running},
		"a pause beyond the end":     {World{For: time.Hour}, canary(nil, weight(5), pause(2*time.Hour)), Running},
		"no steps":                   {World{}, canary(nil), Promoted},
		"the canary fails":           {World{CanaryErrors: 1, RequestsPerSecond: 10}, canary(&v1alpha1.CanaryAnalysis{}, weight(50)), Aborted},
		"a ramp of many small moves": {World{}, canary(nil, v1alpha1.CanaryStep{Ramp: &v1alpha1.CanaryRamp{To: percent(100), Over: metav1.Duration{Duration: time.Hour}}}), Promoted},
	} {
		s, err := Run(c.spec, c.world)
		if err != nil || s.Outcome != c.want {
			t.Errorf("%s: %s after %g s, want %s: %s %v", name, s.Outcome, s.Seconds, c.want, s.Message, err)
		}
	}
	for _, spec := range []v1alpha1.RolloutSpec{{}, canary(nil)} {
		spec.Versions = spec.Versions[:len(spec.Versions)/2]
		if _, err := Run(spec, World{}); !errors.Is(err, ErrSpec) {
			t.Errorf("%+v can be simulated: %v", spec, err)
		}
	}
}

// The same seed tells the same story, another one another.
func TestSeedsDecide(t *testing.T) {
	spec, w := canary(&v1alpha1.CanaryAnalysis{}, weight(5)), World{CanaryErrors: 0.02, StableErrors: 0.005, RequestsPerSecond: 100, Seed: 7}
	first, _ := Run(spec, w)
	again, _ := Run(spec, w)
	w.Seed++
	other, _ := Run(spec, w)
	if !reflect.DeepEqual(first, again) || reflect.DeepEqual(first, other) {
		t.Errorf("%+v\n%+v\n%+v", first, again, other)
	}
}

// Canaries end as docs/analysis.md says, through the whole engine: good ones are promoted within the
// predicted time, bad ones are given up.
func TestEndsAsPredicted(t *testing.T) {
	const runs = 40
	spec, w := canary(&v1alpha1.CanaryAnalysis{}, weight(5)), World{CanaryErrors: 0.005, StableErrors: 0.005, RequestsPerSecond: 100}
	predicted := analysis.Predict(rollout.SettingsOf(*spec.Canary.Analysis), 0.005, 5, 95)
	// The first second of counting tells nothing yet.
	w.For = predicted + 2*interval
	if s, err := Many(spec, w, runs); err != nil || s.Promoted.Runs < 38 || s.Aborted.Runs > 1 {
		t.Errorf("good, within %s: %+v %v", predicted, s, err)
	}
	w.CanaryErrors, w.For = 0.02, 0
	if s, err := Many(spec, w, runs); err != nil || s.Aborted.Runs < 39 || s.Aborted.P95 > 400 {
		t.Errorf("bad: %+v %v", s, err)
	}
}

// Hooks agree in a simulation, and freezes hold as the calendar has it: the simulated time begins with 2026, on a Thursday.
func TestHooksAndFreezesAreSimulated(t *testing.T) {
	spec := canary(nil, weight(5), pause(time.Hour), weight(50), pause(time.Hour))
	spec.Hooks = []v1alpha1.Hook{
		{Name: "gate", When: v1alpha1.HookBefore}, {Name: "watch", When: v1alpha1.HookDuring}, {Name: "all", When: v1alpha1.HookPromotion},
	}
	spec.Freeze = []v1alpha1.FreezeWindow{{Name: "noon", Schedule: "30 0 * * THU", Duration: &metav1.Duration{Duration: 12 * time.Hour}}}
	s, err := Run(spec, World{})
	if err != nil || s.Outcome != Promoted || math.Abs(s.Seconds-(13*time.Hour+30*time.Minute).Seconds()) > 1 {
		t.Fatalf("%+v %v", s, err)
	}
}
