package lint

import (
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// What the fields of objects refer to, as keys. Admission has filled in the defaults.

func deref[T ~string](p *T, otherwise string) string {
	if p == nil {
		return otherwise
	}
	return string(*p)
}

func secretKey(g *gatewayv1.Gateway, ref *gatewayv1.SecretObjectReference) api.Key {
	return api.Key{Kind: api.KindSecret, Namespace: deref(ref.Namespace, g.Namespace), Name: string(ref.Name)}
}

func serviceKey(r *gatewayv1.HTTPRoute, ref *gatewayv1.BackendObjectReference) api.Key {
	return api.Key{Kind: api.KindService, Namespace: deref(ref.Namespace, r.Namespace), Name: string(ref.Name)}
}

// targetService gives the Service that a Rollout, or an EndpointSlice, is about.
func targetService(o *api.Object) (api.Key, bool) {
	k := api.Key{Kind: api.KindService, Namespace: o.Key.Namespace}
	switch v := o.Value.(type) {
	case *v1alpha1.Rollout:
		k.Name = v.Spec.TargetRef.Name
	case *discoveryv1.EndpointSlice:
		k.Name = v.Labels[discoveryv1.LabelServiceName]
	}
	return k, k.Name != ""
}

// routesFrom says which namespaces a listener takes routes from.
func routesFrom(l *gatewayv1.Listener) gatewayv1.FromNamespaces {
	if l.AllowedRoutes == nil || l.AllowedRoutes.Namespaces == nil || l.AllowedRoutes.Namespaces.From == nil {
		return gatewayv1.NamespacesFromSame
	}
	return *l.AllowedRoutes.Namespaces.From
}

// hostnameOf gives the hostname of a listener in lower case; empty: every host.
func hostnameOf(l *gatewayv1.Listener) string { return strings.ToLower(deref(l.Hostname, "")) }

// issued says whether the Secret that a Gateway misses is made from the Gateway itself.
// https://cert-manager.io/docs/usage/gateway/
func (c *checker) issued(p api.Problem) bool {
	o := c.objects[p.Object]
	if o == nil || p.Reason != api.ReasonCertificateNotFound {
		return false
	}
	annotations := o.Value.GetAnnotations()
	return annotations["cert-manager.io/issuer"] != "" || annotations["cert-manager.io/cluster-issuer"] != ""
}
