package rollout

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// State is what must survive between two calls of Next and over a restart. Its JSON form is
// stored: fields may be added, not renamed. The zero value is a Rollout that never ran.
type State struct {
	// The versions that are kept. Their weights sum to v1alpha1.WeightTotal.
	Versions []VersionState `json:"versions,omitempty"`

	// Canary is set while spec.canary is.
	Canary *CanaryState `json:"canary,omitempty"`

	// Try is the attempt that is under way, or was last, with canary and blueGreen; Ending is one before it, while hooks
	// are still to be told how that has ended.
	Try    *TryState `json:"try,omitempty"`
	Ending *TryState `json:"ending,omitempty"`

	// Left is what has lost its traffic last.
	Left *LeftState `json:"left,omitempty"`

	// Flip is the last flip together with other Rollouts, while it can be taken back.
	Flip *FlipState `json:"flip,omitempty"`
}

// VersionState is the state of one version. It carries the selector, since the spec may not
// name the version any more.
type VersionState struct {
	Name     string            `json:"name"`
	Selector map[string]string `json:"selector,omitempty"`

	// In units of 0.01 %.
	Weight int32 `json:"weight,omitempty"`

	// The version shall have traffic and has not passed its gate.
	Waiting bool `json:"waiting,omitempty"`

	// Since when some Envoys, but not all, have been ready for it while it waits.
	ReadySince time.Time `json:"readySince,omitzero"`

	// Since when it has been unhealthy on every Envoy while it has traffic.
	UnhealthySince time.Time `json:"unhealthySince,omitzero"`

	// That went on: the version has lost its traffic for it, or only has it for want of a better one.
	Unhealthy bool `json:"unhealthy,omitempty"`

	// The requests that go to it whatever its weight, and those that are copied to it.
	Match  []v1alpha1.RequestMatch `json:"match,omitempty"`
	Mirror *v1alpha1.Mirror        `json:"mirror,omitempty"`

	// Until when it is kept although it has no traffic.
	HeldUntil time.Time `json:"heldUntil,omitzero"`
}

// shown says whether some requests go to it whatever its weight.
func (v VersionState) shown() bool { return len(v.Match) > 0 || v.Mirror != nil }

// shows is the version as a status has it.
func (v VersionState) shows() v1alpha1.VersionStatus {
	s := v1alpha1.VersionStatus{Name: v.Name, Selector: v.Selector, Weight: v.Weight, Unhealthy: v.Unhealthy, Match: v.Match, Mirror: v.Mirror}
	if v.Weight == 0 && !v.HeldUntil.IsZero() {
		s.HeldUntil = &metav1.Time{Time: v.HeldUntil}
	}
	return s
}

// Shown are the versions as a status has them.
func (s State) Shown() (all []v1alpha1.VersionStatus) {
	for _, v := range s.Versions {
		all = append(all, v.shows())
	}
	return all
}

// ID is the version's VersionID.
func (v VersionState) ID() string { return v1alpha1.VersionID(v.Name, v.Selector) }

// WithoutEvidence is the state without what changes with every report of load and decides nothing by itself.
func (s State) WithoutEvidence() State {
	if s.Canary != nil && s.Canary.Analysis != nil {
		canary := *s.Canary
		canary.Analysis = nil
		s.Canary = &canary
	}
	return s
}

// sound gives the state with weights that sum to WeightTotal, or the zero state where there are
// no weights to go by. Next only makes such states; one that comes from elsewhere may be anything.
func (s State) sound() State {
	seen := make(map[string]bool, len(s.Versions))
	var kept []VersionState
	var shares []int64
	var sum int64
	for _, v := range s.Versions {
		if id := v.ID(); seen[id] {
			continue
		} else {
			seen[id] = true
		}
		v.Weight = max(v.Weight, 0)
		kept, shares, sum = append(kept, v), append(shares, int64(v.Weight)), sum+int64(v.Weight)
	}
	if sum == 0 {
		return State{}
	}
	if sum != v1alpha1.WeightTotal {
		for i, w := range apportion(v1alpha1.WeightTotal, shares) {
			kept[i].Weight = w
		}
	}
	return State{Versions: kept, Canary: s.Canary, Try: s.Try, Ending: s.Ending, Left: s.Left, Flip: s.Flip}
}
