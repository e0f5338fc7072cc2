package lint

import (
	"fmt"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// canarySteps finds steps of canaries that take traffic away, and steps that nobody would notice.
func canarySteps(c *checker) {
	for _, o := range c.of(api.KindRollout) {
		canary := o.Value.(*v1alpha1.Rollout).Spec.Canary
		if canary == nil {
			continue
		}
		share, set := int32(0), -1 // what the step set by an index has set, and nothing has lasted since
		for i, s := range canary.Steps {
			at := fmt.Sprintf("spec.canary.steps[%d]", i)
			switch {
			case s.Pause != nil || s.Analysis != nil:
				set = -1
				continue
			case s.Match != nil:
				continue
			case s.Mirror != nil:
				if percent, err := s.Mirror.Percent.Weight(); err == nil && percent > 0 && share > 0 {
					c.stepWithoutEffect(o.Key, at, "copies are for a canary without a share, and it has one")
				}
				continue
			case s.Ramp != nil:
				if s.Ramp.From != nil {
					share = c.canaryShare(o.Key, at+".ramp.from", share, s.Ramp.From)
				}
				share, set = c.canaryShare(o.Key, at+".ramp.to", share, s.Ramp.To), -1
				continue
			}
			if set >= 0 {
				c.stepWithoutEffect(o.Key, fmt.Sprintf("spec.canary.steps[%d]", set), "the next step sets another share at once")
			}
			before := share
			if share, set = c.canaryShare(o.Key, at+".weight", share, s.Weight), i; share == before && share > 0 {
				c.stepWithoutEffect(o.Key, at, "the canary has this share already")
			}
		}
	}
}

// canaryShare gives the share that a step sets, and tells when it is less than the one before.
func (c *checker) canaryShare(key api.Key, path string, before int32, p *v1alpha1.Percent) int32 {
	share, err := p.Weight()
	if err != nil {
		return before // admission says so
	}
	if share < before {
		c.add(api.Problem{
			Object: key, Path: path, Reason: api.ReasonStepGoesDown, Severity: api.Warning,
			Message: fmt.Sprintf("the share of the canary goes down, from %g %% to %s %%", float64(before)/100, p.String()),
			Hint:    "put the steps in order",
		})
	}
	return share
}

func (c *checker) stepWithoutEffect(key api.Key, path, why string) {
	c.add(api.Problem{
		Object: key, Path: path, Reason: api.ReasonStepWithoutEffect, Severity: api.Warning,
		Message: "the step has no effect: " + why,
		Hint:    "put a pause behind it, or leave it out",
	})
}
