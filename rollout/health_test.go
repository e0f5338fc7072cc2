package rollout

import (
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// unhealthyNow are the versions that the status calls unhealthy.
func (s *story) unhealthyNow(want ...string) *story {
	s.t.Helper()
	var got []string
	for _, v := range s.last.Versions {
		if v.Unhealthy {
			got = append(got, v.Name)
		}
	}
	if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
		s.t.Errorf("unhealthy are %v and should be %v", got, want)
	}
	return s
}

func TestTrafficLeavesAnUnhealthyVersion(t *testing.T) {
	start := func(t *testing.T) *story {
		s := newStory(t, byHand("blue=50", "green=50"))
		s.sees("blue", 1, 1, "1", "1").sees("green", 1, 1, "1", "1")
		return s.is("Stable: blue=50 green=50")
	}
	t.Run("after two seconds, and it comes back through the gate", func(t *testing.T) {
		s := start(t).sees("green", 1, 1, "0", "0").is("Stable: blue=50 green=50").wakesIn(2 * time.Second)
		s.after(time.Second).is("Stable: blue=50 green=50").happened().unhealthyNow()
		s.after(time.Second).is("Waiting: blue=100 green=0").happened(EventVersionUnhealthy, EventWeightsChanged)
		s.unhealthyNow("green").says("green is ready on 0 of 2 Envoys").wakesIn(-1)
		s.after(time.Hour).is("Waiting: blue=100 green=0").happened()
		s.sees("green", 1, 1, "1", "0").is("Waiting: blue=100 green=0").unhealthyNow("green").wakesIn(time.Minute)
		s.sees("green", 1, 1, "1", "1").is("Stable: blue=50 green=50").unhealthyNow()
	})
	t.Run("a failure that passes moves nothing", func(t *testing.T) {
		s := start(t).sees("green", 1, 1, "0", "0").is("Stable: blue=50 green=50")
		s.after(time.Second).sees("green", 1, 1, "1", "0").is("Stable: blue=50 green=50").wakesIn(-1)
		s.after(time.Hour).sees("green", 1, 1, "0", "0").is("Stable: blue=50 green=50").wakesIn(2 * time.Second)
	})
	t.Run("on one Envoy only: it stays", func(t *testing.T) {
		start(t).sees("green", 1, 1, "0", "1").after(time.Hour).is("Stable: blue=50 green=50").unhealthyNow().wakesIn(-1)
	})
	t.Run("not reported is not unhealthy, and neither is what nobody checks", func(t *testing.T) {
		s := start(t).sees("green", 1, 1, "0", "?").after(time.Hour).is("Stable: blue=50 green=50").wakesIn(-1)
		s.sees("green", 1, 1, "warm", "warm").after(time.Hour).is("Stable: blue=50 green=50").wakesIn(-1)
	})
	t.Run("an Envoy that has no route there yet does not count", func(t *testing.T) {
		s := start(t).sees("green", 1, 1, "0", "cold").is("Stable: blue=50 green=50")
		s.after(2 * time.Second).is("Waiting: blue=100 green=0")
	})
	t.Run("not while Envoys come back after a start", func(t *testing.T) {
		s := start(t)
		s.seen.SettleUntil = s.now.Add(5 * time.Second)
		s.sees("green", 1, 1, "0").is("Stable: blue=50 green=50").wakesIn(5 * time.Second)
		s.after(5 * time.Second).is("Stable: blue=50 green=50").wakesIn(2 * time.Second)
	})
	t.Run("all unhealthy: weights stay, and the message says so", func(t *testing.T) {
		s := start(t).sees("blue", 1, 1, "0", "0").sees("green", 1, 1, "0", "0").is("Stable: blue=50 green=50")
		s.after(2*time.Second).is("Stable: blue=50 green=50").happened(EventVersionUnhealthy, EventVersionUnhealthy)
		s.says("blue has no healthy endpoint on any Envoy and no other version can take its 50%").unhealthyNow("blue", "green")
		s.sees("green", 1, 1, "1", "1").is("Waiting: blue=0 green=100").unhealthyNow("blue")
	})
	t.Run("one after the other: the last one keeps it", func(t *testing.T) {
		s := start(t).sees("green", 1, 1, "0", "0").step2(2 * time.Second).is("Waiting: blue=100 green=0")
		s.sees("blue", 1, 1, "0", "0").step2(2*time.Second).is("Waiting: blue=100 green=0").unhealthyNow("blue", "green")
		s.sees("green", 1, 1, "1", "1").is("Waiting: blue=0 green=100")
	})
	t.Run("an unhealthy one still takes what an empty one had", func(t *testing.T) {
		s := start(t).sees("green", 1, 1, "0", "0").sees("blue", 1, 1, "0", "0").step2(2 * time.Second)
		s.sees("blue", 0, 1).is("Waiting: blue=0 green=100")
	})
	t.Run("forgotten when it is not asked for any more", func(t *testing.T) {
		s := start(t).sees("green", 1, 1, "0", "0").step2(2 * time.Second).unhealthyNow("green")
		s.wants(byHand("blue=100", "green=0")).is("Stable: blue=100 green=0").unhealthyNow()
	})
}

// step2 takes a step now and one after d.
func (s *story) step2(d time.Duration) *story {
	s.t.Helper()
	s.step()
	s.after(d).step()
	return s
}

func TestBlueGreenTellsOfAnUnhealthyLiveVersion(t *testing.T) {
	s := newStory(t, toActive("blue", "green")).sees("blue", 1, 1, "1")
	s.is("Stable: blue=100")
	s.sees("blue", 1, 1, "0").step2(2 * time.Second)
	s.happened(EventVersionUnhealthy).unhealthyNow("blue").says("it has no healthy endpoint on any Envoy; there is no automatic way back")
	if s.last.Phase != v1alpha1.PhaseStable {
		t.Errorf("the phase is %s", s.last.Phase)
	}
	// An Envoy that has to report anew does not make it look healed.
	s.sees("blue", 1, 1, "?").is("Stable: blue=100").unhealthyNow("blue").happened()
	s.wants(toActive("green", "blue")).sees("green", 1, 1, "0").is("Waiting: green=0 blue=100").says("blue has no healthy endpoint on any Envoy")
	s.sees("green", 1, 1, "1").is("Holding: green=100 blue=0(10m0s)").unhealthyNow()
}

func TestLabelsAreForPeople(t *testing.T) {
	s := newStory(t, byHand("blue=50", "green/1=50")).sees("blue", 1, 1).sees("green/1", 1, 1)
	s.is("Stable: blue=50 green/1=50")
	s.wants(byHand("blue=50", "green/2=50")).is("Waiting: blue=50 green/2=0 green/1=50")
	s.says("green (version=2) waits: nothing is known yet of its endpoints; the traffic is on blue 50%, green (version=1) 50%")
}
