package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// CanaryState is where a canary stands. Its JSON form is stored: fields may be added, not renamed.
type CanaryState struct {
	// Canary is the VersionID of the version that is being tried, or was last; Stable is that of
	// the one with the rest of the traffic. They are the same where nothing else is kept.
	Canary string      `json:"canary"`
	Stable string      `json:"stable"`
	Stage  CanaryStage `json:"stage"`

	// Spec and Steps are hashes of spec.canary and of its steps, as last seen.
	Spec  string `json:"spec,omitempty"`
	Steps string `json:"steps,omitempty"`

	// Share is what the steps so far ask for the canary, in units of 0.01 %. Its weight is
	// another where it, or the stable version, cannot take its part.
	Share int32 `json:"share,omitempty"`

	// Step counts the steps that have been taken. Since is when the one that is under way began
	// or, in a ramp, when its last move was made; Moves counts these, From is its first share.
	Step  int       `json:"step,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Moves int       `json:"moves,omitempty"`
	From  int32     `json:"from,omitempty"`

	// Full: the canary has been given all traffic; Since is when.
	Full bool `json:"full,omitempty"`

	// Out: the canary has lost its share since it is empty or unhealthy. Setbacks counts how often.
	Out      bool `json:"out,omitempty"`
	Setbacks int  `json:"setbacks,omitempty"`

	// StuckSince is since when the canary waits for healthy endpoints.
	StuckSince time.Time `json:"stuckSince,omitzero"`

	// PausedAt is when it was told to pause; zero: it was not.
	PausedAt time.Time `json:"pausedAt,omitzero"`

	// Promoted: the wait that is under way is over, since somebody said so. Retry: what was given
	// up is to be started again.
	Promoted bool `json:"promoted,omitempty"`
	Retry    bool `json:"retry,omitempty"`

	// Aborted says why the canary was given up, for people.
	Aborted string `json:"aborted,omitempty"`

	// StableReady is how many ready endpoints the stable version had before it lost any traffic.
	StableReady int `json:"stableReady,omitempty"`

	// FallSince is when the canary's share last went down in a ramp back; FallBy is by how much
	// it goes down each time.
	FallSince time.Time `json:"fallSince,omitzero"`
	FallBy    int32     `json:"fallBy,omitempty"`

	// Analysis is what is known of how the canary compares with the stable version.
	Analysis *AnalysisState `json:"analysis,omitempty"`
	// Waived: it was said that it need not pass the analysis.
	Waived bool `json:"waived,omitempty"`
	// Unsure: the analysis is inconclusive, and the canary's share does not grow because of it.
	Unsure bool `json:"unsure,omitempty"`
}

// CanaryStage is what a canary is at.
type CanaryStage string

const (
	canaryMoving  CanaryStage = "moving"  // it takes its steps
	canaryDone    CanaryStage = "done"    // it is the stable version now; Stable is the one before
	canaryAborted CanaryStage = "aborted" // it gets nothing any more
)

// sound says whether Next can go on with a state, given the versions that there are.
func (c *CanaryState) sound(known func(id string) bool) bool {
	switch c.Stage {
	case canaryMoving, canaryAborted:
		if c.Canary == c.Stable {
			return false
		}
	case canaryDone:
	default:
		return false
	}
	return known(c.Canary) && known(c.Stable) && c.Share >= 0 && c.Share <= v1alpha1.WeightTotal && c.Step >= 0 && c.Moves >= 0
}

// abort gives the canary up.
func (c *CanaryState) abort(why string) {
	c.Stage, c.Aborted, c.Full, c.Out, c.Promoted = canaryAborted, why, false, false, false
	c.Unsure = false
	c.StuckSince, c.PausedAt = time.Time{}, time.Time{}
}

// digest is a short hash over what is stored as JSON.
func digest(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "" // what a spec holds can always be marshalled
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
