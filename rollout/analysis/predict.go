package analysis

import (
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// predicted is the share of good canaries that shall have passed in the predicted time.
const predicted = 0.985

// maxPredicted is the longest time that is predicted.
const maxPredicted = 30 * 24 * time.Hour

// Phase is a time in which both versions get so many requests a second.
type Phase struct {
	Lasts                            time.Duration
	CanaryPerSecond, StablePerSecond float64
}

// Predict says within what time a canary that fails as often as the stable version passes, in at least
// 95 of 100 rollouts, if nothing comes in bursts: the share errorRate of requests fails, and so many
// go to both in a second. 0: it does not within 30 days.
func Predict(settings Settings, errorRate, canaryPerSecond, stablePerSecond float64) time.Duration {
	return PredictPhases(settings, errorRate, []Phase{{CanaryPerSecond: canaryPerSecond, StablePerSecond: stablePerSecond}})
}

// PredictPhases is Predict where the traffic changes: the phases come one after the other, and the
// last one goes on for as long as it takes. One in which a version has no requests only takes time.
func PredictPhases(settings Settings, errorRate float64, phases []Phase) time.Duration {
	set := settings.withDefaults()
	if !(errorRate >= 0 && errorRate < 1) {
		return 0
	}
	passes := func(seconds float64) bool {
		n, weight := seen(phases, seconds)
		if n <= 0 {
			return false
		}
		weight /= n
		n = max(0, n-2*math.Sqrt(n)) // traffic varies, too
		if n == 0 {
			return false
		}
		errors := unlucky(n, errorRate)
		s := spread{Compared: n, Errors: errors, Stable: errorRate * n, Weight: n * weight}
		return n >= float64(set.MinRequests) && s.atMost(set.Confidence, 1, 1) <= set.Margin
	}
	longest := maxPredicted.Seconds()
	if !passes(longest) {
		return 0
	}
	log := bisectFew(math.Log(longest), 0, func(log float64) bool { return passes(math.Exp(log)) })
	return time.Duration(math.Ceil(math.Exp(log))) * time.Second
}

// seen is how many requests to the canary there are to compare after some time, and their
// spread.Weight.
func seen(phases []Phase, seconds float64) (requests, weight float64) {
	for i, p := range phases {
		lasts := min(p.Lasts.Seconds(), seconds)
		if i == len(phases)-1 {
			lasts = seconds
		}
		seconds -= lasts
		if p.CanaryPerSecond > 0 && p.StablePerSecond > 0 {
			n := p.CanaryPerSecond * lasts
			requests += n
			weight += n * p.CanaryPerSecond / p.StablePerSecond
		}
	}
	return requests, weight
}

// unlucky is how many of n requests fail at most, in the predicted share of cases.
func unlucky(n, rate float64) float64 {
	if rate == 0 {
		return 0
	}
	deviation := math.Sqrt(n * rate * (1 - rate))
	// Between the quantiles of a Poisson and of a normal distribution, that of a gamma
	// distribution with the same mean and variance has no steps and is right for few errors.
	mean := n * rate
	shape := mean * mean / (deviation * deviation)
	return distuv.Gamma{Alpha: shape, Beta: shape / mean}.Quantile(predicted)
}
