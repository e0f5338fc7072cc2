package rollout

import (
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout/analysis"
)

// judge compares the canary with the stable version, and gives it up when it is worse.
func (c *canary) judge() {
	st := &c.state
	if c.spec.Analysis == nil {
		st.Analysis = nil
		return
	}
	if st.Stage != canaryMoving || st.Share == 0 || !c.trial.known || !c.stable.known {
		return
	}
	before := AnalysisState{}
	if st.Analysis != nil {
		before = *st.Analysis
	}
	next, v, wake := before.take(SettingsOf(*c.spec.Analysis), c.observed.Counting, c.trial.seen.Load, c.stable.seen.Load, c.now)
	st.Analysis, c.found = &next, &v
	if v.Outcome == analysis.Fail {
		c.abort(v.Message)
		return
	}
	c.wakeAt(wake)
}

// SettingsOf reads what a spec asks of an analysis. What is not a percentage is refused by admission, and is as if not set.
func SettingsOf(a v1alpha1.CanaryAnalysis) analysis.Settings {
	return analysis.Settings{Margin: a.Margin.Fraction(), MaxErrorRate: a.MaxErrorRate.Fraction()}
}

// passed says whether nothing is asked of the canary but what it has shown.
func (c *canary) passed() bool {
	return c.spec.Analysis == nil || c.state.Waived || c.state.Analysis != nil && c.state.Analysis.Outcome == analysis.Pass
}
