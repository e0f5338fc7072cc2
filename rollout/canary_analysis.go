package rollout

import (
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout/analysis"
)

// judge compares the canary with the stable version, and gives it up when it is worse. Without a share, the
// canary's requests are those that match and the copies. What they have shown does not count any
// more once it has a share: those who test, and copies of some methods only, are not all users.
func (c *canary) judge() {
	st := &c.state
	if c.spec.Analysis == nil {
		st.Analysis, st.Unsure = nil, false
		return
	}
	preview := st.Share == 0
	if st.Stage != canaryMoving || preview && !c.trial.shown() || !c.trial.known || !c.stable.known {
		return
	}
	before := AnalysisState{Preview: preview}
	if st.Analysis != nil && st.Analysis.Preview == preview {
		before = *st.Analysis
	}
	settings, load := SettingsOf(*c.spec.Analysis), c.trial.seen.Load
	if preview {
		load, settings.MaxTime = load.plus(c.trial.seen.Copies), 0
	}
	next, v, wake := before.take(settings, c.observed.Counting, load, c.stable.seen.Load, c.now)
	st.Analysis, c.found = &next, &v
	if v.Outcome == analysis.Fail {
		c.abort(v.Message)
		return
	}
	if c.inconclusive(v); st.Stage == canaryMoving {
		c.wakeAt(wake)
	}
}

// inconclusive does what is to be done when the analysis is not sure in time. It goes on looking: what it
// finds later counts.
func (c *canary) inconclusive(v analysis.Verdict) {
	st := &c.state
	if v.Outcome != analysis.Inconclusive || st.Waived {
		st.Unsure = false
		return
	}
	switch c.spec.Analysis.OnInconclusive {
	case v1alpha1.InconclusiveRollback:
		c.abort("the analysis is " + v.Message)
	case v1alpha1.InconclusivePromote:
		st.Waived = true
		c.event(EventInconclusive, true, "%s goes on without the analysis, which is %s", c.trial.label, v.Message)
	default:
		if !st.Unsure {
			st.Unsure = true
			c.event(EventInconclusive, true, "%s stays at %s until it is promoted: the analysis is %s", c.trial.label, percent(st.Share), v.Message)
		}
	}
}

// SettingsOf reads what a spec asks of an analysis. What is not a percentage is refused by admission, and is as if not set.
func SettingsOf(a v1alpha1.CanaryAnalysis) analysis.Settings {
	set := analysis.Settings{Margin: a.Margin.Fraction(), MaxErrorRate: a.MaxErrorRate.Fraction(), MaxTime: lasting(a.MaxTime, 0)}
	if a.MinRequests != nil {
		set.MinRequests = uint64(max(*a.MinRequests, 0))
	}
	return set
}

// passed says whether nothing is asked of the canary but what it has shown.
func (c *canary) passed() bool {
	return c.spec.Analysis == nil || c.state.Waived || c.state.Analysis != nil && c.state.Analysis.Outcome == analysis.Pass
}
