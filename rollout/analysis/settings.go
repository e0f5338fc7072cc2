package analysis

import "time"

// What holds where Settings say nothing.
const (
	DefaultMargin      = 0.01
	DefaultAlpha       = 0.01
	DefaultConfidence  = 0.95
	DefaultMinRequests = 10
	DefaultBetCap      = 8
)

// Settings say what is good enough, and how sure to be of it. The zero value takes the defaults.
type Settings struct {
	// Margin is by how much the canary's error rate may be above that of the stable version to
	// pass: 0.01 is one point, as 1.5 % beside 0.5 %. 0: DefaultMargin.
	Margin float64

	// MaxErrorRate is what the canary's error rate may be at most, however bad the stable
	// version is: 0.05 is 5 %. 0: no limit.
	MaxErrorRate float64

	// Alpha is the probability at most of failing a canary that is as good as the stable
	// version, over all samples together. 0: DefaultAlpha.
	Alpha float64

	// Confidence is that in the bound a canary passes by. 0: DefaultConfidence.
	Confidence float64

	// MinRequests is how many requests the canary must have had before there is any decision.
	// 0: DefaultMinRequests.
	MinRequests uint64

	// BetCap is by what factor the evidence may grow in one second, or in one sample that is longer, so
	// that one burst decides nothing. More than 1; 0: DefaultBetCap.
	BetCap float64

	// MaxTime is for how long to look before it is Inconclusive. 0: without end.
	MaxTime time.Duration
}

// withDefaults fills in what is not said, or is out of range.
func (s Settings) withDefaults() Settings {
	fraction := func(v *float64, otherwise float64) {
		if !(*v > 0 && *v < 1) {
			*v = otherwise
		}
	}
	fraction(&s.Margin, DefaultMargin)
	fraction(&s.MaxErrorRate, 0)
	fraction(&s.Alpha, DefaultAlpha)
	fraction(&s.Confidence, DefaultConfidence)
	if s.MinRequests == 0 {
		s.MinRequests = DefaultMinRequests
	}
	if !(s.BetCap > 1) {
		s.BetCap = DefaultBetCap
	}
	return s
}
