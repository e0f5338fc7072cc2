package analysis

import (
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// world makes up the samples of one rollout, one a second.
type world struct {
	random *rand.Rand
	rps    float64 // of both versions together
	share  float64 // of the canary
	stable float64 // error rates
	canary float64
	bursts bursts

	second int
	common burst
	own    [2]burst
}

// bursts say how errors come together.
type bursts struct {
	// An outage of something that both versions need: how often it begins in a second, what share of
	// requests fails in it, and how long it lasts on average, in seconds.
	common kind
	// The same of one version by itself, with the same settings for both.
	own kind
	// One failure fails so many requests at a time; 0: one.
	clump int
	// The error rates rise to as many times the given ones over an hour; 0: they do not.
	drift float64
}

type kind struct{ begins, rate, lasts float64 }

// burst is one that goes on or not.
type burst struct{ on bool }

func (b *burst) step(random *rand.Rand, k kind) float64 {
	switch {
	case b.on && random.Float64() < 1/k.lasts:
		b.on = false
	case !b.on && random.Float64() < k.begins:
		b.on = true
	}
	if b.on {
		return k.rate
	}
	return 0
}

// sample is what the next second brings.
func (w *world) sample() Sample {
	total := w.poisson(w.rps)
	canary := w.binomial(total, w.share)
	common := w.common.step(w.random, w.bursts.common)
	factor := 1.0
	if w.bursts.drift > 0 {
		factor += (w.bursts.drift - 1) * float64(w.second) / 3600
	}
	w.second++
	fails := func(n int, rate float64, own *burst) Counts {
		rate = min(1, rate*factor+common+own.step(w.random, w.bursts.own))
		errors := 0
		if clump := w.bursts.clump; clump > 1 {
			errors = min(n, w.poisson(float64(n)*rate/float64(clump))*clump)
		} else {
			errors = w.binomial(n, rate)
		}
		return Counts{Success: uint64(n - errors), Error: uint64(errors)}
	}
	return Sample{
		Canary: fails(canary, w.canary, &w.own[0]),
		Stable: fails(total-canary, w.stable, &w.own[1]),
		Took:   time.Second,
	}
}

func (w *world) poisson(mean float64) int {
	if mean <= 0 {
		return 0
	}
	return int(distuv.Poisson{Lambda: mean, Src: w.random}.Rand())
}

func (w *world) binomial(n int, p float64) int {
	if n == 0 || p <= 0 {
		return 0
	}
	return int(distuv.Binomial{N: float64(n), P: p, Src: w.random}.Rand())
}

// tally is what came of many rollouts.
type tally struct {
	pass, fail, inconclusive int
	took                     []int // seconds until Pass or Fail
}

// run looks at rollouts every second until they end. With passes unset, one that passes goes on: it
// may still fail later.
func run(set Settings, rollouts int, seconds int, passes bool, make func(seed uint64) *world) tally {
	var t tally
	set.MaxTime = time.Duration(seconds) * time.Second
	if !passes {
		set.Margin = 1e-12
	}
	for i := range rollouts {
		w := make(uint64(i))
		var s State
		var v Verdict
		for second := 1; v.Outcome == Running; second++ {
			s, v = Next(set, s, w.sample())
			if v.Outcome == Pass || v.Outcome == Fail {
				t.took = append(t.took, second)
			}
		}
		switch v.Outcome {
		case Pass:
			t.pass++
		case Fail:
			t.fail++
		default:
			t.inconclusive++
		}
	}
	return t
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 42)) }
