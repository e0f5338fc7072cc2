package lint

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// rolloutVersions finds versions that select nothing, and versions that select the same.
func rolloutVersions(c *checker) {
	for _, o := range c.of(api.KindRollout) {
		rollout := o.Value.(*v1alpha1.Rollout)
		target, _ := targetService(o)
		service := &corev1.Service{}
		if s := c.objects[target]; s != nil {
			service = s.Value.(*corev1.Service)
		}
		selectors := make([]map[string]string, len(rollout.Spec.Versions))
		for i, v := range rollout.Spec.Versions {
			selectors[i] = merged(service, v.Selector)
		}
		taken := map[*podTemplate]bool{} // by some version
		for _, selector := range selectors {
			for _, t := range c.templates.selected(o.Key.Namespace, selector) {
				taken[t] = true
			}
		}
		for i := range selectors {
			c.emptyVersion(o.Key, rollout, i, selectors[i], taken)
			for j := range i {
				c.overlap(o.Key, rollout, selectors, j, i)
			}
		}
	}
}

func (c *checker) emptyVersion(key api.Key, rollout *v1alpha1.Rollout, i int, selector map[string]string, taken map[*podTemplate]bool) {
	if !c.templates.in[key.Namespace] || len(c.templates.selected(key.Namespace, selector)) > 0 {
		return
	}
	p := api.Problem{
		Object: key, Path: fmt.Sprintf("spec.versions[%d].selector", i), Reason: api.ReasonVersionEmpty, Severity: api.Warning,
		Message: fmt.Sprintf("version %s selects no Pod, no Workload and no template of Pods", rollout.Spec.Versions[i].Name),
		Hint:    "compare its selector, laid over that of the Service, with their labels",
	}
	c.nearMiss(&p, key.Namespace, selector, taken)
	c.add(p)
}

// overlap looks at two versions. That one selector is part of the other says it for whatever
// there is; otherwise something has to be there that both select.
func (c *checker) overlap(key api.Key, rollout *v1alpha1.Rollout, selectors []map[string]string, i, j int) {
	first, second := &rollout.Spec.Versions[i], &rollout.Spec.Versions[j]
	p := api.Problem{
		Object: key, Path: fmt.Sprintf("spec.versions[%d].selector", j), Reason: api.ReasonVersionsOverlap, Severity: api.Warning,
		Hint:  "give each version a label with a value of its own",
		Other: api.Other{Object: key, Path: fmt.Sprintf("spec.versions[%d].selector", i)},
	}
	switch a, b := selectors[i], selectors[j]; {
	case maps.Equal(first.Selector, second.Selector):
		return // admission says so
	case maps.Equal(a, b):
		p.Message = fmt.Sprintf("laid over the selector of the Service, the versions %s and %s select the same", first.Name, second.Name)
	case contains(b, a):
		p.Message = fmt.Sprintf("all that version %s selects is selected by version %s, too", second.Name, first.Name)
	case contains(a, b):
		p.Message = fmt.Sprintf("all that version %s selects is selected by version %s, too", first.Name, second.Name)
	default:
		both := maps.Clone(a)
		for k, v := range b {
			if have, ok := both[k]; ok && have != v {
				return
			}
			both[k] = v
		}
		shared := c.templates.selected(key.Namespace, both)
		if len(shared) == 0 {
			return
		}
		p.Message = fmt.Sprintf("the versions %s and %s both select %s", first.Name, second.Name, shared[0].key)
		p.Other = api.Other{Object: shared[0].key, Position: shared[0].position}
	}
	c.add(p)
}

// rolloutHold finds Rollouts that give up the old version at once.
func rolloutHold(c *checker) {
	for _, o := range c.of(api.KindRollout) {
		spec := o.Value.(*v1alpha1.Rollout).Spec
		hold, path := (*metav1.Duration)(nil), ""
		switch {
		case spec.BlueGreen != nil:
			hold, path = spec.BlueGreen.HoldOld, "spec.blueGreen.holdOld"
		case spec.Canary != nil:
			hold, path = spec.Canary.HoldOld, "spec.canary.holdOld"
		}
		if hold == nil || hold.Duration > 0 {
			continue
		}
		c.add(api.Problem{
			Object: o.Key, Path: path, Reason: api.ReasonNoWayBack, Severity: api.Warning,
			Message: "the version that had the traffic before is given up at once: there is no instant way back to it",
			Hint:    "leave it out for 10m, or give it the time in which you would notice that the new version is bad",
		})
	}
}
