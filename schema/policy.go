package schema

import (
	"slices"
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
		at := spec.field("validations").item(i)
		if strings.TrimSpace(v.Expression) == "" {
			r.missing(at.field("expression"), "")
		}
		if v.Reason != nil {
			r.oneOf(at.field("reason"), string(*v.Reason), "Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge")
		}
	}
	if o.Spec.FailurePolicy != nil {
		r.oneOf(spec.field("failurePolicy"), string(*o.Spec.FailurePolicy), "Fail", "Ignore")
	}
	if o.Spec.ParamKind != nil && (o.Spec.ParamKind.APIVersion == "" || o.Spec.ParamKind.Kind == "") {
		r.missing(spec.field("paramKind"), "give apiVersion and kind")
	}
	if m := o.Spec.MatchConstraints; m == nil || len(m.ResourceRules) == 0 {
		r.missing(spec.field("matchConstraints").field("resourceRules"), "say what the policy is for")
	} else {
		r.matchResources(spec.field("matchConstraints"), m)
	}
}

func (r *report) admissionPolicyBinding(o *admissionv1.ValidatingAdmissionPolicyBinding) {
	r.optionalName(spec.field("policyName"), o.Spec.PolicyName, subdomain)
	seen := make(map[admissionv1.ValidationAction]bool)
	for i, a := range o.Spec.ValidationActions {
		at := spec.field("validationActions").item(i)
		r.oneOf(at, string(a), "Audit", "Deny", "Warn")
		if seen[a] {
			r.invalid(at, "remove one of the two", "%q is there twice", a)
		}
		seen[a] = true
	}
	if o.Spec.MatchResources != nil {
		r.matchResources(spec.field("matchResources"), o.Spec.MatchResources)
	}
}

func (r *report) matchResources(p *path, m *admissionv1.MatchResources) {
	for i, rule := range m.ResourceRules {
		at := p.field("resourceRules").item(i)
		operations := make([]string, len(rule.Operations))
		for j, o := range rule.Operations {
			operations[j] = string(o)
			r.oneOf(at.field("operations").item(j), string(o), "*", "CREATE", "UPDATE", "DELETE", "CONNECT")
		}
		r.someOf(at.field("apiGroups"), rule.APIGroups, true)
		r.someOf(at.field("apiVersions"), rule.APIVersions, false)
		r.someOf(at.field("resources"), rule.Resources, false)
		r.someOf(at.field("operations"), operations, true)
	}
}

// someOf checks a list that is not empty, nor has empty entries, save where those mean something.
func (r *report) someOf(p *path, list []string, empty bool) {
	if len(list) == 0 {
		r.missing(p, "list at least one, or *")
	}
	for i, s := range list {
		if s == "" && !empty {
			r.missing(p.item(i), "")
		}
	}
}

func (r *report) oneOf(p *path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		r.notAllowed(p, value, allowed)
	}
}
