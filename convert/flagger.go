package convert

import (
	"cmp"
	"fmt"
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// flagger converts a Canary of Flagger.
func (c *conversion) flagger(o object) {
	c.account(o, flaggerCanary)
	spec := o.in("spec")
	analysis := spec.in("analysis")
	r := c.start(o, cmp.Or(spec.in("service").text("name"), spec.in("targetRef").text("name")))
	c.webhooks(o, r, analysis)
	if isBlueGreen(analysis) {
		c.flaggerBlueGreen(o, r, analysis)
		return
	}
	r.Spec.Canary = &v1alpha1.Canary{To: "stable", ProgressDeadline: spec.lasting("progressDeadlineSeconds")}
	if n, ok := analysis.number("canaryReadyThreshold"); ok {
		percent := intstr.FromString(fmt.Sprintf("%d%%", int(n)))
		r.Spec.Canary.MinHealthy = &percent
	}
	if spec.text("skipAnalysis") == "true" {
		return
	}
	c.flaggerAnalysis(o, r, analysis)
	c.flaggerSteps(r.Spec.Canary, analysis)
}

// isBlueGreen says whether all traffic moves at once, after so many iterations.
func isBlueGreen(analysis object) bool {
	return analysis.has("iterations") && len(analysis.list("match")) == 0 && !analysis.has("stepWeight") && !analysis.has("stepWeights")
}

// flaggerBlueGreen has only hooks that blueGreen has.
func (c *conversion) flaggerBlueGreen(o object, r *v1alpha1.Rollout, analysis object) {
	r.Spec.BlueGreen = &v1alpha1.BlueGreen{Active: "stable"}
	var kept []v1alpha1.Hook
	for _, h := range r.Spec.Hooks {
		switch h.When {
		case v1alpha1.HookBefore, v1alpha1.HookAfter:
			kept = append(kept, h)
		case v1alpha1.HookPromotion, v1alpha1.HookIncrease:
			h.When = v1alpha1.HookBefore
			kept = append(kept, h)
		default:
			c.note(o, "spec.analysis.webhooks[]", true, "%s: blueGreen asks before and after only; a canary of one step has the moment %s, too", h.Name, h.When)
		}
	}
	r.Spec.Hooks = kept
	if len(analysis.list("metrics")) > 0 {
		c.note(o, "spec.analysis.metrics", true, "blueGreen compares nothing: use a canary with a small share, an analysis step and then 100")
	}
	if analysis.text("mirror") == "true" {
		c.note(o, "spec.analysis.mirror", true, "blueGreen copies nothing: use a canary with a mirror step")
	}
}

// flaggerAnalysis reads the metrics.
func (c *conversion) flaggerAnalysis(o object, r *v1alpha1.Rollout, analysis object) {
	r.Spec.Canary.Analysis = &v1alpha1.CanaryAnalysis{}
	for i, m := range analysis.list("metrics") {
		path := at("spec.analysis.metrics", i)
		least, ok := m.in("thresholdRange").number("min")
		if !ok {
			least, ok = m.number("threshold")
		}
		switch {
		case m.text("name") == "request-success-rate" && ok && least < 100 && least > 0:
			r.Spec.Canary.Analysis.MaxErrorRate = share(math.Round((100-least)*100) / 100)
		case m.text("name") == "request-success-rate" && ok:
			c.note(o, path, true, "a limit of %g %% cannot be kept: errors are compared with those of the stable version", least)
		case m.text("name") == "request-success-rate", m.has("templateRef"), m.has("query"):
		default:
			c.note(o, path, true, "%s is not looked at: a hook (spec.hooks) asks a service of yours", m.text("name"))
		}
	}
}

// flaggerSteps makes steps of weights that grow with every interval.
func (c *conversion) flaggerSteps(to *v1alpha1.Canary, analysis object) {
	interval := analysis.lasting("interval")
	if interval == nil {
		interval = &metav1.Duration{Duration: time.Minute} // Flagger's
	}
	wait := func(times float64) {
		to.Steps = append(to.Steps, v1alpha1.CanaryStep{Pause: &v1alpha1.CanaryPause{
			Duration: &metav1.Duration{Duration: time.Duration(times * float64(interval.Duration))},
		}})
	}
	iterations, _ := analysis.number("iterations")
	if analysis.text("mirror") == "true" {
		percent := 100.0
		if n, ok := analysis.number("mirrorWeight"); ok {
			percent = n
		}
		to.Steps = append(to.Steps, v1alpha1.CanaryStep{Mirror: &v1alpha1.Mirror{Percent: *share(percent)}})
		wait(1)
	}
	if match := requests(analysis); len(match) > 0 {
		to.Steps = append(to.Steps, v1alpha1.CanaryStep{Match: match})
		wait(max(iterations, 1))
	}
	last := 0.0
	for _, w := range weights(analysis) {
		last = w
		to.Steps = append(to.Steps, v1alpha1.CanaryStep{Weight: share(w)})
		wait(1)
	}
	if by, ok := analysis.number("stepWeightPromotion"); ok && by > 0 && last < 100 {
		over := time.Duration(math.Ceil((100-last)/by) * float64(interval.Duration))
		to.Steps = append(to.Steps, v1alpha1.CanaryStep{Ramp: &v1alpha1.CanaryRamp{To: share(100), Over: metav1.Duration{Duration: over}}})
	}
}

// requests reads the match of an A/B test.
func requests(analysis object) (all []v1alpha1.RequestMatch) {
	for _, m := range analysis.list("match") {
		var match v1alpha1.RequestMatch
		for _, name := range sortedKeys(m.in("headers")) {
			if v, ok := valueMatch(name, m.in("headers", name)); ok {
				match.Headers = append(match.Headers, v)
			}
		}
		if len(match.Headers) > 0 {
			all = append(all, match)
		}
	}
	return all
}

// weights are the shares of the canary, one an interval. There are at most 30, so that all steps fit.
func weights(analysis object) (all []float64) {
	if values, ok := analysis["stepWeights"].([]any); ok {
		for _, v := range values {
			if n, ok := v.(float64); ok {
				all = append(all, n)
			}
		}
		return all
	}
	by, ok := analysis.number("stepWeight")
	most, limited := analysis.number("maxWeight")
	if !limited {
		most = 100
	}
	if !ok || by <= 0 {
		return nil
	}
	for by*30 < most {
		by *= 2
	}
	for w := by; w < most; w += by {
		all = append(all, w)
	}
	return append(all, most)
}

// moments are what the types of webhooks become.
var moments = map[string][]v1alpha1.HookMoment{
	"confirm-rollout":          {v1alpha1.HookBefore},
	"pre-rollout":              {v1alpha1.HookBefore},
	"":                         {v1alpha1.HookDuring},
	"rollout":                  {v1alpha1.HookDuring},
	"confirm-traffic-increase": {v1alpha1.HookIncrease},
	"confirm-promotion":        {v1alpha1.HookPromotion},
	"post-rollout":             {v1alpha1.HookAfter, v1alpha1.HookRollback},
}

func (c *conversion) webhooks(o object, r *v1alpha1.Rollout, analysis object) {
	for i, w := range analysis.list("webhooks") {
		path := at("spec.analysis.webhooks", i)
		kind := w.text("type")
		if kind == "event" {
			n := v1alpha1.Notification{Name: fmt.Sprintf("event-%d", len(r.Spec.Notifications)+1), URL: w.text("url")}
			r.Spec.Notifications = append(r.Spec.Notifications, n)
			continue
		}
		whens, ok := moments[kind]
		if !ok {
			c.note(o, path+".type", true, "%q has no moment: to give a canary up, say gateway-cp rollout abort, or let a hook say no", kind)
			continue
		}
		for _, when := range whens {
			h := v1alpha1.Hook{When: when, URL: w.text("url"), Timeout: w.lasting("timeout")}
			if n, ok := w.number("retries"); ok {
				h.Retries = retries(n)
			}
			if when == v1alpha1.HookDuring {
				h.Interval = analysis.lasting("interval")
			}
			addHook(r, w.text("name"), h)
		}
	}
}
