package rollout

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func TestBlueGreenFlipHoldAndReturn(t *testing.T) {
	s := newStory(t, toActive("blue", "green"))
	s.sees("blue", 2, 2, "warm", "warm")
	s.is("Stable: blue=100").happened(EventFirstDeployment).wakesIn(-1)

	s.wants(toActive("green", "blue"))
	s.is("Waiting: green=0 blue=100").happened(EventWaiting).says("green waits: nothing is known yet of its endpoints")
	s.sees("green", 0, 2).is("Waiting: green=0 blue=100").happened().says("green has no ready endpoints (0 of 2)")
	s.sees("green", 1, 2, "cold", "cold").is("Waiting: green=0 blue=100").says("1 of 2 endpoints ready and needs 2")
	s.sees("green", 2, 2, "cold", "cold").is("Waiting: green=0 blue=100").says("ready on 0 of 2 Envoys").wakesIn(-1)
	s.sees("green", 2, 2, "warm", "warm").is("Holding: green=100 blue=0(10m0s)").happened(EventFlipped).wakesIn(10 * time.Minute)

	// The way back: blue is warm, so it happens at once, and green is held now.
	s.after(time.Minute).wants(toActive("blue", "green"))
	s.is("Holding: blue=100 green=0(10m0s)").happened(EventFlipped)
	s.after(9 * time.Minute).is("Holding: blue=100 green=0(1m0s)").happened()
	s.after(time.Minute).is("Stable: blue=100").happened(EventHoldEnded).wakesIn(-1)
}

func TestBlueGreenStateNamesLiveNotTarget(t *testing.T) {
	s := newStory(t, toActive("blue", "green"))
	s.is("Stable: blue=100")
	s.wants(toActive("green", "blue")).is("Waiting: green=0 blue=100")
	if s.last.Live != "blue" {
		t.Errorf("live is %q before the flip", s.last.Live)
	}
	s.sees("green", 1, 1).is("Holding: green=100 blue=0(10m0s)")
	if s.last.Live != "green" {
		t.Errorf("live is %q after the flip", s.last.Live)
	}
}

func TestBlueGreenEnvoysThatAreNotReady(t *testing.T) {
	start := func(t *testing.T) *story {
		s := newStory(t, toActive("blue", "green"))
		s.sees("blue", 1, 1, "warm", "warm", "warm").is("Stable: blue=100")
		return s.wants(toActive("green", "blue"))
	}
	t.Run("hold back until the deadline, measured from the first that is ready", func(t *testing.T) {
		s := start(t)
		s.sees("green", 1, 1, "cold", "cold", "cold").is("Waiting: green=0 blue=100").wakesIn(-1)
		s.after(time.Hour).sees("green", 1, 1, "warm", "cold", "cold").is("Waiting: green=0 blue=100").wakesIn(time.Minute)
		s.says("ready on 1 of 3 Envoys, not on e2 (its cluster is not warm), e3 (its cluster is not warm); goes on without at 2026-01-01T13:01:00Z")
		s.after(59*time.Second).sees("green", 1, 1, "warm", "warm", "cold").is("Waiting: green=0 blue=100").wakesIn(time.Second)
		s.after(time.Second).is("Holding: green=100 blue=0(10m0s)").happened(EventEnvoysLeftBehind, EventFlipped)
	})
	t.Run("the wait starts anew when none is ready any more", func(t *testing.T) {
		s := start(t)
		s.sees("green", 1, 1, "warm", "cold", "cold").is("Waiting: green=0 blue=100")
		s.after(30*time.Second).sees("green", 1, 1, "cold", "cold", "cold").is("Waiting: green=0 blue=100").wakesIn(-1)
		s.after(time.Hour).sees("green", 1, 1, "warm", "cold", "cold").is("Waiting: green=0 blue=100").wakesIn(time.Minute)
	})
	t.Run("nobody waits with a deadline of zero, but one must be ready", func(t *testing.T) {
		s := start(t)
		s.spec.BlueGreen.Deadline = duration(0)
		s.sees("green", 1, 1, "cold", "cold", "cold").is("Waiting: green=0 blue=100")
		s.sees("green", 1, 1, "cold", "warm", "cold").is("Holding: green=100 blue=0(10m0s)")
	})
	t.Run("without any, the objects decide", func(t *testing.T) {
		start(t).sees("green", 1, 1).is("Holding: green=100 blue=0(10m0s)")
	})
	t.Run("but not while they come back after a start", func(t *testing.T) {
		s := start(t)
		s.seen.SettleUntil = s.now.Add(5 * time.Second)
		s.sees("green", 1, 1).is("Waiting: green=0 blue=100").says("after the start of the control plane").wakesIn(5 * time.Second)
		s.after(5*time.Second).sees("green", 1, 1, "warm", "cold").is("Waiting: green=0 blue=100").wakesIn(time.Minute)
	})
	t.Run("the clock goes back: the wait starts again, once", func(t *testing.T) {
		s := start(t)
		s.sees("green", 1, 1, "warm", "cold").is("Waiting: green=0 blue=100")
		s.after(-24 * time.Hour).is("Waiting: green=0 blue=100").wakesIn(time.Minute)
		s.after(time.Minute).is("Holding: green=100 blue=0(10m0s)")
	})
}

func TestBlueGreenActiveChecks(t *testing.T) {
	s := newStory(t, toActive("blue", "green"))
	s.is("Stable: blue=100")
	spec := toActive("green", "blue")
	half := intstr.FromString("50%")
	spec.BlueGreen.MinHealthy = &half
	s.wants(spec)
	s.sees("green", 3, 3, "0", "0").is("Waiting: green=0 blue=100").says("e1 (0 healthy, needs 2)")
	s.sees("green", 3, 3, "2", "1").is("Waiting: green=0 blue=100").wakesIn(time.Minute)
	s.sees("green", 3, 3, "2", "3").is("Holding: green=100 blue=0(10m0s)")
}

func TestBlueGreenNeeded(t *testing.T) {
	str, num := intstr.FromString, intstr.FromInt32
	for _, c := range []struct {
		min   *intstr.IntOrString
		total int
		want  int
	}{
		{nil, 4, 4}, {nil, 0, 1},
		{new(num(0)), 4, 1}, {new(num(3)), 4, 3}, {new(num(9)), 4, 9}, {new(num(-1)), 4, 1},
		{new(str("50%")), 3, 2}, {new(str("0%")), 3, 1}, {new(str("100%")), 3, 3}, {new(str("1%")), 1000, 10},
		{new(str("200%")), 3, 3}, {new(str("-5%")), 3, 1}, {new(str("many")), 3, 3}, {new(str("")), 3, 3},
	} {
		if got := needed(c.min, c.total); got != c.want {
			t.Errorf("%v of %d: %d, want %d", c.min, c.total, got, c.want)
		}
	}
}

func TestBlueGreenChangesOfMind(t *testing.T) {
	start := func(t *testing.T) *story {
		s := newStory(t, toActive("blue", "green", "red"))
		s.sees("blue", 1, 1, "warm").is("Stable: blue=100")
		s.sees("green", 1, 1, "cold").sees("red", 1, 1, "cold")
		return s.wants(toActive("green", "blue", "red")).is("Waiting: green=0 blue=100")
	}
	t.Run("a new target replaces the one that waits", func(t *testing.T) {
		s := start(t)
		s.wants(toActive("red", "green", "blue")).is("Waiting: red=0 blue=100").happened(EventWaiting, EventAbandoned)
		s.sees("green", 1, 1, "warm").is("Waiting: red=0 blue=100")
		s.sees("red", 1, 1, "warm").is("Holding: red=100 blue=0(10m0s)")
	})
	t.Run("back while it waits: nothing happened", func(t *testing.T) {
		s := start(t)
		s.wants(toActive("blue", "green", "red")).is("Stable: blue=100").happened(EventAbandoned).wakesIn(-1)
		if len(s.state.Versions) != 1 || s.state.Versions[0].Waiting {
			t.Errorf("something is left: %+v", s.state)
		}
	})
	t.Run("the deadline belongs to the target", func(t *testing.T) {
		s := start(t)
		s.sees("green", 1, 1, "warm", "cold").is("Waiting: green=0 blue=100").wakesIn(time.Minute)
		s.after(50*time.Second).sees("red", 1, 1, "warm", "cold")
		s.wants(toActive("red", "blue")).is("Waiting: red=0 blue=100").wakesIn(time.Minute)
	})
	t.Run("a second flip within the hold: each is held for its own time", func(t *testing.T) {
		s := start(t)
		s.sees("green", 1, 1, "warm").is("Holding: green=100 blue=0(10m0s)")
		s.after(4*time.Minute).sees("red", 1, 1, "warm").wants(toActive("red", "blue"))
		s.is("Holding: red=100 blue=0(6m0s) green=0(10m0s)").wakesIn(6 * time.Minute)
		s.after(6 * time.Minute).is("Holding: red=100 green=0(4m0s)").happened(EventHoldEnded).wakesIn(4 * time.Minute)
		s.after(4 * time.Minute).is("Stable: red=100").happened(EventHoldEnded)
	})
	t.Run("the hold of the way back does not end while it waits", func(t *testing.T) {
		s := start(t)
		s.sees("green", 1, 1, "warm").is("Holding: green=100 blue=0(10m0s)")
		s.sees("blue", 0, 1).wants(toActive("blue", "green")).is("Waiting: blue=0(10m0s) green=100")
		s.after(time.Hour).is("Waiting: blue=0(-50m0s) green=100")
		s.sees("blue", 1, 1, "warm").is("Holding: blue=100 green=0(10m0s)")
	})
}

func TestBlueGreenVersionsOutsideTheSpec(t *testing.T) {
	t.Run("the live version is removed: served until the other takes over", func(t *testing.T) {
		s := newStory(t, toActive("blue"))
		s.sees("blue", 1, 1).is("Stable: blue=100")
		s.wants(toActive("green")).is("Waiting: green=0 blue=100")
		s.sees("green", 1, 1).is("Holding: green=100 blue=0(10m0s)")
		s.wants(toActive("green", "red")).is("Holding: green=100 blue=0(10m0s)")
	})
	t.Run("another selector is another version", func(t *testing.T) {
		s := newStory(t, toActive("web/1"))
		s.sees("web/1", 1, 1).is("Stable: web/1=100")
		s.wants(toActive("web/2")).is("Waiting: web/2=0 web/1=100").says("web (version=1) 100%")
		s.sees("web/2", 1, 1).is("Holding: web/2=100 web/1=0(10m0s)")
		s.wants(toActive("web/1")).is("Holding: web/1=100 web/2=0(10m0s)")
	})
}

func TestBlueGreenHoldOld(t *testing.T) {
	flipped := func(t *testing.T, hold time.Duration) *story {
		s := newStory(t, toActive("blue", "green"))
		s.is("Stable: blue=100")
		spec := toActive("green", "blue")
		spec.BlueGreen.HoldOld = duration(hold)
		return s.wants(spec).sees("green", 1, 1)
	}
	t.Run("zero lets go at once", func(t *testing.T) {
		flipped(t, 0).is("Stable: green=100").happened(EventFlipped, EventHoldEnded).wakesIn(-1)
	})
	t.Run("negative is zero", func(t *testing.T) { flipped(t, -time.Hour).is("Stable: green=100") })
	t.Run("shorter while it holds: obeyed; longer: not", func(t *testing.T) {
		s := flipped(t, time.Hour).is("Holding: green=100 blue=0(1h0m0s)")
		s.spec.BlueGreen.HoldOld = duration(time.Minute)
		s.is("Holding: green=100 blue=0(1m0s)")
		s.spec.BlueGreen.HoldOld = duration(time.Hour)
		s.is("Holding: green=100 blue=0(1m0s)").wakesIn(time.Minute)
	})
	t.Run("the clock goes back: held for holdOld again, once", func(t *testing.T) {
		s := flipped(t, time.Hour).is("Holding: green=100 blue=0(1h0m0s)")
		s.after(-48 * time.Hour).is("Holding: green=100 blue=0(1h0m0s)")
		s.after(time.Hour).is("Stable: green=100")
	})
}

func TestBlueGreenActiveEmptied(t *testing.T) {
	s := newStory(t, toActive("blue", "green"))
	s.sees("blue", 1, 1).is("Stable: blue=100")
	s.wants(toActive("green", "blue")).sees("green", 1, 1).is("Holding: green=100 blue=0(10m0s)")
	s.sees("green", 0, 1).is("Holding: green=100 blue=0(10m0s)").says("no automatic way back").says("blue is kept until")
}

func TestBlueGreenAfterTraffic(t *testing.T) {
	start := func(t *testing.T) *story {
		s := newStory(t, byHand("blue=60", "green=30", "red=10"))
		return s.sees("blue", 1, 1).sees("green", 1, 1).sees("red", 1, 1).is("Stable: blue=60 green=30 red=10")
	}
	t.Run("weights carry over, then all old ones are held", func(t *testing.T) {
		s := start(t).sees("green", 1, 2).wants(toActive("green", "blue", "red"))
		s.is("Waiting: green=30 blue=60 red=10")
		if s.last.Live != "blue" {
			t.Errorf("live is %s", s.last.Live)
		}
		s.sees("green", 2, 2).is("Holding: green=100 blue=0(10m0s) red=0(10m0s)")
	})
	t.Run("an empty version loses its share while the target waits", func(t *testing.T) {
		s := start(t).sees("green", 1, 2).sees("blue", 0, 1).wants(toActive("green", "blue", "red"))
		s.is("Waiting: green=75 red=25").happened(EventWaiting, EventVersionEmpty, EventWeightsChanged)
	})
	t.Run("one that empties in the moment of the flip is held, too", func(t *testing.T) {
		s := start(t).sees("blue", 0, 1).wants(toActive("green", "blue", "red"))
		s.is("Holding: green=100 blue=0(10m0s) red=0(10m0s)")
	})
	t.Run("by hand, nothing is held any more", func(t *testing.T) {
		s := start(t).wants(toActive("green", "blue", "red")).is("Holding: green=100 blue=0(10m0s) red=0(10m0s)")
		s.wants(byHand("green=100", "blue=0")).is("Stable: green=100 blue=0").wakesIn(-1)
	})
	t.Run("and back by hand", func(t *testing.T) {
		s := start(t).wants(toActive("green", "blue", "red")).is("Holding: green=100 blue=0(10m0s) red=0(10m0s)")
		s.wants(byHand("green=50", "blue=50")).is("Stable: green=50 blue=50").wakesIn(-1)
	})
}

func TestUnusableSpecsLeaveEverything(t *testing.T) {
	unknown, both, neither := toActive("blue"), toActive("blue"), v1alpha1.RolloutSpec{Versions: testVersions("blue")}
	unknown.BlueGreen.Active = "purple"
	both.Traffic = byHand("blue=100").Traffic
	stranger := byHand("blue=100")
	stranger.Versions = testVersions("green")
	for name, spec := range map[string]v1alpha1.RolloutSpec{
		"unknown active": unknown, "both strategies": both, "no strategy": neither, "nothing": {},
		"sum": byHand("blue=99"), "not a share": byHand("blue=x"), "negative": byHand("blue=-1", "green=101"), "unknown in traffic": stranger,
	} {
		t.Run(name, func(t *testing.T) {
			newStory(t, spec).is("Waiting:").says("cannot be used")
			s := newStory(t, toActive("blue", "green")).is("Stable: blue=100")
			s.wants(toActive("green", "blue")).sees("green", 1, 1).is("Holding: green=100 blue=0(10m0s)")
			before := s.state
			r := s.wants(spec).step()
			if len(r.Versions) != 2 || r.Phase != v1alpha1.PhaseWaiting || len(r.State.Versions) != len(before.Versions) {
				t.Errorf("%+v", r)
			}
			s.wants(toActive("green", "blue")).is("Holding: green=100 blue=0(10m0s)").happened()
		})
	}
}
