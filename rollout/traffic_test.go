package rollout

import (
	"testing"
	"time"
)

func TestTrafficStepsByHand(t *testing.T) {
	s := newStory(t, byHand("blue=100", "green=0"))
	s.sees("blue", 2, 2, "warm").sees("green", 2, 2, "warm")
	s.is("Stable: blue=100 green=0").happened(EventFirstDeployment)
	s.wants(byHand("blue=99.95", "green=0.05")).is("Stable: blue=99.95 green=0.05").happened(EventWeightsChanged)
	s.wants(byHand("blue=50", "green=50")).is("Stable: blue=50 green=50")
	s.wants(byHand("blue=0", "green=100")).is("Stable: blue=0 green=100").says("the traffic is on green 100%")
	s.wants(byHand("green=100")).is("Stable: green=100").happened().wakesIn(-1)
}

func TestTrafficFirstDeployment(t *testing.T) {
	t.Run("nothing known yet: as asked for", func(t *testing.T) {
		newStory(t, byHand("blue=95", "green=5")).is("Stable: blue=95 green=5")
	})
	t.Run("all empty: as asked for", func(t *testing.T) {
		s := newStory(t, byHand("blue=95", "green=5")).sees("blue", 0, 0).sees("green", 0, 0)
		s.is("Stable: blue=95 green=5").says("blue has no ready endpoints")
		s.sees("blue", 1, 1).is("Waiting: blue=100 green=0")
		s.sees("green", 1, 1).is("Stable: blue=95 green=5")
	})
	t.Run("one empty: the others have its share", func(t *testing.T) {
		s := newStory(t, byHand("blue=95", "green=5")).sees("blue", 1, 1).sees("green", 0, 0)
		s.is("Waiting: blue=100 green=0").happened(EventFirstDeployment)
	})
}

func TestTrafficNewVersionWaits(t *testing.T) {
	start := func(t *testing.T, words ...string) *story {
		s := newStory(t, byHand(words...))
		s.sees("blue", 1, 1, "warm", "warm").sees("red", 1, 1, "warm", "warm")
		s.step()
		return s
	}
	t.Run("the split before stays until it is healthy everywhere", func(t *testing.T) {
		s := start(t, "blue=60", "red=40").wants(byHand("blue=50", "green=50"))
		s.is("Waiting: blue=60 green=0 red=40").happened(EventWaiting).says("green waits: nothing is known yet of its endpoints")
		s.sees("green", 1, 3, "0", "0").is("Waiting: blue=60 green=0 red=40").happened()
		s.sees("green", 1, 3, "1", "0").is("Waiting: blue=60 green=0 red=40").wakesIn(time.Minute)
		s.sees("green", 1, 3, "1", "1").is("Stable: blue=50 green=50").happened(EventWeightsChanged)
	})
	t.Run("an Envoy that is not ready holds it back for a minute", func(t *testing.T) {
		s := start(t, "blue=100").wants(byHand("blue=50", "green=50")).sees("green", 1, 1, "warm", "cold")
		s.is("Waiting: blue=100 green=0")
		s.after(time.Minute).is("Stable: blue=50 green=50").happened(EventEnvoysLeftBehind, EventWeightsChanged)
	})
	t.Run("the minute starts anew when it was not asked for in between", func(t *testing.T) {
		s := start(t, "blue=100").wants(byHand("blue=50", "green=50")).sees("green", 1, 1, "warm", "cold")
		s.is("Waiting: blue=100 green=0").wakesIn(time.Minute)
		s.wants(byHand("blue=100", "green=0")).is("Stable: blue=100 green=0").wakesIn(-1)
		s.after(time.Hour).wants(byHand("blue=50", "green=50")).is("Waiting: blue=100 green=0").wakesIn(time.Minute)
	})
	t.Run("a replaced version keeps its share: no flood on the small one", func(t *testing.T) {
		s := newStory(t, byHand("blue=5", "green/1=95")).sees("blue", 1, 1).sees("green/1", 9, 9)
		s.is("Stable: blue=5 green/1=95")
		s.wants(byHand("blue=5", "green/2=95")).is("Waiting: blue=5 green/2=0 green/1=95")
		s.sees("green/2", 1, 9).is("Stable: blue=5 green/2=95")
	})
	t.Run("it stops nothing else: others change as far as they can", func(t *testing.T) {
		s := start(t, "blue=90", "red=10").wants(byHand("blue=50", "red=30", "green=20"))
		s.is("Waiting: blue=70 red=30 green=0")
		s.wants(byHand("blue=10", "red=90", "green=0")).is("Stable: blue=10 red=90 green=0")
	})
	t.Run("two new ones: each when it is ready", func(t *testing.T) {
		s := start(t, "blue=100").wants(byHand("green=50", "pink=50"))
		s.is("Waiting: green=0 pink=0 blue=100").happened(EventWaiting, EventWaiting)
		s.sees("pink", 1, 1).is("Waiting: green=0 pink=50 blue=50")
		s.sees("green", 1, 1).is("Stable: green=50 pink=50")
	})
	t.Run("the live version fails while it waits: weights stay, nobody else may have it", func(t *testing.T) {
		s := start(t, "blue=100").wants(byHand("green=100")).sees("green", 1, 1, "0")
		s.sees("blue", 0, 1).is("Waiting: green=0 blue=100").says("no other version can take its 100%")
		s.sees("green", 1, 1, "1").is("Stable: green=100")
	})
	t.Run("reverted: nothing happened", func(t *testing.T) {
		s := start(t, "blue=100").wants(byHand("blue=50", "green=50")).is("Waiting: blue=100 green=0")
		s.wants(byHand("blue=100")).is("Stable: blue=100").happened(EventAbandoned)
	})
}

func TestTrafficEmptyVersions(t *testing.T) {
	start := func(t *testing.T) *story {
		s := newStory(t, byHand("a=50", "b=30", "c=20"))
		s.sees("a", 1, 1, "warm").sees("b", 1, 1, "warm").sees("c", 1, 1, "warm")
		return s.is("Stable: a=50 b=30 c=20")
	}
	t.Run("the others have its share, in proportion", func(t *testing.T) {
		s := start(t).sees("c", 0, 1).is("Waiting: a=62.5 b=37.5 c=0").happened(EventVersionEmpty, EventWeightsChanged)
		s.is("Waiting: a=62.5 b=37.5 c=0").happened()
		s.sees("c", 1, 1, "cold").is("Waiting: a=62.5 b=37.5 c=0").says("ready on 0 of 1 Envoys")
		s.sees("c", 1, 1, "warm").is("Stable: a=50 b=30 c=20")
	})
	t.Run("all empty: weights stay, also when others are asked for", func(t *testing.T) {
		s := start(t).sees("a", 0, 1).sees("b", 0, 1).is("Waiting: a=0 b=0 c=100")
		s.sees("c", 0, 1).is("Waiting: a=0 b=0 c=100")
		s.wants(byHand("a=10", "b=10", "c=80")).is("Waiting: a=0 b=0 c=100")
		s.sees("a", 1, 1, "warm").is("Waiting: a=100 b=0 c=0")
	})
	t.Run("a version that was asked to have nothing is no refuge", func(t *testing.T) {
		s := start(t).wants(byHand("a=100", "b=0")).is("Stable: a=100 b=0")
		s.sees("a", 0, 1).is("Stable: a=100 b=0").says("no other version can take its 100%")
	})
	t.Run("remainders go by their size, then by order", func(t *testing.T) {
		s := newStory(t, byHand("a=33.33", "b=33.33", "c=0.01", "d=33.33"))
		s.is("Stable: a=33.33 b=33.33 c=0.01 d=33.33")
		s.sees("d", 0, 1).is("Waiting: a=49.99 b=49.99 c=0.02 d=0")
	})
	t.Run("unknown is not empty", func(t *testing.T) {
		s := start(t)
		delete(s.seen.Versions, testVersion("b").ID())
		s.is("Stable: a=50 b=30 c=20")
	})
}
