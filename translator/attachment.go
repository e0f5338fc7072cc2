package translator

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// A route is attached to a listener when it refers to it, the listener allows it, and their
// hostnames have something in common:
// https://gateway-api.sigs.k8s.io/concepts/api-overview/#attaching-routes-to-gateways

// refersTo says whether a parentRef to a Gateway means this listener of it.
func refersTo(ref *gatewayv1.ParentReference, l *gatewayv1.Listener) bool {
	return (valueOr(ref.SectionName, "") == "" || *ref.SectionName == l.Name) && (ref.Port == nil || *ref.Port == l.Port)
}

// allows says whether a listener takes HTTPRoutes from a namespace.
func allows(r *Reader, gateway *gatewayv1.Gateway, l *gatewayv1.Listener, namespace string) bool {
	return allowsHTTPRoutes(l) && allowsNamespace(r, gateway, l, namespace)
}

func allowsHTTPRoutes(l *gatewayv1.Listener) bool {
	if l.Protocol != gatewayv1.HTTPProtocolType && l.Protocol != gatewayv1.HTTPSProtocolType {
		return false
	}
	return l.AllowedRoutes == nil || len(l.AllowedRoutes.Kinds) == 0 || slices.ContainsFunc(l.AllowedRoutes.Kinds, isHTTPRoute)
}

// supportedKinds gives the kinds of routes that may be attached to a listener, of those that
// are supported.
func supportedKinds(l *gatewayv1.Listener) []gatewayv1.RouteGroupKind {
	if !allowsHTTPRoutes(l) {
		return nil
	}
	group := gatewayv1.Group(gatewayv1.GroupName)
	return []gatewayv1.RouteGroupKind{{Group: &group, Kind: gatewayv1.Kind(api.KindHTTPRoute)}}
}

func isHTTPRoute(k gatewayv1.RouteGroupKind) bool {
	return valueOr(k.Group, gatewayv1.GroupName) == gatewayv1.GroupName && string(k.Kind) == string(api.KindHTTPRoute)
}

func allowsNamespace(r *Reader, gateway *gatewayv1.Gateway, l *gatewayv1.Listener, namespace string) bool {
	from, namespaces := gatewayv1.NamespacesFromSame, (*gatewayv1.RouteNamespaces)(nil)
	if l.AllowedRoutes != nil {
		namespaces = l.AllowedRoutes.Namespaces
	}
	if namespaces != nil {
		from = valueOr(namespaces.From, from)
	}
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return namespace == gateway.Namespace
	case gatewayv1.NamespacesFromSelector:
		n := read[*corev1.Namespace](r, api.KindNamespace, "", namespace)
		return n != nil && namespaces.Selector != nil && v1alpha1.Selects(namespaces.Selector, n.Labels)
	}
	return false
}

// attaches says whether a route is attached to a listener through any of its parentRefs.
func attaches(r *Reader, gateway *gatewayv1.Gateway, listener int, route *gatewayv1.HTTPRoute) bool {
	l := &gateway.Spec.Listeners[listener]
	refers := false
	for i := range route.Spec.ParentRefs {
		ref := &route.Spec.ParentRefs[i]
		key, ok := parentGateway(route, ref)
		refers = refers || ok && key.Namespace == gateway.Namespace && key.Name == gateway.Name && refersTo(ref, l)
	}
	return refers && allows(r, gateway, l, route.Namespace) && meets(hostnameOf(l), route)
}

// meets says whether a listener's hostname and those of a route have something in common. It
// is called for each route of a Gateway when one of them changes, and allocates nothing.
func meets(listener string, route *gatewayv1.HTTPRoute) bool {
	for _, h := range route.Spec.Hostnames {
		h := strings.ToLower(string(h))
		if covers(listener, h) || covers(h, listener) {
			return true
		}
	}
	return len(route.Spec.Hostnames) == 0
}
