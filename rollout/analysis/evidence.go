package analysis

import "math"

// bets are the relative risks that are betted on: "a request to the canary fails r times as often
// as one to the stable version". The evidence is the mean over them, so that whichever comes
// closest carries it.
//
// One bet is settled as follows. Of the errors of both versions in one sample, and if both are
// equally good, each is the canary's with the probability p: its share of the requests. If the
// canary is r times as bad, that probability is p·r/(1+p·(r−1)). The wealth of the bet is multiplied
// by the ratio of the two probabilities of what was seen: r^canary / (1+p·(r−1))^errors. Its
// expectation is at most 1 when the canary is as good, whatever the common error rate of that sample was, so
// an outage that hits both versions is no evidence. (The errors of the canary among all are
// distributed hypergeometrically; a binomial distribution, which this ratio is made for, is wider,
// and the ratio is convex.) By Ville's inequality the wealth ever reaches 1/Alpha with a
// probability of at most Alpha: https://arxiv.org/abs/2210.01948.
var bets = [...]float64{1.2, 1.5, 2, 3, 6, 12, 50}

// laterShare is the part of every bet's stake that is put in later, a little with every sample,
// so that a canary that becomes bad after a good hour is still found within seconds.
const laterShare = 0.5

// staked is how much of the stake that is put in later is put in with sample number n, from 0:
// all of them together are laterShare.
func staked(n uint64) float64 {
	return laterShare * (1/math.Sqrt(float64(n)+1) - 1/math.Sqrt(float64(n)+2))
}

// bet settles the bets on a sample in which both versions had requests.
func (s *State) bet(set Settings, sample Sample) {
	canary, stable := float64(sample.Canary.Requests()), float64(sample.Stable.Requests())
	share := canary / (canary + stable)
	errors := float64(sample.Canary.Error + sample.Stable.Error)
	most := math.Log(set.BetCap)
	if seconds := sample.Took.Seconds(); seconds > 0 && seconds < 1 {
		most *= seconds
	}
	stake := math.Log(staked(s.Samples))
	wealth, later := make([]float64, len(bets)), make([]float64, len(bets))
	for i, r := range bets {
		gain := min(float64(sample.Canary.Error)*math.Log(r)-errors*math.Log1p(share*(r-1)), most)
		if len(s.Wealth) == len(bets) && len(s.Later) == len(bets) {
			wealth[i], later[i] = s.Wealth[i]+gain, addLogs(s.Later[i], stake)+gain
		} else {
			wealth[i], later[i] = math.Log(1-laterShare)+gain, stake+gain
		}
	}
	s.Wealth, s.Later = wealth, later
}

// evidence is the mean wealth. Where errors are dispersed, what a bet has won counts as if it had
// been won with as many fewer requests; what it has lost stays lost. A bet from the start is
// corrected by the dispersion as it is now. A later one is by that of some samples before: a canary that has
// become bad looks like a burst at first.
func (s *State) evidence(dispersion float64) float64 {
	sum := 0.0
	for i := range s.Wealth {
		sum += worth(s.Wealth[i], dispersion) + worth(s.Later[i], max(1, s.Spread.Blocks.Before))
	}
	return sum / float64(len(bets))
}

func worth(wealth, dispersion float64) float64 {
	if wealth > 0 {
		wealth /= dispersion
	}
	return math.Exp(min(wealth, maxWealth))
}

// maxWealth keeps the evidence a number that JSON can hold.
const maxWealth = 300

// addLogs is log(exp(a) + exp(b)).
func addLogs(a, b float64) float64 {
	high, low := max(a, b), min(a, b)
	return high + math.Log1p(math.Exp(low-high))
}
