package rollout

import (
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// What the stable version cannot take at once, since it has fewer endpoints than before, it gets
// back evenly over returnOver, in moves that are returnInterval apart.
const (
	returnOver     = time.Minute
	returnInterval = time.Second
)

// lower takes the canary's share down; false: there is more to take. The stable version gets at
// once what its ready endpoints are worth, compared with those that it had before it lost any
// traffic, and the rest in a ramp. It gets everything at once when it has as many as before, or
// when the canary serves nobody anyway. While it has none, nothing moves.
func (c *canary) lower(share int32) bool {
	st := &c.state
	if c.trial.Weight == 0 {
		st.Share = min(st.Share, share)
	}
	if c.stable.empty() && st.Share > share {
		return false
	}
	had, has := int64(st.StableReady), int64(c.stable.seen.Ready)
	if !c.stable.known || has >= had || c.trial.empty() || c.trial.failing {
		st.Share = min(st.Share, share)
	}
	if st.Share <= share {
		st.FallSince, st.FallBy = time.Time{}, 0
		return true
	}
	if st.FallSince.IsZero() || st.FallSince.After(c.now) {
		st.FallSince = c.now
		moves := int32(returnOver / returnInterval)
		st.FallBy = (st.Share - share + moves - 1) / moves
	}
	next := st.Share
	if !c.now.Before(st.FallSince.Add(returnInterval)) {
		next -= st.FallBy
		st.FallSince = c.now
	}
	worth := int32(v1alpha1.WeightTotal * has / had)
	st.Share = min(st.Share, max(share, min(next, v1alpha1.WeightTotal-worth)))
	if st.Share <= share {
		st.FallSince, st.FallBy = time.Time{}, 0
		return true
	}
	c.wakeAt(st.FallSince.Add(returnInterval))
	return false
}
