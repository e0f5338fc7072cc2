package translator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// dependencies tells of Rollouts in spec.after that are not there, and of ways round on which each waits for the next.
func dependencies(r *Reader, rollout *v1alpha1.Rollout, key api.Key) (problems []api.Problem) {
	for i, ref := range rollout.Spec.After {
		other := referred(key, ref)
		p := api.Problem{Object: key, Path: fmt.Sprintf("spec.after[%d]", i)}
		if read[*v1alpha1.Rollout](r, api.KindRollout, other.Namespace, other.Name) == nil {
			p.Reason, p.Severity = api.ReasonDependencyNotFound, api.Warning
			p.Message = "there is no Rollout " + other.Namespace + "/" + other.Name
			p.Hint = "the Rollout does not begin before it exists; check the name"
			problems = append(problems, p)
		} else if round := wayBack(r, other, key, nil); round != nil {
			p.Reason, p.Severity = api.ReasonDependencyCycle, api.Error
			p.Message = "each waits for the next, and none begins: " + strings.Join(round, " → ")
			p.Hint = "leave one of them out; gateway-cp rollout promote has one begin all the same"
			p.Other = api.Other{Object: other, Path: "spec.after"}
			problems = append(problems, p)
		}
	}
	return problems
}

func referred(from api.Key, ref v1alpha1.RolloutRef) api.Key {
	return api.Key{Kind: api.KindRollout, Namespace: cmp.Or(ref.Namespace, from.Namespace), Name: ref.Name}
}

// wayBack gives the names on a way along spec.after from one Rollout to another, with that one at both ends; nil: there is none.
func wayBack(r *Reader, at, to api.Key, seen []api.Key) []string {
	name := at.Namespace + "/" + at.Name
	if at == to {
		return []string{name}
	}
	rollout := read[*v1alpha1.Rollout](r, api.KindRollout, at.Namespace, at.Name)
	if rollout == nil || slices.Contains(seen, at) {
		return nil
	}
	seen = append(seen, at)
	for _, ref := range rollout.Spec.After {
		if way := wayBack(r, referred(at, ref), to, seen); way != nil {
			if len(seen) == 1 {
				return append([]string{to.Namespace + "/" + to.Name, name}, way...)
			}
			return append([]string{name}, way...)
		}
	}
	return nil
}
