package v1alpha1

import "maps"

// SelectorVersion is the name of the versions of a Rollout that has none of its own: what a selector of the
// Service selects. Its selector is whole, not merged over that which the Service has now.
const SelectorVersion = "selector"

// FollowsSelector says whether the Rollout moves the traffic when the selector of the Service changes.
func (r *Rollout) FollowsSelector() bool { return len(r.Spec.Versions) == 0 }

// WithSelector is a Rollout without versions of its own with the version that the selector of the Service is.
func (r *Rollout) WithSelector(selector map[string]string) *Rollout {
	out := r.DeepCopy()
	out.Spec.Versions = []Version{{Name: SelectorVersion, Selector: maps.Clone(selector)}}
	if out.Spec.BlueGreen != nil {
		out.Spec.BlueGreen.Active = SelectorVersion
	}
	if out.Spec.Canary != nil {
		out.Spec.Canary.To = SelectorVersion
	}
	return out
}
