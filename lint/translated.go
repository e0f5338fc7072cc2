package lint

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// takeTranslated takes in all that the translator says.
func takeTranslated(c *checker) {
	for _, p := range c.said() {
		c.translated(p)
	}
}

// translated takes in what the translator says. Two things are different when manifests are
// looked at, rather than served. What stands behind a Service is known better here, where the
// templates of Pods are; see selectors.go. And an object that is not in the set may be elsewhere:
// when the set holds nothing of that kind in that namespace, its absence is a warning.
func (c *checker) translated(p api.Problem) {
	switch p.Reason {
	case api.ReasonSelectorMatchesNone, api.ReasonVersionEmpty:
		return
	case api.ReasonBackendNotFound, api.ReasonCertificateNotFound, api.ReasonGatewayClassNotFound, api.ReasonParentNotFound,
		api.ReasonTargetNotFound, api.ReasonRefNotPermitted:
		to := c.referred(p)
		switch {
		case p.Reason == api.ReasonRefNotPermitted && c.invalidIn[kindIn{api.KindReferenceGrant, to.Namespace}]:
			return // a grant that may permit it is there, and what is wrong with it has been said
		case to.Name == "" || c.objects[to] != nil:
		case p.Reason != api.ReasonRefNotPermitted && c.invalid[to]:
			return // it is there, and what is wrong with it has been said
		case c.promised[to] || c.issued(p):
			return // other software makes it
		case p.Reason == api.ReasonRefNotPermitted && !c.namespaces[to.Namespace]:
			lower(&p, fmt.Sprintf("the set holds nothing of namespace %s, where a ReferenceGrant would be", to.Namespace))
		case p.Reason == api.ReasonGatewayClassNotFound && c.holds[kindIn{kind: to.Kind}]:
			c.otherClass(&p, to.Name)
		case p.Reason != api.ReasonRefNotPermitted && !c.holds[kindIn{to.Kind, to.Namespace}]:
			what := fmt.Sprintf("no %s of namespace %s", to.Kind, to.Namespace)
			if api.ClusterScoped(to.Kind) {
				what = "no " + string(to.Kind)
			}
			lower(&p, "the set holds "+what+", so it may be elsewhere")
		}
	case api.ReasonRouteNotAllowed:
		if c.selectsUnknownNamespace(p) {
			lower(&p, "the set does not hold the Namespace, whose labels decide")
		}
	}
	c.add(p)
}

// otherClass judges a GatewayClass that is not among those of the set: it is a slip of the pen where one has
// almost that name, and else most likely another controller's, which came with that.
func (c *checker) otherClass(p *api.Problem, name string) {
	var names []string
	for _, o := range c.of(api.KindGatewayClass) {
		names = append(names, o.Key.Name)
	}
	if near := nearest.Name(name, names); near != "" {
		p.Hint = fmt.Sprintf("did you mean %s?", near)
		return
	}
	lower(p, "it may be installed elsewhere, by another controller")
}

// lower makes a problem a warning, and says why.
func lower(p *api.Problem, why string) {
	p.Severity = api.Warning
	p.Message += "; " + why
}

// referred gives the object that a problem of the translator misses. The zero key is one that it
// does not find.
func (c *checker) referred(p api.Problem) api.Key {
	o := c.objects[p.Object]
	if o == nil {
		return api.Key{}
	}
	switch v := o.Value.(type) {
	case *gatewayv1.Gateway:
		if p.Path == "spec.gatewayClassName" {
			return api.Key{Kind: api.KindGatewayClass, Name: string(v.Spec.GatewayClassName)}
		}
		if ref := certificateRef(v, p.Path); ref != nil {
			return secretKey(v, ref)
		}
	case *gatewayv1.HTTPRoute:
		if ref := parentRef(v, p.Path); ref != nil {
			return api.Key{Kind: api.KindGateway, Namespace: deref(ref.Namespace, v.Namespace), Name: string(ref.Name)}
		}
		if ref := backendRef(v, p.Path); ref != nil {
			return serviceKey(v, ref)
		}
	case *gatewayv1.BackendTLSPolicy:
		var i int
		if n, _ := fmt.Sscanf(p.Path, "spec.targetRefs[%d]", &i); n == 1 && i < len(v.Spec.TargetRefs) {
			return api.Key{Kind: api.KindService, Namespace: v.Namespace, Name: string(v.Spec.TargetRefs[i].Name)}
		}
		refs := v.Spec.Validation.CACertificateRefs
		if n, _ := fmt.Sscanf(p.Path, "spec.validation.caCertificateRefs[%d]", &i); n == 1 && i < len(refs) && refs[i].Kind == "ConfigMap" {
			return api.Key{Kind: api.KindConfigMap, Namespace: v.Namespace, Name: string(refs[i].Name)}
		}
	default:
		if service, ok := targetService(o); ok {
			return service
		}
	}
	return api.Key{}
}

// certificateRef finds a certificateRef by the path of a problem.
func certificateRef(g *gatewayv1.Gateway, path string) *gatewayv1.SecretObjectReference {
	var i, j int
	if n, _ := fmt.Sscanf(path, "spec.listeners[%d].tls.certificateRefs[%d]", &i, &j); n != 2 || i >= len(g.Spec.Listeners) {
		return nil
	}
	tls := g.Spec.Listeners[i].TLS
	if tls == nil || j >= len(tls.CertificateRefs) {
		return nil
	}
	return &tls.CertificateRefs[j]
}

func parentRef(r *gatewayv1.HTTPRoute, path string) *gatewayv1.ParentReference {
	var i int
	if n, _ := fmt.Sscanf(path, "spec.parentRefs[%d]", &i); n != 1 || i >= len(r.Spec.ParentRefs) {
		return nil
	}
	return &r.Spec.ParentRefs[i]
}

func backendRef(r *gatewayv1.HTTPRoute, path string) *gatewayv1.BackendObjectReference {
	var i, j int
	if n, _ := fmt.Sscanf(path, "spec.rules[%d].backendRefs[%d]", &i, &j); n == 2 && i < len(r.Spec.Rules) && j < len(r.Spec.Rules[i].BackendRefs) {
		return &r.Spec.Rules[i].BackendRefs[j].BackendObjectReference
	}
	if n, _ := fmt.Sscanf(path, "spec.rules[%d].filters[%d]", &i, &j); n == 2 && i < len(r.Spec.Rules) && j < len(r.Spec.Rules[i].Filters) {
		if mirror := r.Spec.Rules[i].Filters[j].RequestMirror; mirror != nil {
			return &mirror.BackendRef
		}
	}
	return nil
}

// selectsUnknownNamespace says whether a Gateway chooses the namespaces of its routes by label,
// and the route's is not in the set.
func (c *checker) selectsUnknownNamespace(p api.Problem) bool {
	o := c.objects[p.Object]
	if o == nil || c.objects[api.Key{Kind: api.KindNamespace, Name: p.Object.Namespace}] != nil {
		return false
	}
	gateway := c.objects[c.referred(p)]
	if gateway == nil || gateway.Key.Kind != api.KindGateway {
		return false
	}
	for _, l := range gateway.Value.(*gatewayv1.Gateway).Spec.Listeners {
		if routesFrom(&l) == gatewayv1.NamespacesFromSelector {
			return true
		}
	}
	return false
}
