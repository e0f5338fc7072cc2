package admission

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// grantable are the kinds that a ReferenceGrant of the two groups can mean: from routes and
// listeners of the Gateway API, to core objects. Other groups are other software's.
var grantable = map[string][]string{
	gatewayv1.GroupName: {"Gateway", "GRPCRoute", "HTTPRoute", "ListenerSet", "TCPRoute", "TLSRoute", "UDPRoute", "BackendTLSPolicy"},
	"":                  {"ConfigMap", "Secret", "Service"},
}

// grantKind warns of a group and kind that no reference has, so that nothing is granted.
func (r *report) grantKind(at *field.Path, group, kind string) {
	if group == "core" || group == "v1" {
		r.warn(at.Child("group"), api.ReasonInvalidField, `write group: ""`, "the group of Services and Secrets is written as the empty text, not %q", group)
		return
	}
	kinds, known := grantable[group]
	if !known || kind == "" || slices.Contains(kinds, kind) {
		return
	}
	for _, other := range []string{gatewayv1.GroupName, ""} {
		if slices.Contains(grantable[other], kind) {
			r.warn(at.Child("group"), api.ReasonInvalidField, "write group: \""+other+"\"", "%s is not of group %q", kind, group)
			return
		}
	}
	r.warn(at.Child("kind"), api.ReasonInvalidField, "of group \""+group+"\", use one of "+strings.Join(kinds, ", "),
		"%q is not a kind that refers, or is referred to, across namespaces", kind)
}

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
		r.grantKind(at, string(f.Group), string(f.Kind))
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
		r.grantKind(at, string(t.Group), string(t.Kind))
		if t.Name != nil && *t.Name == "" {
			r.missing(at.Child("name"), "name the object, or leave the field out to mean all of the kind")
		}
	}
}
