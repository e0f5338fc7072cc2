package rollout

import (
	"time"

	"github.com/gateway-cp/gateway-cp/rollout/analysis"
)

// sampleTime is how far samples are apart at least: about as far as the reports of an Envoy. What
// comes within one sample counts as one event, so it must not be taken apart.
const sampleTime = 900 * time.Millisecond

// quietTime is how far samples without any request are apart: they only tell that time passes.
const quietTime = 10 * time.Second

// Load is what was counted for a version since its counting began: requests that its endpoints
// answered, and those that they answered with an error or not at all. A request that is tried again
// counts each time.
type Load struct {
	Success uint64 `json:"success,omitempty"`
	Error   uint64 `json:"error,omitempty"`
}

func (l Load) plus(m Load) Load { return Load{l.Success + m.Success, l.Error + m.Error} }

// since is what has come since an earlier count, and false when there is less than before.
func (l Load) since(before Load) (analysis.Counts, bool) {
	if l.Success < before.Success || l.Error < before.Error {
		return analysis.Counts{}, false
	}
	return analysis.Counts{Success: l.Success - before.Success, Error: l.Error - before.Error}, true
}

// AnalysisState is an analysis and where it stands in the counts. Its JSON form is stored: fields
// may be added, not renamed. What is stored with it has been counted; what was not stored yet
// when the process was killed is lost, and is never counted twice.
type AnalysisState struct {
	analysis.State

	// Counting is Observed.Counting at the last sample, At when that was; Canary and Stable are
	// the counts then.
	// Preview: it is about a canary without a share.
	Preview bool `json:"preview,omitempty"`

	Counting string    `json:"counting,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Canary   Load      `json:"canaryLoad,omitzero"`
	Stable   Load      `json:"stableLoad,omitzero"`
}

// take looks at the counts of both versions, and gives when to look again. Called again with the
// same counts at the same time it changes nothing.
func (a AnalysisState) take(set analysis.Settings, counting string, canary, stable Load, now time.Time) (AnalysisState, analysis.Verdict, time.Time) {
	took := now.Sub(a.At)
	switch {
	case a.At.IsZero(), a.Counting != counting, took < 0:
		return a.begin(counting, canary, stable, now), analysis.Look(set, a.State), now.Add(sampleTime)
	case took < sampleTime:
		return a, analysis.Look(set, a.State), a.At.Add(sampleTime)
	}
	c, more := canary.since(a.Canary)
	s, moreStable := stable.since(a.Stable)
	if !more || !moreStable {
		return a.begin(counting, canary, stable, now), analysis.Look(set, a.State), now.Add(sampleTime)
	}
	if c.Requests()+s.Requests() == 0 && took < quietTime {
		return a, analysis.Look(set, a.State), a.At.Add(quietTime)
	}
	next := a.begin(counting, canary, stable, now)
	var v analysis.Verdict
	next.State, v = analysis.Next(set, a.State, analysis.Sample{Canary: c, Stable: s, Took: took})
	return next, v, now.Add(quietTime)
}

// begin starts counting here, with what is known so far.
func (a AnalysisState) begin(counting string, canary, stable Load, now time.Time) AnalysisState {
	a.Counting, a.Canary, a.Stable, a.At = counting, canary, stable, now
	return a
}
