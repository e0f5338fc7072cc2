package schema

import (
	rbacv1 "k8s.io/api/rbac/v1"
)

func (r *report) role(o *rbacv1.Role)               { r.policyRules(o.Rules, true) }
func (r *report) clusterRole(o *rbacv1.ClusterRole) { r.policyRules(o.Rules, false) }

func (r *report) policyRules(rules []rbacv1.PolicyRule, namespaced bool) {
	for i, rule := range rules {
		at := new(path).field("rules").item(i)
		if len(rule.Verbs) == 0 {
			r.missing(at.field("verbs"), "list verbs, such as get, or *")
		}
		if len(rule.NonResourceURLs) > 0 {
			switch {
			case namespaced:
				r.invalid(at.field("nonResourceURLs"), "use a ClusterRole", "are not in a namespace")
			case len(rule.APIGroups)+len(rule.Resources)+len(rule.ResourceNames) > 0:
				r.invalid(at.field("nonResourceURLs"), "make two rules", "cannot be in one rule with resources")
			}
			continue
		}
		if len(rule.APIGroups) == 0 {
			r.missing(at.field("apiGroups"), `list API groups; the core group is ""`)
		}
		if len(rule.Resources) == 0 {
			r.missing(at.field("resources"), "list resources, such as pods")
		}
	}
}

func (r *report) roleBinding(b *rbacv1.RoleBinding) {
	r.roleRef(b.RoleRef, "Role", "ClusterRole")
	r.subjects(b.Subjects, true)
}

func (r *report) clusterRoleBinding(b *rbacv1.ClusterRoleBinding) {
	r.roleRef(b.RoleRef, "ClusterRole")
	r.subjects(b.Subjects, false)
}

func (r *report) roleRef(ref rbacv1.RoleRef, kinds ...string) {
	at := new(path).field("roleRef")
	if ref.APIGroup != "" && ref.APIGroup != rbacv1.GroupName {
		r.invalid(at.field("apiGroup"), "use "+rbacv1.GroupName, "%q is not the group of roles", ref.APIGroup)
	}
	known := false
	for _, k := range kinds {
		known = known || ref.Kind == k
	}
	if !known {
		r.invalid(at.field("kind"), "use "+orList(kinds), "%q cannot be bound here", ref.Kind)
	}
	if ref.Name == "" {
		r.missing(at.field("name"), "")
		return
	}
	r.name(at.field("name"), ref.Name, segment)
}

// subjects checks who a role is given to. In a RoleBinding, its own namespace is the default.
func (r *report) subjects(subjects []rbacv1.Subject, namespaced bool) {
	for i, s := range subjects {
		at := new(path).field("subjects").item(i)
		if s.Name == "" {
			r.missing(at.field("name"), "")
			continue
		}
		group := rbacv1.GroupName
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			group = ""
			r.name(at.field("name"), s.Name, subdomain)
			if s.Namespace == "" && !namespaced {
				r.missing(at.field("namespace"), "say which namespace the ServiceAccount is in")
			}
		case rbacv1.UserKind, rbacv1.GroupKind:
		default:
			r.invalid(at.field("kind"), "use ServiceAccount, User or Group", "%q is not a kind of subject", s.Kind)
			continue
		}
		if s.APIGroup != "" && s.APIGroup != group {
			r.invalid(at.field("apiGroup"), "leave it out", "%q is not the group of a %s", s.APIGroup, s.Kind)
		}
	}
}
