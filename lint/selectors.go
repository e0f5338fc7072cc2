package lint

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api"
)

// serviceSelectors finds Services that select nothing, or nothing with the port that they name.
// Pods are made by Deployments and their like, so their templates count. Where the set holds
// nothing at all in a namespace that could be selected, it is not there to be found.
func serviceSelectors(c *checker) {
	for _, o := range c.of(api.KindService) {
		service := o.Value.(*corev1.Service)
		if len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName ||
			!c.templates.in[o.Key.Namespace] || c.addressed[o.Key] {
			continue
		}
		selected := c.templates.selected(o.Key.Namespace, service.Spec.Selector)
		if len(selected) == 0 {
			p := api.Problem{
				Object: o.Key, Path: "spec.selector", Reason: api.ReasonSelectorMatchesNone, Severity: api.Warning,
				Message: "selects no Pod, no Workload and no template of Pods: requests are answered 503",
				Hint:    "compare it with their labels; they must be in the same namespace",
			}
			c.nearMiss(&p, o.Key.Namespace, service.Spec.Selector, nil)
			c.add(p)
			continue
		}
		c.targetPorts(o.Key, service, selected)
	}
}

// nearMiss points at what a selector that selects nothing comes closest to, of what is not taken.
func (c *checker) nearMiss(p *api.Problem, namespace string, selector map[string]string, taken map[*podTemplate]bool) {
	near, lacks := c.templates.nearest(namespace, selector, taken)
	if near == nil {
		return
	}
	have := "no such label"
	if v, ok := near.labels[lacks]; ok {
		have = lacks + ": " + v
	}
	p.Message += fmt.Sprintf(". %s comes close, but has %s", near.key, have)
	p.Hint = fmt.Sprintf("is %s: %s meant?", lacks, selector[lacks])
	if have != "no such label" {
		p.Hint = "write " + have + " in the selector, or change the label"
	}
	p.Other = api.Other{Object: near.key, Position: near.position}
}

// targetPorts asks that a port which is named is there. Of Pods and Workloads the translator says
// so, and numbers need not be listed.
func (c *checker) targetPorts(key api.Key, service *corev1.Service, selected []*podTemplate) {
	for i, port := range service.Spec.Ports {
		if port.TargetPort.Type != intstr.String {
			continue
		}
		found := false
		for _, t := range selected {
			found = found || !t.template || t.ports[port.TargetPort.StrVal]
		}
		if found {
			continue
		}
		c.add(api.Problem{
			Object: key, Path: fmt.Sprintf("spec.ports[%d].targetPort", i), Reason: api.ReasonPortNotFound, Severity: api.Warning,
			Message: fmt.Sprintf("%s has no container port named %q, and neither has anything else behind the Service: requests are answered 503",
				selected[0].key, port.TargetPort.StrVal),
			Hint:  "name the port there, or use its number",
			Other: api.Other{Object: selected[0].key, Position: selected[0].position},
		})
	}
}
