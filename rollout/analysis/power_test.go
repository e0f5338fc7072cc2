package analysis

import (
	"os"
	"slices"
	"testing"
	"time"
)

// The figures of docs/analysis.md come from here. GATEWAY_CP_SOAK=1 makes as many rollouts as are
// named there; without, there are fewer, and what is allowed is what chance makes of that.
var soaking = os.Getenv("GATEWAY_CP_SOAK") != ""

// many is how many rollouts there are.
func many(full, short int) int {
	if soaking {
		return full
	}
	return short
}

// quantile is the p-th part of sorted numbers.
func quantile(numbers []int, p float64) int {
	if len(numbers) == 0 {
		return 0
	}
	slices.Sort(numbers)
	return numbers[min(int(p*float64(len(numbers))), len(numbers)-1)]
}

// same are canaries that fail exactly as often as the stable version, in all kinds of weather.
var same = []struct {
	name   string
	share  float64
	bursts bursts
}{
	{name: "steady, 5 %", share: 0.05},
	{name: "steady, 30 %", share: 0.3},
	{name: "outages of both: 30 % fail for 5 s, every minute", share: 0.05, bursts: bursts{common: kind{1.0 / 60, 0.3, 5}}},
	{name: "own bursts: 20 % fail for 1 s, every 50 s", share: 0.3, bursts: bursts{own: kind{1.0 / 50, 0.2, 1}}},
	{name: "five fail at a time", share: 0.3, bursts: bursts{clump: 5}},
	{name: "the rates rise to the fivefold", share: 0.3, bursts: bursts{drift: 5}},
}

// A canary that is as good as the stable version fails in at most 1 of 100 rollouts, though it is
// looked at every second.
func TestGoodCanariesAreNotFailed(t *testing.T) {
	rollouts, seconds := many(10000, 60), many(900, 300)
	for _, c := range same {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := run(Settings{}, rollouts, seconds, false, func(seed uint64) *world {
				return &world{random: source(seed), rps: 100, share: c.share, stable: 0.005, canary: 0.005, bursts: c.bursts}
			})
			t.Logf("failed %d of %d", got.fail, rollouts)
			// The seeds are fixed: what passes here does so always.
			if allowed := max(rollouts/100, 2); got.fail > allowed {
				t.Errorf("%d of %d good canaries failed within %d s, more than %d", got.fail, rollouts, seconds, allowed)
			}
		})
	}
}

// A canary with 2 % errors beside 0.5 % fails; it does not pass.
func TestWorseCanariesDoNotPass(t *testing.T) {
	rollouts := many(10000, 40)
	got := run(Settings{}, rollouts, 3600, true, func(seed uint64) *world {
		return &world{random: source(seed), rps: 100, share: 0.05, stable: 0.005, canary: 0.02}
	})
	t.Logf("passed %d, failed %d of %d; half within %d s, 95 %% within %d s", got.pass, got.fail, rollouts,
		quantile(got.took, 0.5), quantile(got.took, 0.95))
	if got.pass > rollouts/100 {
		t.Errorf("%d of %d passed", got.pass, rollouts)
	}
	if got.fail < rollouts*95/100 {
		t.Errorf("only %d of %d failed within an hour", got.fail, rollouts)
	}
}

// A good canary passes in 95 of 100 rollouts within the time that Predict says.
func TestGoodCanariesPassAsPredicted(t *testing.T) {
	rollouts := many(10000, 40)
	for _, rate := range []float64{0, 0.001, 0.005, 0.02} {
		seconds := int(Predict(Settings{}, rate, 5, 95) / time.Second)
		got := run(Settings{}, rollouts, seconds, true, func(seed uint64) *world {
			return &world{random: source(seed), rps: 100, share: 0.05, stable: rate, canary: rate}
		})
		t.Logf("%g: passed %d of %d within the predicted %d s, half of them within %d s; failed %d",
			rate, got.pass, rollouts, seconds, quantile(got.took, 0.5), got.fail)
		if got.pass < rollouts*95/100 {
			t.Errorf("%g: only %d of %d passed within the predicted %d s", rate, got.pass, rollouts, seconds)
		}
	}
}

// So it does where its share grows meanwhile, and a phase without requests only takes time.
func TestGoodCanariesPassAsPredictedInPhases(t *testing.T) {
	phases := []Phase{{Lasts: 20 * time.Second, StablePerSecond: 100}, {time.Minute, 2, 98}, {0, 20, 80}}
	predicted := PredictPhases(Settings{}, 0.005, phases)
	if alone := Predict(Settings{}, 0.005, 20, 80); predicted <= alone || predicted >= alone+80*time.Second {
		t.Errorf("%s, and with all its share from the beginning %s", predicted, alone)
	}
	rollouts, passed := many(10000, 40), 0
	for seed := range uint64(rollouts) {
		w := &world{random: source(seed), rps: 100, stable: 0.005, canary: 0.005}
		var s State
		var v Verdict
		for second := 0; v.Outcome == Running && second < int(predicted/time.Second); second++ {
			w.share = 0.2
			if second < 80 {
				w.share = 0.02
			}
			sample := w.sample()
			if second < 20 {
				sample.Canary = Counts{}
			}
			s, v = Next(Settings{}, s, sample)
		}
		if v.Outcome == Pass {
			passed++
		}
	}
	t.Logf("passed %d of %d within the predicted %s", passed, rollouts, predicted)
	if passed < rollouts*95/100 {
		t.Errorf("only %d of %d passed within the predicted %s", passed, rollouts, predicted)
	}
}

// A canary half of whose requests fail is found within seconds, from 5 requests a second.
func TestBadCanariesAreFoundAtOnce(t *testing.T) {
	rollouts := many(10000, 200)
	got := run(Settings{}, rollouts, 60, true, func(seed uint64) *world {
		return &world{random: source(seed), rps: 100, share: 0.05, stable: 0.005, canary: 0.5}
	})
	t.Logf("failed %d of %d; half within %d s, 95 %% within %d s, 99 %% within %d s", got.fail, rollouts,
		quantile(got.took, 0.5), quantile(got.took, 0.95), quantile(got.took, 0.99))
	if got.fail != rollouts {
		t.Errorf("only %d of %d failed within a minute", got.fail, rollouts)
	}
	if p95 := quantile(got.took, 0.95); p95 > 5 {
		t.Errorf("95 %% are found within %d s, not 5", p95)
	}
}

// One that becomes bad after ten good minutes is found soon, too.
func TestLateFailuresAreFound(t *testing.T) {
	rollouts := many(1000, 30)
	var took []int
	for seed := range uint64(rollouts) {
		w := &world{random: source(seed), rps: 100, share: 0.05, stable: 0.005, canary: 0.005}
		set := Settings{Margin: 1e-9, BetCap: DefaultBetCap}
		var s State
		var v Verdict
		for second := 0; v.Outcome == Running; second++ {
			if second == 600 {
				w.canary = 0.5
			}
			s, v = Next(set, s, w.sample())
			if v.Outcome == Fail {
				took = append(took, second-599)
			}
		}
	}
	t.Logf("half within %d s, 95 %% within %d s", quantile(took, 0.5), quantile(took, 0.95))
	if p95 := quantile(took, 0.95); p95 > 30 {
		t.Errorf("95 %% are found within %d s only", p95)
	}
}
