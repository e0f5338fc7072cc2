package rollout

import (
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// asked are the requests that go to the canary whatever its share, and those that are copied to it, by the
// steps that have been taken. Copies are for a canary without a share: they end with the first.
func (c *canary) asked() (match []v1alpha1.RequestMatch, mirror *v1alpha1.Mirror) {
	if c.state.Stage != canaryMoving || c.state.Full {
		return nil, nil
	}
	for _, m := range c.plan[:min(c.state.Step, len(c.plan))] {
		switch {
		case m.mirror != nil:
			mirror = m.mirror
		case m.shows:
			match = m.match
		case m.share(0) > 0:
			mirror = nil
		}
	}
	if c.state.Share > 0 || Mirrored(mirror) == 0 {
		mirror = nil
	}
	if len(match) == 0 {
		match = nil
	}
	return match, mirror
}

// present has the canary pass the gate before it is shown to anybody; false: it has not yet.
func (c *canary) present(m move) bool {
	if len(m.match) == 0 && Mirrored(m.mirror) == 0 || c.trial.shown() || c.trial.Weight > 0 {
		return true
	}
	if !c.pass(c.trial, c.gate(c.trial, c.spec.MinHealthy, c.deadline())) {
		c.stuck()
		return false
	}
	c.state.StuckSince = time.Time{}
	return true
}

// presents is serves for a canary without a share: whether it serves those that it is shown to. One that is empty
// or unhealthy is shown to nobody, until it passes the gate again; the step under way begins anew then.
func (c *canary) presents() bool {
	st := &c.state
	match, mirror := c.asked()
	if match == nil && mirror == nil {
		st.Out = false
		return true
	}
	switch bad := c.trial.shown() && (c.trial.empty() || c.trial.failing); {
	case bad:
		st.Out = true
		c.stuck()
		return false
	case !c.trial.shown():
		if !c.pass(c.trial, c.gate(c.trial, c.spec.MinHealthy, c.deadline())) {
			st.Out = true
			c.stuck()
			return false
		}
		if st.Out {
			st.Since = c.now
		}
	}
	st.Out = false
	st.StuckSince = time.Time{}
	return true
}

// show puts into effect what is asked, where the canary serves.
func (c *canary) show() {
	for _, v := range c.versions {
		v.Match, v.Mirror = nil, nil
	}
	if c.state.Out || c.state.Share > 0 && c.trial.Weight == 0 {
		return
	}
	if c.trial.Match, c.trial.Mirror = c.asked(); c.trial.Weight > 0 {
		c.trial.Mirror = nil // nobody else can have what it has
	}
}
