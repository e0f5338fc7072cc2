package admission

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// mostSteps bounds the steps of a canary.
const mostSteps = 64

func (r *report) canary(c *v1alpha1.Canary, names map[string]int) {
	at := spec.Child("canary")
	switch {
	case c.To != "":
		r.knownVersion(at.Child("to"), c.To, names)
	case len(names) > 0:
		r.missing(at.Child("to"), "name the version that shall have the traffic in the end")
	}
	if c.From != "" {
		r.knownVersion(at.Child("from"), c.From, names)
	}
	r.atMost(at.Child("steps"), len(c.Steps), mostSteps)
	for i := range c.Steps {
		r.canaryStep(at.Child("steps").Index(i), &c.Steps[i])
		if c.Steps[i].Analysis != nil && c.Analysis == nil {
			r.missing(at.Child("analysis"), "a step waits for it: write analysis: {}, or leave out that step")
		}
	}
	if c.Analysis != nil {
		r.analysis(at.Child("analysis"), c.Analysis)
	}
	r.minHealthy(at.Child("minHealthy"), *c.MinHealthy)
	r.notNegative(at.Child("deadline"), c.Deadline)
	r.notNegative(at.Child("progressDeadline"), c.ProgressDeadline)
	r.notNegative(at.Child("bake"), c.Bake)
	r.notNegative(at.Child("holdOld"), c.HoldOld)
}

// analysis asks for values that mean something: 0 would, to the reader, be the strictest.
func (r *report) analysis(at *field.Path, a *v1alpha1.CanaryAnalysis) {
	for _, f := range []struct {
		name  string
		value *v1alpha1.Percent
	}{{"margin", a.Margin}, {"maxErrorRate", a.MaxErrorRate}} {
		if f.value == nil {
			continue
		}
		r.weight(at.Child(f.name), *f.value)
		if w, err := f.value.Weight(); err == nil && (w == 0 || w == v1alpha1.WeightTotal) {
			r.fail(at.Child(f.name), api.ReasonInvalidField, "use a share between 0 and 100, such as \"0.5\"", "it must be more than 0 and less than 100")
		}
	}
	if n := a.MinRequests; n != nil && *n < 1 {
		r.fail(at.Child("minRequests"), api.ReasonInvalidField, "leave it out for 10", "it must be at least 1")
	}
	if d := a.MaxTime; d != nil && d.Duration <= 0 {
		r.fail(at.Child("maxTime"), api.ReasonInvalidField, "leave it out to wait without end, or write a time such as 1h", "it must be more than 0")
	}
	switch a.OnInconclusive {
	case "", v1alpha1.InconclusivePause, v1alpha1.InconclusiveRollback, v1alpha1.InconclusivePromote:
	default:
		r.fail(at.Child("onInconclusive"), api.ReasonInvalidField, "use pause, rollback or promote", "there is no %q", a.OnInconclusive)
	}
	if a.OnInconclusive != "" && a.MaxTime == nil {
		r.missing(at.Child("maxTime"), "say after what time onInconclusive takes effect, such as 1h")
	}
	if q := a.ExpectedRequestsPerSecond; q != nil && q.Sign() <= 0 {
		r.fail(at.Child("expectedRequestsPerSecond"), api.ReasonInvalidField, "write what the Service gets in quiet hours, such as 40 or \"0.5\"", "it must be more than 0")
	}
}

// canaryStep asks for exactly one action.
func (r *report) canaryStep(at *field.Path, s *v1alpha1.CanaryStep) {
	actions := 0
	if s.Weight != nil {
		actions++
		r.weight(at.Child("weight"), *s.Weight)
	}
	if s.Pause != nil {
		actions++
		r.notNegative(at.Child("pause", "duration"), s.Pause.Duration)
	}
	if s.Ramp != nil {
		actions++
		if s.Ramp.From != nil {
			r.weight(at.Child("ramp", "from"), *s.Ramp.From)
		}
		if s.Ramp.To == nil {
			r.missing(at.Child("ramp", "to"), "give the share at the end, such as 50")
		} else {
			r.weight(at.Child("ramp", "to"), *s.Ramp.To)
		}
		r.notNegative(at.Child("ramp", "over"), &s.Ramp.Over)
	}
	if s.Analysis != nil {
		actions++
	}
	if s.Match != nil {
		actions++
		r.requestMatches(at.Child("match"), s.Match)
	}
	if s.Mirror != nil {
		actions++
		r.copies(at.Child("mirror"), s.Mirror)
	}
	switch {
	case actions == 0:
		r.missing(at, "give one of weight: 5, pause: {duration: 10m}, ramp: {to: 50, over: 10m}, analysis: {}, match: [{headers: [{name: x-canary, value: always}]}] and mirror: {percent: 10}")
	case actions > 1:
		r.fail(at, api.ReasonInvalidField, "make it several steps", "a step has one of weight, pause, ramp, analysis, match and mirror, not several")
	}
}

// weight checks a share in percent.
func (r *report) weight(at *field.Path, p v1alpha1.Percent) {
	if _, err := p.Weight(); err != nil {
		r.fail(at, api.ReasonInvalidWeights, "use an integer from 0 to 100, or a string such as \"0.5\"", "%v", err)
	}
}
