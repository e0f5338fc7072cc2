package translator

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// tlsPolicyCheck says what of a BackendTLSPolicy has no effect, or lets no connection come about.
var tlsPolicyCheck = &Feature{Name: "backend TLS policy check", Build: checkTLSPolicy}

func tlsPolicyCalls(o *api.Object) []Unit {
	return []Unit{{Feature: tlsPolicyCheck, Namespace: o.Key.Namespace, Name: o.Key.Name}}
}

func checkTLSPolicy(r *Reader, u Unit) Result {
	policy := read[*gatewayv1.BackendTLSPolicy](r, api.KindBackendTLSPolicy, u.Namespace, u.Name)
	if policy == nil {
		return Result{}
	}
	var problems []api.Problem
	problem := func(severity api.Severity, reason api.Reason, path, message, hint string) *api.Problem {
		problems = append(problems, api.Problem{
			Object: api.Key{Kind: api.KindBackendTLSPolicy, Namespace: u.Namespace, Name: u.Name},
			Path:   path, Reason: reason, Severity: severity, Message: message, Hint: hint,
		})
		return &problems[len(problems)-1]
	}
	for i := range policy.Spec.TargetRefs {
		checkTLSTarget(r, policy, i, problem)
	}
	v := &policy.Spec.Validation
	for i := range v.CACertificateRefs {
		if _, why := authority(r, u.Namespace, &v.CACertificateRefs[i]); why != "" {
			problem(api.Error, api.ReasonCertificateNotFound, fmt.Sprintf("spec.validation.caCertificateRefs[%d]", i), why,
				"while no reference leads to an authority, requests to the targets are answered 503")
		}
	}
	if w := valueOr(v.WellKnownCACertificates, ""); len(v.CACertificateRefs) == 0 && w != gatewayv1.WellKnownCACertificatesSystem {
		problem(api.Error, api.ReasonUnsupportedField, "spec.validation.wellKnownCACertificates",
			fmt.Sprintf("%q are not known here: requests to the targets are answered 503", w), "use System, or refer to a ConfigMap")
	}
	for name := range policy.Spec.Options {
		problem(api.Warning, api.ReasonUnsupportedField, fmt.Sprintf("spec.options[%s]", name), "the option has no effect", "remove it")
	}
	return Result{Problems: problems}
}

func checkTLSTarget(r *Reader, policy *gatewayv1.BackendTLSPolicy, i int, problem func(api.Severity, api.Reason, string, string, string) *api.Problem) {
	ref, path := &policy.Spec.TargetRefs[i], fmt.Sprintf("spec.targetRefs[%d]", i)
	if !forService(ref) {
		problem(api.Warning, api.ReasonUnsupportedField, path+".kind", fmt.Sprintf("the policy has no effect on a %s", ref.Kind), "name a Service")
		return
	}
	service := read[*corev1.Service](r, api.KindService, policy.Namespace, string(ref.Name))
	if service == nil {
		problem(api.Error, api.ReasonTargetNotFound, path+".name", fmt.Sprintf("there is no Service %s/%s", policy.Namespace, ref.Name), "the policy has no effect until it exists; check the name")
		return
	}
	section, found := string(valueOr(ref.SectionName, "")), false
	for _, p := range servedPorts(service) {
		if section != "" && p.Name != section {
			continue
		}
		found = true
		other, at := tlsPolicyOf(r, service, p)
		if other == nil || other.Name == policy.Name {
			continue
		}
		if named := other.Spec.TargetRefs[at].SectionName; section == "" && valueOr(named, "") != "" {
			continue // it is for this port alone, and so it shall be
		}
		key := api.Key{Kind: api.KindBackendTLSPolicy, Namespace: other.Namespace, Name: other.Name}
		problem(api.Error, api.ReasonTargetConflict, path, fmt.Sprintf("%s is already for port %d of Service %s", key, p.Port, ref.Name),
			"the older policy wins, then the first by name; delete one of the two").Other = api.Other{Object: key, Path: fmt.Sprintf("spec.targetRefs[%d]", at)}
		return
	}
	if !found {
		problem(api.Error, api.ReasonPortNotFound, path+".sectionName", fmt.Sprintf("Service %s has no TCP port called %q", ref.Name, section), "it has "+portNames(service))
	}
}

func portNames(service *corev1.Service) string {
	names := ""
	for _, p := range servedPorts(service) {
		if p.Name != "" {
			names += " " + p.Name
		}
	}
	if names == "" {
		return "no ports with names: leave sectionName out"
	}
	return "those called" + names
}
