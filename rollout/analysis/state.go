package analysis

import "time"

// Counts are requests that have ended.
type Counts struct {
	Success uint64 `json:"success,omitempty"`
	Error   uint64 `json:"error,omitempty"`
}

// Requests are all of them.
func (c Counts) Requests() uint64 { return c.Success + c.Error }

// Rate is the share of errors; 0 without requests.
func (c Counts) Rate() float64 {
	if c.Requests() == 0 {
		return 0
	}
	return float64(c.Error) / float64(c.Requests())
}

func (c Counts) plus(o Counts) Counts {
	return Counts{Success: c.Success + o.Success, Error: c.Error + o.Error}
}

// Sample is what both versions have counted over the same time.
type Sample struct {
	Canary, Stable Counts
	// Took is how long that was. About a second is best: what happens within one sample counts
	// as one event, whose weight is bounded.
	Took time.Duration
}

// State is what there is to know of the samples so far. It is stored as JSON: fields may be
// added, not renamed. The zero value has seen nothing.
type State struct {
	Canary  Counts        `json:"canary,omitzero"`
	Stable  Counts        `json:"stable,omitzero"`
	Samples uint64        `json:"samples,omitempty"` // those in which both had requests
	Elapsed time.Duration `json:"elapsed,omitempty"` // nanoseconds

	// Wealth are the logarithms of what the bets from the start have come to, in the order of
	// bets, Later of what those that were made later have.
	Wealth []float64 `json:"wealth,omitempty"`
	Later  []float64 `json:"later,omitempty"`
	Spread spread    `json:"spread,omitzero"`

	// Outcome is set once it is Pass or Fail: more samples do not change it, but from Pass to Fail.
	Outcome Outcome `json:"outcome,omitempty"`
}

// Outcome is what the samples say so far.
type Outcome string

const (
	// Running: not sure yet.
	Running Outcome = ""
	// Pass: the canary is good enough.
	Pass Outcome = "Pass"
	// Fail: the canary is worse than the stable version, or than MaxErrorRate.
	Fail Outcome = "Fail"
	// Inconclusive: not sure, and MaxTime is over.
	Inconclusive Outcome = "Inconclusive"
)

// Verdict is what the samples say.
type Verdict struct {
	Outcome Outcome

	// Message says it in plain words.
	Message string

	// Evidence that the canary is worse than the stable version; it fails at Enough.
	Evidence, Enough float64

	// Worse is by how much the error rate of the canary is above that of the stable version
	// over the same time, AtMost the upper bound of that; 0.01 is one point.
	Worse, AtMost float64

	// Needs is about how many more requests to the canary would let it pass if they went as
	// those before; 0: that cannot be told, or none.
	Needs uint64

	// Dispersion is how much more the errors vary over time than single ones that do not
	// depend on each other would; 1: not more.
	Dispersion float64
}
