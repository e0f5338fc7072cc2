package admission

import gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

// referenceGrant follows https://gateway-api.sigs.k8s.io/api-types/referencegrant/
func (r *report) referenceGrant(g *gatewayv1.ReferenceGrant) {
	from, to := spec.Child("from"), spec.Child("to")
	if len(g.Spec.From) == 0 {
		r.missing(from, "say which kinds in which namespaces may refer to objects here")
	}
	r.atMost(from, len(g.Spec.From), 16)
	for i, f := range g.Spec.From {
		at := from.Index(i)
		r.groupKind(at, string(f.Group), string(f.Kind))
		if f.Namespace == "" {
			r.missing(at.Child("namespace"), "name the namespace that references come from")
		} else {
			r.name(at.Child("namespace"), string(f.Namespace), true)
		}
	}
	if len(g.Spec.To) == 0 {
		r.missing(to, "say which kinds may be referred to")
	}
	r.atMost(to, len(g.Spec.To), 16)
	for i, t := range g.Spec.To {
		at := to.Index(i)
		r.groupKind(at, string(t.Group), string(t.Kind))
		if t.Name != nil && *t.Name == "" {
			r.missing(at.Child("name"), "name the object, or leave the field out to mean all of the kind")
		}
	}
}
