package translator

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// indexGrantFrom finds ReferenceGrants by their own namespace and by who may refer to objects
// there: "HTTPRoute shop".
const indexGrantFrom index = "reference grants by origin"

func referenceGrantLookups(o *api.Object) []lookup {
	var all []lookup
	for _, from := range o.Value.(*gatewayv1.ReferenceGrant).Spec.From {
		if from.Group == gatewayv1.GroupName {
			all = append(all, lookup{indexGrantFrom, o.Key.Namespace, grantOrigin(api.Kind(from.Kind), string(from.Namespace))})
		}
	}
	return all
}

func grantOrigin(kind api.Kind, namespace string) string { return string(kind) + " " + namespace }

// mayRefer says whether an object of a Gateway API kind may refer to an object of a core kind
// (a Service, a Secret). Within a namespace it always may.
// https://gateway-api.sigs.k8s.io/api-types/referencegrant/
func mayRefer(r *Reader, from, to api.Key) bool {
	if from.Namespace == to.Namespace {
		return true
	}
	for _, o := range r.list(indexGrantFrom, to.Namespace, grantOrigin(from.Kind, from.Namespace)) {
		for _, t := range o.Value.(*gatewayv1.ReferenceGrant).Spec.To {
			if t.Group == "" && string(t.Kind) == string(to.Kind) && (t.Name == nil || string(*t.Name) == to.Name) {
				return true
			}
		}
	}
	return false
}

// grantHint says how to permit a reference.
func grantHint(from, to api.Key) string {
	return "create a ReferenceGrant in namespace " + to.Namespace + " from " + string(from.Kind) + " in " + from.Namespace + " to " + string(to.Kind)
}
