package lint

import (
	"fmt"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout/analysis"
)

// rampPhases is in how many phases of equal shares the traffic of a ramp is looked at.
const rampPhases = 10

// withoutEnd is how long a step lasts that waits for somebody, or for the analysis: longer than anything is predicted.
const withoutEnd = 100 * 24 * time.Hour

// canaryAnalysis finds canaries whose analysis is not done when their steps are, however good they are.
func canaryAnalysis(c *checker) {
	for _, o := range c.of(api.KindRollout) {
		canary := o.Value.(*v1alpha1.Rollout).Spec.Canary
		if canary == nil || canary.Analysis == nil {
			continue
		}
		p := api.Problem{
			Object: o.Key, Path: "spec.canary.analysis", Reason: api.ReasonAnalysisCannotConclude, Severity: api.Warning,
			Hint: "give the steps more time or larger shares, or the analysis a larger margin",
		}
		plan := scheduleOf(canary.Steps)
		quiet := canary.Analysis.ExpectedRequestsPerSecond
		if plan.shown && !plan.compared {
			continue // who tests how often is not known
		}
		if !plan.compared {
			p.Message = "no step gives the canary a part of the traffic before it shall have all: there is nothing to compare, and it waits without end"
			p.Hint = "begin with steps such as weight: 5 and pause: {duration: 10m}"
			c.add(p)
		} else if quiet != nil {
			p.Path += ".expectedRequestsPerSecond"
			perSecond := quiet.AsApproximateFloat64()
			needs := plan.needs(canary.Analysis, perSecond)
			at := fmt.Sprintf("at %g requests a second, even a canary without any error", perSecond)
			if needs == 0 {
				p.Message = at + " does not pass within 30 days"
				c.add(p)
			} else if needs > plan.lasts {
				p.Message = fmt.Sprintf("%s passes after about %s only, but the steps are over after %s: it waits with its last share of the traffic",
					at, about(needs), plan.lasts)
				c.add(p)
			}
		}
	}
}

// about is a time as precise as a prediction is.
func about(d time.Duration) time.Duration {
	if d > 10*time.Minute {
		return d.Round(time.Minute)
	}
	return d.Round(10 * time.Second)
}

// schedule is when the steps of a canary give it which share, if nothing but their times holds them up.
type schedule struct {
	shares []shareFor
	lasts  time.Duration // of all
	last   int32         // the share at the end
	// compared: both versions have traffic at some time.
	compared bool
	// shown: before that, some requests go to the canary, or are copied to it.
	shown bool
}

// shareFor is a share, in units of 0.01 %, for some time.
type shareFor struct {
	share int32
	lasts time.Duration
}

// scheduleOf reads steps up to the one that gives the canary all traffic, which the analysis holds up.
func scheduleOf(steps []v1alpha1.CanaryStep) schedule {
	s := schedule{}
	for _, step := range steps {
		switch {
		case step.Weight != nil:
			share, err := step.Weight.Weight()
			if err == nil && share == v1alpha1.WeightTotal {
				return s
			}
			if err == nil {
				s.set(share)
			}
		case step.Pause != nil && step.Pause.Duration == nil:
			s.stay(withoutEnd)
		case step.Pause != nil:
			s.stay(step.Pause.Duration.Duration)
		case step.Analysis != nil: // it waits on purpose
			s.stay(withoutEnd)
		case len(step.Match) > 0 || step.Mirror != nil:
			s.shown = true
		case step.Ramp != nil:
			if full := s.ramp(step.Ramp); full {
				return s
			}
		}
	}
	return s
}

func (s *schedule) set(share int32) {
	s.last = share
	s.compared = s.compared || share > 0
}

func (s *schedule) stay(lasts time.Duration) {
	s.shares = append(s.shares, shareFor{s.last, lasts})
	s.lasts += lasts
}

// ramp adds a ramp, and says whether it ends with all traffic.
func (s *schedule) ramp(r *v1alpha1.CanaryRamp) (full bool) {
	if r.From != nil {
		if from, err := r.From.Weight(); err == nil {
			s.set(from)
		}
	}
	to, err := r.To.Weight()
	if err != nil {
		return false
	}
	for from, i := s.last, int32(1); i <= rampPhases; i++ {
		s.stay(r.Over.Duration / rampPhases)
		if share := from + (to-from)*i/rampPhases; share < v1alpha1.WeightTotal {
			s.set(share)
		}
	}
	return to == v1alpha1.WeightTotal
}

// needs is after what time a canary without any error passes; 0: not within 30 days.
func (s *schedule) needs(a *v1alpha1.CanaryAnalysis, perSecond float64) time.Duration {
	phases := make([]analysis.Phase, 0, len(s.shares)+1)
	for _, f := range append(s.shares, shareFor{share: s.last}) {
		canary := perSecond * float64(f.share) / v1alpha1.WeightTotal
		phases = append(phases, analysis.Phase{Lasts: f.lasts, CanaryPerSecond: canary, StablePerSecond: perSecond - canary})
	}
	set := analysis.Settings{Margin: a.Margin.Fraction(), MaxErrorRate: a.MaxErrorRate.Fraction()}
	if a.MinRequests != nil {
		set.MinRequests = uint64(max(*a.MinRequests, 0))
	}
	return analysis.PredictPhases(set, 0, phases)
}
