package rollout

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// judged runs a canary at 5 % whose versions count so much each second, until it ends or an
// hour has passed, and gives how it ended and when.
func judged(t *testing.T, canary, stable Load) (Result, time.Duration) {
	t.Helper()
	five := v1alpha1.Percent(intstr.FromInt32(5))
	spec := v1alpha1.RolloutSpec{Versions: testVersions("blue", "green/1"), Canary: &v1alpha1.Canary{
		To: "green", From: "blue", Steps: []v1alpha1.CanaryStep{{Weight: &five}}, Analysis: &v1alpha1.CanaryAnalysis{},
	}}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	blue, green := spec.Versions[0].ID(), spec.Versions[1].ID()
	counts := map[string]Load{}
	observe := func() Observed {
		o := Observed{Counting: "1", Versions: map[string]VersionObserved{}}
		for _, id := range []string{blue, green} {
			o.Versions[id] = VersionObserved{Ready: 1, Total: 1, Load: counts[id]}
		}
		return o
	}
	r := Next(spec, State{}, observe(), start)
	for second := range 3600 {
		now := start.Add(time.Duration(second) * time.Second)
		r = Next(spec, r.State, observe(), now)
		if again := Next(spec, r.State, observe(), now); len(again.Events) > 0 || again.Message != r.Message {
			t.Fatalf("not at rest: %q, then %q with %v", r.Message, again.Message, again.Events)
		}
		if r.Phase != v1alpha1.PhaseProgressing {
			return r, now.Sub(start)
		}
		counts[green] = Load{counts[green].Success + canary.Success, counts[green].Error + canary.Error}
		counts[blue] = Load{counts[blue].Success + stable.Success, counts[blue].Error + stable.Error}
	}
	return r, time.Hour
}

func TestCanaryThatIsWorseIsGivenUp(t *testing.T) {
	r, took := judged(t, Load{Success: 2, Error: 3}, Load{Success: 95, Error: 1})
	if r.Phase != v1alpha1.PhaseAborted || took > 6*time.Second || weightOf(r, "green") != 0 {
		t.Errorf("%s after %s: %s", r.Phase, took, r.Message)
	}
	if want := "green was given up: the canary is worse: canary 60 % errors of "; !strings.Contains(r.Message, want) {
		t.Errorf("%q is not in %q", want, r.Message)
	}
}

func TestCanaryThatIsGoodGetsAllTraffic(t *testing.T) {
	r, took := judged(t, Load{Success: 5}, Load{Success: 95, Error: 1})
	if weightOf(r, "green") != v1alpha1.WeightTotal || took < 30*time.Second || took > 5*time.Minute {
		t.Errorf("%s after %s: %s", r.Phase, took, r.Message)
	}
}

func TestSilentCanaryWaits(t *testing.T) {
	r, took := judged(t, Load{}, Load{Success: 95, Error: 1})
	if r.Phase != v1alpha1.PhaseProgressing || took != time.Hour || weightOf(r, "green") != 500 {
		t.Errorf("%s after %s: %s", r.Phase, took, r.Message)
	}
	if want := "analysis: the canary has had no requests"; !strings.Contains(r.Message, want) {
		t.Errorf("%q is not in %q", want, r.Message)
	}
}

// Who promotes a canary in full says that it need not pass.
func TestPromotedInFullNeedNotPass(t *testing.T) {
	r, _ := judged(t, Load{}, Load{Success: 95, Error: 1})
	r.State.Canary.promote(true, 1, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	if c := (&canary{spec: v1alpha1.Canary{Analysis: &v1alpha1.CanaryAnalysis{}}, state: *r.State.Canary}); !c.passed() {
		t.Error("it waits for the analysis")
	}
}

func weightOf(r Result, name string) int32 {
	for _, v := range r.Versions {
		if v.Name == name {
			return v.Weight
		}
	}
	return 0
}
