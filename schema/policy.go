package schema

import (
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (r *report) podDisruptionBudget(b *policyv1.PodDisruptionBudget) {
	if b.Spec.MinAvailable != nil && b.Spec.MaxUnavailable != nil {
		r.invalid(spec, "remove one of them", "has both minAvailable and maxUnavailable")
	}
	r.countOrPercent(spec.field("minAvailable"), b.Spec.MinAvailable)
	r.countOrPercent(spec.field("maxUnavailable"), b.Spec.MaxUnavailable)
	r.selector(spec.field("selector"), b.Spec.Selector)
}

func (r *report) countOrPercent(p *path, v *intstr.IntOrString) {
	switch {
	case v == nil:
	case v.Type == intstr.Int:
		r.atLeast(p, &v.IntVal, 0)
	case len(validation.IsValidPercent(v.StrVal)) > 0 || len(strings.TrimSuffix(v.StrVal, "%")) > 2 && v.StrVal != "100%":
		r.invalid(p, "use a number, or a percentage from 0% to 100%", "%q is not a number of Pods", v.StrVal)
	}
}

func (r *report) horizontalPodAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	least := int32(1)
	if h.Spec.MinReplicas != nil {
		least = *h.Spec.MinReplicas
		r.atLeast(spec.field("minReplicas"), h.Spec.MinReplicas, 1)
	}
	switch n := h.Spec.MaxReplicas; {
	case n < 1:
		r.atLeast(spec.field("maxReplicas"), &n, 1)
	case n < least:
		r.invalid(spec.field("maxReplicas"), "raise it, or lower minReplicas", "is %d, less than minReplicas %d", n, least)
	}
	if h.Spec.ScaleTargetRef.Name == "" {
		r.missing(spec.field("scaleTargetRef").field("name"), "")
	}
	if h.Spec.ScaleTargetRef.Kind == "" {
		r.missing(spec.field("scaleTargetRef").field("kind"), "such as Deployment")
	}
}

func (r *report) admissionPolicy(o *admissionv1.ValidatingAdmissionPolicy) {
	if len(o.Spec.Validations)+len(o.Spec.AuditAnnotations) == 0 {
		r.missing(spec.field("validations"), "add validations or auditAnnotations")
	}
	for i, v := range o.Spec.Validations {
		if strings.TrimSpace(v.Expression) == "" {
			r.missing(spec.field("validations").item(i).field("expression"), "")
		}
	}
	if o.Spec.ParamKind != nil && (o.Spec.ParamKind.APIVersion == "" || o.Spec.ParamKind.Kind == "") {
		r.missing(spec.field("paramKind"), "give apiVersion and kind")
	}
	m := o.Spec.MatchConstraints
	if m == nil || len(m.ResourceRules) == 0 {
		r.missing(spec.field("matchConstraints").field("resourceRules"), "say what the policy is for")
		return
	}
	for i, rule := range m.ResourceRules {
		at := spec.field("matchConstraints").field("resourceRules").item(i)
		for name, n := range map[string]int{
			"apiGroups": len(rule.APIGroups), "apiVersions": len(rule.APIVersions), "resources": len(rule.Resources), "operations": len(rule.Operations),
		} {
			if n == 0 {
				r.missing(at.field(name), "list at least one, or *")
			}
		}
	}
}
