package lint

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// Owners knows which Gateways and routes of a set are another controller's business: the Gateways whose
// GatewayClass is in the set and names one, and the routes that attach to such Gateways only. What
// gateway-cp does not support may well be right for them. The zero value knows of nothing.
type Owners struct {
	others   map[gatewayv1.ObjectName]bool // GatewayClasses
	gateways map[api.Key]bool              // those of others
	routes   map[api.Key]*gatewayv1.HTTPRoute
}

// NewOwners takes the objects of a set. Refused gives those that are not admitted, as far as they can be
// read; it is only called where there are GatewayClasses of others.
func NewOwners(admitted []*api.Object, refused func() []api.Value) *Owners {
	o := &Owners{others: map[gatewayv1.ObjectName]bool{}, gateways: map[api.Key]bool{}, routes: map[api.Key]*gatewayv1.HTTPRoute{}}
	for _, object := range admitted {
		if class, ok := object.Value.(*gatewayv1.GatewayClass); ok && class.Spec.ControllerName != api.ControllerName {
			o.others[gatewayv1.ObjectName(class.Name)] = true
		}
	}
	if len(o.others) == 0 {
		return o
	}
	for _, object := range admitted {
		o.take(object.Key, object.Value)
	}
	for _, value := range refused() {
		if key, ok := api.KeyOf(value); ok {
			o.take(key, value)
		}
	}
	return o
}

func (o *Owners) take(key api.Key, value api.Value) {
	switch v := value.(type) {
	case *gatewayv1.Gateway:
		if o.others[v.Spec.GatewayClassName] {
			o.gateways[key] = true
		}
	case *gatewayv1.HTTPRoute:
		o.routes[key] = v
	}
}

// IsOthers says whether an object is another controller's business.
func (o *Owners) IsOthers(k api.Key) bool {
	if k.Kind == api.KindGateway {
		return o.gateways[k]
	}
	route := o.routes[k]
	if route == nil || len(route.Spec.ParentRefs) == 0 {
		return false
	}
	for _, ref := range route.Spec.ParentRefs { // defaults may not be set
		isGateway := deref(ref.Group, gatewayv1.GroupName) == gatewayv1.GroupName && deref(ref.Kind, string(api.KindGateway)) == string(api.KindGateway)
		parent := api.Key{Kind: api.KindGateway, Namespace: deref(ref.Namespace, k.Namespace), Name: string(ref.Name)}
		if !isGateway || !o.gateways[parent] {
			return false
		}
	}
	return true
}
