package translator

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// A BackendPolicy changes what Services have by default: how endpoints are chosen (balancing.go, affinity.go,
// persistence.go), which are healthy (probe.go, resilience.go), and what is tried again (retries.go). Clusters have
// what is about endpoints, routes what is about requests; so it holds on every way to the Service.

// indexPolicyTarget finds BackendPolicies and BackendTLSPolicies by the Services that they target: every Service
// is asked for them, and with one answer for both kinds that takes half the memory.
const indexPolicyTarget index = "policies by Service"

func backendPolicyLookups(o *api.Object) []lookup {
	var all []lookup
	for _, t := range o.Value.(*v1alpha1.BackendPolicy).Spec.TargetRefs {
		all = append(all, lookup{indexPolicyTarget, o.Key.Namespace, t.Name})
	}
	return all
}

// policy is what is asked for a Service port. It is never nil, and never changed.
type policy = *v1alpha1.BackendPolicySpec

// noPolicy asks for nothing.
var noPolicy policy = &v1alpha1.BackendPolicySpec{}

// policyOf gives the policy in effect for a Service port.
func policyOf(r *Reader, service *corev1.Service, port *corev1.ServicePort) policy {
	if p, _ := policyFor(r, service.Namespace, service.Name, port); p != nil {
		return &p.Spec
	}
	return noPolicy
}

// policyOrigin is where the policy of a Service port comes from; nothing where there is none.
func policyOrigin(r *Reader, service *corev1.Service, port *corev1.ServicePort) []Origin {
	p, _ := policyFor(r, service.Namespace, service.Name, port)
	if p == nil {
		return nil
	}
	return []Origin{{api.Key{Kind: api.KindBackendPolicy, Namespace: p.Namespace, Name: p.Name}, "spec"}}
}

// policyFor gives the policy in effect for a port of a Service, or nil, and whether it names the port. Without
// a port, it is the one for the whole Service.
func policyFor(r *Reader, namespace, service string, port *corev1.ServicePort) (found *v1alpha1.BackendPolicy, section bool) {
	for _, o := range r.list(indexPolicyTarget, namespace, service) {
		p, ok := o.Value.(*v1alpha1.BackendPolicy)
		if !ok {
			continue
		}
		for _, t := range p.Spec.TargetRefs {
			named := t.SectionName != ""
			switch {
			case t.Name != service || named && (port == nil || !isSection(port, t.SectionName)):
			case found == nil, named && !section, named == section && p.CreationTimestamp.Before(&found.CreationTimestamp):
				found, section = p, named
			}
		}
	}
	return found, section
}

// isSection says whether a sectionName means a port.
func isSection(port *corev1.ServicePort, section string) bool {
	return port.Name == section || portString(port.Port) == section
}

// sectionPort finds the port of a Service that a sectionName means, or nil.
func sectionPort(service *corev1.Service, section string) *corev1.ServicePort {
	for i := range service.Spec.Ports {
		if p := &service.Spec.Ports[i]; isSection(p, section) {
			return p
		}
	}
	return nil
}

// backendPolicyCalls gives the units of a BackendPolicy: what is wrong with it together with its Services.
func backendPolicyCalls(o *api.Object) []Unit {
	return []Unit{{Feature: backendPolicyCheck, Namespace: o.Key.Namespace, Name: o.Key.Name}}
}

// backendPolicyCheck says when a BackendPolicy, or part of it, has no effect because of what it targets.
var backendPolicyCheck = &Feature{Name: "backend policy check", Build: buildBackendPolicyCheck}

func buildBackendPolicyCheck(r *Reader, u Unit) Result {
	p := read[*v1alpha1.BackendPolicy](r, api.KindBackendPolicy, u.Namespace, u.Name)
	if p == nil {
		return Result{}
	}
	c := policyCheck{r: r, policy: p}
	for i := range p.Spec.TargetRefs {
		c.target(i)
	}
	return Result{Problems: c.problems}
}

// policyCheck collects what is wrong with a policy.
type policyCheck struct {
	r        *Reader
	policy   *v1alpha1.BackendPolicy
	problems []api.Problem
}

func (c *policyCheck) problem(severity api.Severity, reason api.Reason, path, message, hint string) *api.Problem {
	c.problems = append(c.problems, api.Problem{
		Object: api.Key{Kind: api.KindBackendPolicy, Namespace: c.policy.Namespace, Name: c.policy.Name},
		Path:   path, Reason: reason, Severity: severity, Message: message, Hint: hint,
	})
	return &c.problems[len(c.problems)-1]
}

func (c *policyCheck) target(i int) {
	t := &c.policy.Spec.TargetRefs[i]
	path := fmt.Sprintf("spec.targetRefs[%d]", i)
	service := read[*corev1.Service](c.r, api.KindService, c.policy.Namespace, t.Name)
	if service == nil {
		c.problem(api.Error, api.ReasonTargetNotFound, path+".name", "there is no Service "+c.policy.Namespace+"/"+t.Name,
			"the policy has no effect on it until it exists; check the name")
		return
	}
	var port *corev1.ServicePort
	if t.SectionName != "" {
		if port = sectionPort(service, t.SectionName); port == nil {
			c.problem(api.Error, api.ReasonPortNotFound, path+".sectionName", fmt.Sprintf("Service %s has no port %q", t.Name, t.SectionName),
				"use the name or the number of one of its ports: it has "+portList(service))
			return
		}
	}
	if other, section := policyFor(c.r, c.policy.Namespace, t.Name, port); other != nil && other != c.policy && section == (port != nil) {
		what := "Service " + t.Name
		if port != nil {
			what = "port " + t.SectionName + " of " + what
		}
		p := c.problem(api.Error, api.ReasonTargetConflict, path, fmt.Sprintf("BackendPolicy %s/%s is in effect for %s already", other.Namespace, other.Name, what),
			"the older policy wins, then the first by name; policies are not merged: put all into one")
		p.Other = api.Other{Object: api.Key{Kind: api.KindBackendPolicy, Namespace: other.Namespace, Name: other.Name}, Path: "spec.targetRefs"}
		return
	}
	c.combination(service, port)
}

// combination says what of the policy does not fit the ports of a Service that it is in effect for.
func (c *policyCheck) combination(service *corev1.Service, only *corev1.ServicePort) {
	sp := &c.policy.Spec
	if lb := sp.LoadBalancer; lb != nil && service.Spec.SessionAffinity == corev1.ServiceAffinityClientIP && !bySourceIP(balancerOf(service, sp)) {
		c.problem(api.Warning, api.ReasonUnsupportedField, "spec.loadBalancer",
			fmt.Sprintf("Service %s asks for sessionAffinity ClientIP, which this load balancer does not keep: the policy wins", service.Name),
			"use ConsistentHash of SourceIP, or take sessionAffinity out of the Service")
	}
	if activeCheck(sp) != nil && isExternal(service) {
		c.problem(api.Warning, api.ReasonUnsupportedField, "spec.healthCheck.active",
			fmt.Sprintf("Service %s is of type ExternalName: the servers behind it are not checked", service.Name),
			"use healthCheck.passive, which leaves out servers that fail")
		return
	}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if only != nil && port != only || policyOf(c.r, service, port) != sp {
			continue
		}
		if a := activeCheck(sp); a != nil && a.Type == v1alpha1.HealthCheckGRPC && !speaksHTTP2(port.AppProtocol) {
			c.problem(api.Error, api.ReasonProbeUnsupported, "spec.healthCheck.active.type",
				fmt.Sprintf("port %d of Service %s does not speak HTTP/2, so its endpoints are not checked", port.Port, service.Name),
				"set the port's appProtocol to kubernetes.io/h2c, name another port in targetRefs, or use type HTTP or TCP")
		}
	}
}

// activeCheck is the health check that a policy asks for, or nil.
func activeCheck(p policy) *v1alpha1.ActiveHealthCheck {
	if p.HealthCheck == nil {
		return nil
	}
	return p.HealthCheck.Active
}
