package admission

import (
	"net/url"

	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// backendTLSPolicy follows https://gateway-api.sigs.k8s.io/api-types/backendtlspolicy/
func (r *report) backendTLSPolicy(p *gatewayv1.BackendTLSPolicy) {
	r.tlsTargets(spec.Child("targetRefs"), p.Spec.TargetRefs)
	at, v := spec.Child("validation"), &p.Spec.Validation
	if v.Hostname == "" {
		r.missing(at.Child("hostname"), "give the name that the certificates of the endpoints are for")
	} else {
		r.hostname(at.Child("hostname"), string(v.Hostname), false)
	}
	refs, known := at.Child("caCertificateRefs"), at.Child("wellKnownCACertificates")
	given := v.WellKnownCACertificates != nil && *v.WellKnownCACertificates != ""
	switch {
	case len(v.CACertificateRefs) > 0 && given:
		r.fail(known, api.ReasonInvalidField, "remove one of the two", "there are %s already", refs)
	case len(v.CACertificateRefs) == 0 && !given:
		r.missing(refs, "refer to a ConfigMap with ca.crt, or set wellKnownCACertificates: System")
	}
	r.atMost(refs, len(v.CACertificateRefs), 8)
	for i, ref := range v.CACertificateRefs {
		r.groupKind(refs.Index(i), string(ref.Group), string(ref.Kind))
		if ref.Name == "" {
			r.missing(refs.Index(i).Child("name"), "name the object")
		}
	}
	names := at.Child("subjectAltNames")
	r.atMost(names, len(v.SubjectAltNames), 5)
	for i, n := range v.SubjectAltNames {
		r.alternativeName(names.Index(i), n)
	}
}

// tlsTargets asks that each target is there once: as a whole, or port by port.
func (r *report) tlsTargets(path *field.Path, refs []gatewayv1.LocalPolicyTargetReferenceWithSectionName) {
	if len(refs) == 0 {
		r.missing(path, "name the Services whose endpoints speak TLS")
	}
	r.atMost(path, len(refs), 16)
	type target struct{ group, kind, name string }
	sections := map[target]map[string]int{}
	for i, ref := range refs {
		r.groupKind(path.Index(i), string(ref.Group), string(ref.Kind))
		if ref.Name == "" {
			r.missing(path.Index(i).Child("name"), "name the object")
			continue
		}
		t, section := target{string(ref.Group), string(ref.Kind), string(ref.Name)}, ""
		if ref.SectionName != nil {
			section = string(*ref.SectionName)
		}
		if first, again := sections[t][section]; again {
			r.duplicate(path.Index(i), path.Index(first), "the target %s %s", ref.Kind, ref.Name)
			continue
		}
		if before := len(sections[t]); before > 0 {
			if _, whole := sections[t][""]; whole || section == "" {
				r.fail(path.Index(i).Child("sectionName"), api.ReasonInvalidField, "give every one of them a sectionName, or keep one without", "%s %s is a target as a whole as well", ref.Kind, ref.Name)
			}
		} else {
			sections[t] = map[string]int{}
		}
		sections[t][section] = i
	}
}

func (r *report) alternativeName(at *field.Path, n gatewayv1.SubjectAltName) {
	switch n.Type {
	case gatewayv1.HostnameSubjectAltNameType:
		if n.Hostname == "" {
			r.missing(at.Child("hostname"), "give the name")
		} else {
			r.hostname(at.Child("hostname"), string(n.Hostname), true)
		}
		if n.URI != "" {
			r.fail(at.Child("uri"), api.ReasonInvalidField, "remove it, or set type: URI", "a name of type Hostname has no URI")
		}
	case gatewayv1.URISubjectAltNameType:
		if u, err := url.Parse(string(n.URI)); err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" && u.Path == "" {
			r.fail(at.Child("uri"), api.ReasonInvalidField, "write a whole URI, such as spiffe://example.com/ns/shop/sa/web", "%q is not an absolute URI", n.URI)
		}
		if n.Hostname != "" {
			r.fail(at.Child("hostname"), api.ReasonInvalidField, "remove it, or set type: Hostname", "a name of type URI has no hostname")
		}
	default:
		r.fail(at.Child("type"), api.ReasonInvalidField, "use Hostname or URI", "%q is not a type of name", n.Type)
	}
}
