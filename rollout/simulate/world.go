package simulate

import (
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/gateway-cp/gateway-cp/rollout"
)

// World is what a canary meets.
type World struct {
	// The shares of requests that fail: 0.01 is 1 %.
	CanaryErrors, StableErrors float64
	// RequestsPerSecond go to both versions together.
	RequestsPerSecond float64
	// Seed chooses among all that may happen by chance.
	Seed uint64
	// PromoteAfter is how long a pause without duration takes until somebody promotes; negative: nobody does.
	PromoteAfter time.Duration
	// For bounds the simulated time; 0: DefaultFor.
	For time.Duration
}

// DefaultFor is how long a rollout is looked at that does not end before.
const DefaultFor = 24 * time.Hour

// interval is how often the counts of both versions are looked at, as with Envoys.
const interval = time.Second

// traffic counts what the versions have been asked.
type traffic struct {
	world          World
	random         *rand.Rand
	canary, stable rollout.Load
	copies         rollout.Load // what the canary was sent of them
}

func newTraffic(w World) *traffic {
	return &traffic{world: w, random: rand.New(rand.NewPCG(w.Seed, 1))}
}

// pass adds the requests of some time, of which the canary gets a share between 0 and 1, and copies of another.
func (t *traffic) pass(took time.Duration, share, copied float64) {
	all := t.poisson(t.world.RequestsPerSecond * took.Seconds())
	canary := t.binomial(all, share)
	t.canary = t.add(t.canary, canary, t.world.CanaryErrors)
	t.stable = t.add(t.stable, all-canary, t.world.StableErrors)
	if copied > 0 {
		t.copies = t.add(t.copies, t.binomial(all, copied), t.world.CanaryErrors)
	}
}

func (t *traffic) add(l rollout.Load, requests float64, rate float64) rollout.Load {
	errors := t.binomial(requests, rate)
	l.Success += uint64(requests - errors)
	l.Error += uint64(errors)
	return l
}

func (t *traffic) poisson(mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: t.random}.Rand()
}

func (t *traffic) binomial(n, p float64) float64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	}
	return distuv.Binomial{N: n, P: p, Src: t.random}.Rand()
}
