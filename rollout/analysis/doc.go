// Package analysis says whether a canary fails more often than the stable version beside it.
//
// In: what both versions counted over the same time, one Sample after the other. Out: a Verdict,
// in numbers and in a sentence, and the State to go on with. It may be looked at after every sample and
// stopped as soon as it is sure: its errors are bounded over all looks together, not at each.
//
//	state, verdict := analysis.Next(settings, state, sample)
//
// The evidence that the canary is worse is a product of bets, which does not grow by chance: it
// reaches 1/Alpha with a probability of at most Alpha when the canary is as good as the stable
// version (evidence.go). That the canary is good enough is said when the upper bound of the
// difference is below the margin (bound.go). Errors that come in bursts are told from their
// spread over time, and both are the more careful for it (dispersion.go). docs/analysis.md explains it
// to an engineer.
//
// It is pure: no clock, no I/O, nothing of Envoy, of Rollouts or of where the counts come from.
package analysis
