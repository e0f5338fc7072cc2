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

// Predict says within what time a canary that fails as often as the stable version passes, in at least
// 95 of 100 rollouts, if nothing comes in bursts: the share errorRate of requests fails, and so many
// go to both in a second. 0: it does not within 30 days.
func Predict(settings Settings, errorRate, canaryPerSecond, stablePerSecond float64) time.Duration {
	set := settings.withDefaults()
	if !(canaryPerSecond > 0 && stablePerSecond > 0 && errorRate >= 0 && errorRate < 1) {
		return 0
	}
	passes := func(seconds float64) bool {
		n := canaryPerSecond * seconds
		n = max(0, n-2*math.Sqrt(n)) // traffic varies, too
		if n == 0 {
			return false
		}
		errors := unlucky(n, errorRate)
		s := spread{Compared: n, Errors: errors, Stable: errorRate * n, Weight: n * canaryPerSecond / stablePerSecond}
		return n >= float64(set.MinRequests) && s.atMost(set.Confidence, 1, 1) <= set.Margin
	}
	longest := maxPredicted.Seconds()
	if !passes(longest) {
		return 0
	}
	log := bisectFew(math.Log(longest), 0, func(log float64) bool { return passes(math.Exp(log)) })
	return time.Duration(math.Ceil(math.Exp(log))) * time.Second
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
