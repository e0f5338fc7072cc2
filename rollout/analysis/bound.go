package analysis

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// The prior of an error rate: where the bounds are tightest. Any is right, this one is good for
// rates below some percent.
const (
	priorErrors    = 0.5
	priorSuccesses = 20
)

// excess is how much the hypothesis "the rate is p" is behind the mixture of all rates, in what
// errors among n requests say: the logarithm of a likelihood ratio that is a martingale if p is
// true. So where it stays below log(1/alpha), p is in a confidence interval that holds at all
// times at once: Robbins' method of mixtures, https://arxiv.org/abs/1906.09712.
func excess(errors, n, p, mixture float64) float64 {
	return mixture - errors*math.Log(p) - (n-errors)*math.Log1p(-p)
}

func mixture(errors, n float64) float64 {
	return mathext.Lbeta(priorErrors+errors, priorSuccesses+n-errors) - mathext.Lbeta(priorErrors, priorSuccesses)
}

// upper is the upper end of that interval.
func upper(errors, n, alpha float64) float64 {
	if n <= 0 || errors >= n {
		return 1
	}
	mix, limit := mixture(errors, n), math.Log(1/alpha)
	return bisect(errors/n, 1, func(p float64) bool { return excess(errors, n, p, mix) < limit })
}

// lower is its lower end.
func lower(errors, n, alpha float64) float64 {
	if n <= 0 || errors <= 0 {
		return 0
	}
	mix, limit := mixture(errors, n), math.Log(1/alpha)
	return bisect(errors/n, 0, func(p float64) bool { return excess(errors, n, p, mix) < limit })
}

// bisect finds the point between inside and outside at which within ends, on the outer side.
func bisect(inside, outside float64, within func(float64) bool) float64 {
	for range 26 {
		if middle := (inside + outside) / 2; within(middle) {
			inside = middle
		} else {
			outside = middle
		}
	}
	return outside
}

// canaryPart is the part of the probability of being wrong that is given to the bound of the
// canary; the rest goes to that of the stable version, which has far more requests.
const canaryPart = 0.8

// atMost is the upper bound of by how much the canary is worse, with the given confidence, if the
// counts were times what they are. Dispersed errors count as fewer requests.
func (s *spread) atMost(confidence, dispersion, times float64) float64 {
	if s.Compared == 0 {
		return 1
	}
	scale := times / dispersion
	canary := upper(s.Errors*scale, s.Compared*scale, (1-confidence)*canaryPart)
	// The stable version at the same time: what is certain of it is worth this many requests.
	n := s.Compared * s.Compared / s.Weight * scale
	stable := lower(s.Stable/s.Compared*n, n, (1-confidence)*(1-canaryPart))
	return canary - stable
}

// needs is about how many more requests to the canary let the bound fall below the margin; 0:
// that cannot be told.
func (s *spread) needs(set Settings, dispersion float64) uint64 {
	const most = 1e4
	if s.Compared == 0 || s.worse() >= set.Margin || s.atMost(set.Confidence, dispersion, most) > set.Margin {
		return 0
	}
	times := math.Exp(bisectFew(math.Log(most), 0, func(log float64) bool {
		return s.atMost(set.Confidence, dispersion, math.Exp(log)) <= set.Margin
	}))
	return uint64(math.Ceil(s.Compared * (times - 1)))
}

// bisectFew is bisect to about one percent of what the logarithm of a number stands for.
func bisectFew(inside, outside float64, within func(float64) bool) float64 {
	for range 10 {
		if middle := (inside + outside) / 2; within(middle) {
			inside = middle
		} else {
			outside = middle
		}
	}
	return inside
}
