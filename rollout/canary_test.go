package rollout

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

var testers = []v1alpha1.RequestMatch{{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Value: "always"}}}}

// tries is a canary spec for the first version, with steps in words: "5", "pause", "pause 1m",
// "ramp 50 1m" and "analysis".
func tries(to string, others []string, steps ...string) v1alpha1.RolloutSpec {
	c := &v1alpha1.Canary{To: testVersion(to).Name}
	share := func(s string) *v1alpha1.Percent { return new(v1alpha1.Percent(intstr.FromString(s))) }
	lasts := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		if err != nil {
			panic(err)
		}
		return d
	}
	for _, text := range steps {
		words := strings.Fields(text)
		switch {
		case text == "pause":
			c.Steps = append(c.Steps, v1alpha1.CanaryStep{Pause: &v1alpha1.CanaryPause{}})
		case text == "analysis":
			c.Steps = append(c.Steps, v1alpha1.CanaryStep{Analysis: &v1alpha1.CanaryAnalysisStep{}})
		case words[0] == "match":
			c.Steps = append(c.Steps, v1alpha1.CanaryStep{Match: []v1alpha1.RequestMatch{}})
			if len(words) == 1 {
				c.Steps[len(c.Steps)-1].Match = testers
			}
		case words[0] == "mirror":
			c.Steps = append(c.Steps, v1alpha1.CanaryStep{Mirror: &v1alpha1.Mirror{Percent: *share(words[1])}})
		case words[0] == "pause":
			c.Steps = append(c.Steps, v1alpha1.CanaryStep{Pause: &v1alpha1.CanaryPause{Duration: duration(lasts(words[1]))}})
		case words[0] == "ramp":
			c.Steps = append(c.Steps, v1alpha1.CanaryStep{Ramp: &v1alpha1.CanaryRamp{To: share(words[1]), Over: *duration(lasts(words[2]))}})
		default:
			c.Steps = append(c.Steps, v1alpha1.CanaryStep{Weight: share(text)})
		}
	}
	return v1alpha1.RolloutSpec{Versions: testVersions(append([]string{to}, others...)...), Canary: c}
}

var fromV1 = []string{"v1"}

// onV1 is a story in which v1 has all traffic, three endpoints, and v2 is ready.
func onV1(t *testing.T) *story {
	t.Helper()
	s := newStory(t, tries("v1", nil))
	s.sees("v1", 3, 3, "warm").is("Stable: v1=100").happened(EventFirstDeployment).wakesIn(-1)
	return s.sees("v2", 1, 1, "warm")
}

func TestCanaryTakesItsSteps(t *testing.T) {
	s := onV1(t)
	spec := tries("v2", fromV1, "5", "pause 10m", "25", "pause 1h", "50", "pause 1m")
	spec.Canary.Bake = duration(5 * time.Minute)
	s.sees("v2", 1, 2, "warm").wants(spec)
	s.is("Waiting: v2=0 v1=100").happened(EventCanaryStarted, EventWaiting).says("step 1 of 6: v2 has 1 of 2 endpoints ready and needs 2")
	s.sees("v2", 2, 2, "cold").is("Waiting: v2=0 v1=100").says("not on e1 (its cluster is not warm)").wakesIn(-1)
	s.sees("v2", 2, 2, "warm").is("Progressing: v2=5 v1=95").happened(EventWeightsChanged).wakesIn(10 * time.Minute)
	s.says("step 2 of 6: waits until 2026-01-01T12:10:00Z; the traffic is on v2 5%, v1 95%")
	s.after(9 * time.Minute).is("Progressing: v2=5 v1=95").happened().wakesIn(time.Minute)

	// The control plane was away for a day: no step is skipped.
	s.after(24 * time.Hour).is("Progressing: v2=25 v1=75").wakesIn(time.Hour)
	s.after(time.Hour).is("Progressing: v2=50 v1=50").wakesIn(time.Minute)
	s.after(time.Minute).is("Baking: v2=100 v1=0").says("stable version from").wakesIn(5 * time.Minute)
	s.after(5 * time.Minute).is("Holding: v2=100 v1=0(10m0s)").happened(EventCanaryPromoted).says("name v1 as spec.canary.to, or say undo, to go back at once")
	s.after(10 * time.Minute).is("Stable: v2=100").happened(EventHoldEnded).wakesIn(-1)
	if c := s.last.Canary; c.Stable != "v2" || c.Weight != 10000 || c.Step != 6 {
		t.Errorf("%+v", c)
	}
}

func TestCanaryFirstDeployment(t *testing.T) {
	newStory(t, tries("v2", fromV1, "5", "pause")).is("Stable: v2=100").happened(EventFirstDeployment)

	spec := tries("v2", fromV1, "5", "pause")
	spec.Canary.From = "v1"
	s := newStory(t, spec).sees("v2", 1, 1)
	s.is("Paused: v2=5 v1=95").happened(EventFirstDeployment, EventCanaryStarted, EventCanaryPaused)
	s.says("step 2 of 2: waits to be promoted").wakesIn(-1)
}

func TestCanaryRamps(t *testing.T) {
	s := onV1(t).wants(tries("v2", fromV1, "10", "ramp 50 4s", "pause"))
	s.is("Progressing: v2=10 v1=90").wakesIn(time.Second)
	s.after(time.Second).is("Progressing: v2=20 v1=80").says("step 2 of 3: ramps to 50%")
	s.after(time.Hour).is("Progressing: v2=30 v1=70").wakesIn(time.Second) // one move at a time
	s.sees("v2", 1, 2).after(time.Second).is("Waiting: v2=30 v1=70").says("has 1 of 2 endpoints ready and needs 2")
	s.sees("v2", 2, 2).is("Progressing: v2=40 v1=60")
	s.after(-24 * time.Hour).is("Progressing: v2=40 v1=60").wakesIn(time.Second) // the clock goes back
	s.after(time.Second).is("Paused: v2=50 v1=50").happened(EventCanaryPaused, EventWeightsChanged)
}

func TestCanaryWhoseEndpointsVanish(t *testing.T) {
	s := onV1(t)
	spec := tries("v2", fromV1, "20", "pause 1m")
	spec.Canary.ProgressDeadline = duration(10 * time.Minute)
	s.wants(spec).is("Progressing: v2=20 v1=80")
	s.after(30*time.Second).sees("v2", 0, 1).is("Waiting: v2=0 v1=100").says("v2 has no ready endpoints (0 of 1)")
	s.after(time.Minute).is("Waiting: v2=0 v1=100")
	s.sees("v2", 1, 1, "warm").is("Progressing: v2=20 v1=80").wakesIn(time.Minute) // the step begins anew

	s.sees("v2", 0, 1).is("Waiting: v2=0 v1=100").wakesIn(10 * time.Minute)
	s.after(10 * time.Minute).is("Aborted: v2=0 v1=100").says("v2 was given up: not enough of its endpoints were healthy for 10m0s").wakesIn(-1)
	s.after(time.Hour).sees("v2", 1, 1, "warm").is("Aborted: v2=0 v1=100").happened()

	spec = tries("v2", fromV1, "30", "pause 1m") // changed: it is tried again
	s.wants(spec).is("Progressing: v2=30 v1=70").happened(EventCanaryStarted, EventWeightsChanged)
	for range mostSetbacks - 1 {
		s.sees("v2", 0, 1).is("Waiting: v2=0 v1=100")
		s.sees("v2", 1, 1, "warm").is("Progressing: v2=30 v1=70")
	}
	s.sees("v2", 0, 1).is("Aborted: v2=0 v1=100").says("has lost its traffic 3 times")
}

func TestCanaryThatFailsWithAllTraffic(t *testing.T) {
	s := onV1(t)
	spec := tries("v2", fromV1)
	spec.Canary.Bake = duration(time.Hour)
	s.wants(spec).is("Baking: v2=100 v1=0")
	s.sees("v2", 0, 1).is("Aborted: v2=0 v1=100").says("it had all traffic, and has no ready endpoints")

	// Where nothing else is ready either, nothing moves, and the bake begins anew.
	s = onV1(t).wants(spec).is("Baking: v2=100 v1=0")
	s.sees("v1", 0, 3).sees("v2", 0, 1).after(2 * time.Hour).is("Waiting: v2=100 v1=0")
	s.sees("v2", 1, 1, "warm").is("Baking: v2=100 v1=0").wakesIn(time.Hour)
}

func TestCanaryGoesBack(t *testing.T) {
	steps := []string{"40", "pause"}
	t.Run("a revert in the middle", func(t *testing.T) {
		s := onV1(t).wants(tries("v2", fromV1, steps...)).is("Paused: v2=40 v1=60")
		s.wants(tries("v1", []string{"v2"}, steps...)).is("Stable: v1=100").happened(EventCanaryAborted, EventWeightsChanged)
		s.wants(tries("v2", fromV1, steps...)).is("Paused: v2=40 v1=60").happened(EventCanaryStarted, EventCanaryPaused, EventWeightsChanged)
	})
	t.Run("while the version before is held, without steps", func(t *testing.T) {
		s := onV1(t).wants(tries("v2", fromV1)).is("Holding: v2=100 v1=0(10m0s)")
		s.wants(tries("v1", []string{"v2"}, steps...)).is("Stable: v1=100")
	})
	t.Run("later, in steps", func(t *testing.T) {
		s := onV1(t).wants(tries("v2", fromV1)).is("Holding: v2=100 v1=0(10m0s)")
		s.after(10 * time.Minute).is("Stable: v2=100")
		s.wants(tries("v1", []string{"v2"}, steps...)).is("Paused: v1=40 v2=60")
	})
	t.Run("slowly, to a version that was scaled down", func(t *testing.T) {
		spec := tries("v2", fromV1)
		spec.Canary.Bake = duration(time.Hour)
		s := onV1(t).wants(spec).is("Baking: v2=100 v1=0")
		s.sees("v1", 0, 0).wants(tries("v1", []string{"v2"}))
		s.is("Progressing: v1=0 v2=100").says("v1 gets its traffic back once it has ready endpoints")
		s.sees("v1", 1, 1, "warm").is("Progressing: v1=33.33 v2=66.67").says("gets its traffic back within a minute").wakesIn(time.Second)
		s.after(time.Second).is("Progressing: v1=35 v2=65")
		s.sees("v1", 2, 2, "warm").is("Progressing: v1=66.66 v2=33.34")
		s.sees("v1", 3, 3, "warm").is("Stable: v1=100").wakesIn(-1)
	})
	t.Run("slowly, though it never gets its endpoints back", func(t *testing.T) {
		spec := tries("v2", fromV1)
		spec.Canary.Bake = duration(time.Hour)
		s := onV1(t).wants(spec).is("Baking: v2=100 v1=0").sees("v1", 1, 1, "warm").wants(tries("v1", []string{"v2"}))
		seconds := 0
		for before := int32(10001); s.step().Phase != v1alpha1.PhaseStable; seconds++ {
			if w := weightsOf(s.state)[testVersion("v2").ID()]; w > before || before-w > 170 && before < 10000 {
				t.Fatalf("from %d to %d", before, w)
			} else {
				before = w
			}
			s.after(time.Second)
		}
		if seconds != 40 { // two thirds of a minute
			t.Errorf("after %d s", seconds)
		}
	})
}

func TestCanaryNewTargetInTheMiddle(t *testing.T) {
	steps := []string{"40", "pause"}
	s := onV1(t).wants(tries("v2", fromV1, steps...)).is("Paused: v2=40 v1=60")
	s.wants(tries("v3", []string{"v1", "v2"}, steps...))
	s.is("Waiting: v3=0 v1=100").happened(EventCanaryAborted, EventCanaryStarted, EventWaiting, EventWeightsChanged)
	s.sees("v3", 1, 1, "warm").is("Paused: v3=40 v1=60")
	// Another selector is another version, though the name is the same.
	s.wants(tries("v3/b", fromV1, steps...)).is("Waiting: v3/b=0 v1=100").says("v3 waits: nothing is known yet")

	// The stable version is gone for good: what has the traffic takes its place.
	s = onV1(t).wants(tries("v2", fromV1, "90", "pause")).is("Paused: v2=90 v1=10").sees("v1", 0, 0).is("Paused: v2=100 v1=0")
	s.sees("v3", 1, 1, "warm").wants(tries("v3", []string{"v2"}, steps...)).is("Paused: v3=40 v2=60")
}

func TestCanaryTakesOverAndIsTakenOver(t *testing.T) {
	s := onV1(t).wants(byHand("v1=75", "v2=25")).is("Stable: v1=75 v2=25")
	s.wants(tries("v2", fromV1, "5", "pause", "20", "pause 1h", "30", "pause")).is("Paused: v2=30 v1=70")
	s.wants(byHand("v1=60", "v2=40")).is("Stable: v1=60 v2=40")
	s.wants(tries("v2", fromV1, "5", "pause", "50", "pause")).is("Paused: v2=50 v1=50")
	s.wants(toActive("v2", "v1")).is("Holding: v2=100 v1=0(10m0s)")
	s.wants(tries("v2", fromV1, "5", "pause")).is("Holding: v2=100 v1=0(10m0s)")
	if s.state.Canary == nil || s.wants(byHand("v2=100")).step().State.Canary != nil {
		t.Error("the state of the canary stays with other strategies")
	}
}

func TestCanaryOtherSteps(t *testing.T) {
	s := onV1(t).wants(tries("v2", fromV1, "5", "pause", "50", "pause")).is("Paused: v2=5 v1=95")
	s.wants(tries("v2", fromV1, "1", "pause 1h", "10", "pause 1h")).is("Progressing: v2=10 v1=90").says("step 4 of 4")
	s.wants(tries("v2", fromV1, "1", "pause 1h", "2", "pause 1h")).is("Holding: v2=100 v1=0(10m0s)")
	// Down again, as the steps say.
	s = onV1(t).wants(tries("v2", fromV1, "50", "pause 1m", "10", "pause")).is("Progressing: v2=50 v1=50")
	s.after(time.Minute).is("Paused: v2=10 v1=90")
}

func TestCanaryDoesNotWaitForTheSameEnvoyTwice(t *testing.T) {
	s := onV1(t).sees("v2", 1, 1, "warm", "cold").wants(tries("v2", fromV1, "5", "pause 1m", "50", "pause"))
	s.is("Waiting: v2=0 v1=100").wakesIn(time.Minute)
	s.after(time.Minute).is("Progressing: v2=5 v1=95").happened(EventEnvoysLeftBehind, EventWeightsChanged)
	s.after(time.Minute).is("Paused: v2=50 v1=50").happened(EventCanaryPaused, EventWeightsChanged)
}
