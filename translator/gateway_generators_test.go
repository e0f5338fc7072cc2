package translator

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// gatewayGenerators make random objects that have to do with Gateways.
func gatewayGenerators() []func(*rapid.T) api.Value {
	return []func(*rapid.T) api.Value{
		genGatewayClass, genGatewayClass, genGateway, genGateway, genGateway,
		genHTTPRoute, genHTTPRoute, genHTTPRoute, genReferenceGrant, genSecret, genNamespace,
	}
}

func some[T any](t *rapid.T, what string, from ...T) *T {
	if !maybe(t, what) {
		return nil
	}
	v := pick(t, what, from...)
	return &v
}

// genAge gives one of two creation times, or none, as objects from files have.
func genAge(t *rapid.T, m *metav1.ObjectMeta) {
	if n := rapid.IntRange(0, 2).Draw(t, "age"); n > 0 {
		m.CreationTimestamp = metav1.NewTime(time.Unix(int64(n), 0))
	}
}

func genGatewayClass(t *rapid.T) api.Value {
	c := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: pick(t, "name", "ours", "edge")}}
	c.Spec.ControllerName = pick(t, "controller", api.ControllerName, api.ControllerName, api.ControllerName, "example.com/other")
	if maybe(t, "parameters") {
		c.Spec.ParametersRef = &gatewayv1.ParametersReference{
			Group: "gateway-cp.io",
			Kind:  pick[gatewayv1.Kind](t, "kind", "Fleet", "Fleet", "Fleet", "ConfigMap"),
			Name:  pick(t, "fleet", "default", "edge", "missing"),
		}
	}
	return c
}

func genHostname(t *rapid.T) gatewayv1.Hostname {
	return pick[gatewayv1.Hostname](t, "hostname", "a.example.com", "b.example.com", "*.example.com", "*.com", "a.b.example.com")
}

func genGateway(t *rapid.T) api.Value {
	g := &gatewayv1.Gateway{ObjectMeta: genMeta(t, "a", "b")}
	genAge(t, &g.ObjectMeta)
	g.Spec.GatewayClassName = pick[gatewayv1.ObjectName](t, "class", "ours", "ours", "ours", "edge")
	for range rapid.IntRange(0, 2).Draw(t, "addresses") {
		g.Spec.Addresses = append(g.Spec.Addresses, gatewayv1.GatewaySpecAddress{
			Type:  some(t, "type", gatewayv1.IPAddressType, gatewayv1.HostnameAddressType),
			Value: pick(t, "address", "10.1.1.1", "0.0.0.0", "::"),
		})
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "listeners") {
		l := gatewayv1.Listener{
			Name:     gatewayv1.SectionName(fmt.Sprintf("l%d", i)),
			Port:     pick[int32](t, "port", 80, 80, 443, 10080),
			Protocol: pick(t, "protocol", gatewayv1.HTTPProtocolType, gatewayv1.HTTPProtocolType, gatewayv1.HTTPSProtocolType, gatewayv1.TCPProtocolType),
		}
		if l.Protocol != gatewayv1.TCPProtocolType && maybe(t, "hostname given") {
			h := genHostname(t)
			l.Hostname = &h
		}
		if l.Protocol == gatewayv1.HTTPSProtocolType {
			l.TLS = &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{
				Name: "cert", Namespace: some[gatewayv1.Namespace](t, "namespace", "shop", "default"),
			}}}
		}
		if maybe(t, "allowed routes") {
			l.AllowedRoutes = genAllowedRoutes(t)
		}
		g.Spec.Listeners = append(g.Spec.Listeners, l)
	}
	return g
}

func genAllowedRoutes(t *rapid.T) *gatewayv1.AllowedRoutes {
	a := &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{
		From:     some(t, "from", gatewayv1.NamespacesFromAll, gatewayv1.NamespacesFromSame, gatewayv1.NamespacesFromSelector),
		Selector: &metav1.LabelSelector{MatchLabels: genLabels(t)},
	}}
	for range rapid.IntRange(0, 2).Draw(t, "kinds") {
		a.Kinds = append(a.Kinds, gatewayv1.RouteGroupKind{Kind: pick[gatewayv1.Kind](t, "kind", "HTTPRoute", "TCPRoute")})
	}
	return a
}

func genHTTPRoute(t *rapid.T) api.Value {
	h := &gatewayv1.HTTPRoute{ObjectMeta: genMeta(t, "r1", "r2", "r3")}
	genAge(t, &h.ObjectMeta)
	h.Spec.ParentRefs = []gatewayv1.ParentReference{{
		Namespace:   some[gatewayv1.Namespace](t, "namespace", "shop", "default"),
		Name:        pick[gatewayv1.ObjectName](t, "parent", "a", "a", "b", "missing"),
		SectionName: some[gatewayv1.SectionName](t, "section", "l0", "l1"),
		Port:        some[int32](t, "port", 80, 443),
	}}
	for range rapid.IntRange(0, 2).Draw(t, "hostnames") {
		h.Spec.Hostnames = append(h.Spec.Hostnames, genHostname(t))
	}
	for range rapid.IntRange(1, 3).Draw(t, "rules") {
		h.Spec.Rules = append(h.Spec.Rules, genHTTPRule(t))
	}
	return h
}

func genHTTPRule(t *rapid.T) gatewayv1.HTTPRouteRule {
	rule := gatewayv1.HTTPRouteRule{}
	for range rapid.IntRange(0, 2).Draw(t, "matches") {
		rule.Matches = append(rule.Matches, genHTTPMatch(t))
	}
	if maybe(t, "filter") {
		rule.Filters = []gatewayv1.HTTPRouteFilter{genHTTPFilter(t)}
		if replacesPrefix(&rule.Filters[0]) { // admission wants exactly one prefix
			kind := gatewayv1.PathMatchPathPrefix
			rule.Matches = []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: &kind, Value: some(t, "value", "/", "/a", "/a/b/")}}}
		}
		if rule.Filters[0].RequestRedirect != nil {
			return rule
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "backends") {
		b := gatewayv1.HTTPBackendRef{BackendRef: gatewayv1.BackendRef{
			BackendObjectReference: genBackend(t),
			Weight:                 some[int32](t, "weight", 0, 1, 3, 999_999),
		}}
		if f := genHTTPFilter(t); maybe(t, "backend filter") && !replacesPrefix(&f) {
			b.Filters = []gatewayv1.HTTPRouteFilter{f}
		}
		rule.BackendRefs = append(rule.BackendRefs, b)
	}
	if maybe(t, "timeouts") {
		rule.Timeouts = &gatewayv1.HTTPRouteTimeouts{
			Request:        some[gatewayv1.Duration](t, "request", "0s", "10s"),
			BackendRequest: some[gatewayv1.Duration](t, "attempt", "0s", "1500ms"),
		}
	}
	return rule
}

func replacesPrefix(f *gatewayv1.HTTPRouteFilter) bool {
	return f.URLRewrite != nil && f.URLRewrite.Path.ReplacePrefixMatch != nil ||
		f.RequestRedirect != nil && f.RequestRedirect.Path.ReplacePrefixMatch != nil
}

func genBackend(t *rapid.T) gatewayv1.BackendObjectReference {
	port := pick[int32](t, "backend port", 80, 80, 9090)
	return gatewayv1.BackendObjectReference{
		Kind:      some[gatewayv1.Kind](t, "kind", "Service", "Service", "ServiceImport"),
		Namespace: some[gatewayv1.Namespace](t, "namespace", "shop", "default"),
		Name:      pick[gatewayv1.ObjectName](t, "service", "a", "a", "b", "missing"),
		Port:      &port,
	}
}

func genHTTPMatch(t *rapid.T) gatewayv1.HTTPRouteMatch {
	m := gatewayv1.HTTPRouteMatch{Method: some(t, "method", gatewayv1.HTTPMethodGet, gatewayv1.HTTPMethodPost)}
	if maybe(t, "path") {
		m.Path = &gatewayv1.HTTPPathMatch{
			Type:  some(t, "type", gatewayv1.PathMatchExact, gatewayv1.PathMatchPathPrefix, gatewayv1.PathMatchRegularExpression),
			Value: some(t, "value", "/", "/a", "/a/", "/a/b"),
		}
	}
	if maybe(t, "headers") {
		m.Headers = []gatewayv1.HTTPHeaderMatch{
			{Name: "X-A", Value: "1", Type: some(t, "type", gatewayv1.HeaderMatchExact, gatewayv1.HeaderMatchRegularExpression)},
			{Name: "x-a", Value: "2"},
		}
	}
	if maybe(t, "query") {
		m.QueryParams = []gatewayv1.HTTPQueryParamMatch{
			{Name: "q", Value: "1", Type: some(t, "type", gatewayv1.QueryParamMatchExact, gatewayv1.QueryParamMatchRegularExpression)},
		}
	}
	return m
}

func genHTTPFilter(t *rapid.T) gatewayv1.HTTPRouteFilter {
	modifier := &gatewayv1.HTTPHeaderFilter{
		Set:    []gatewayv1.HTTPHeader{{Name: "X-Set", Value: "100%"}},
		Add:    []gatewayv1.HTTPHeader{{Name: "X-Add", Value: "1"}, {Name: "x-add", Value: "2"}},
		Remove: []string{"X-Gone"},
	}
	path := &gatewayv1.HTTPPathModifier{Type: gatewayv1.FullPathHTTPPathModifier, ReplaceFullPath: some(t, "full", "", "/full")}
	if path.ReplaceFullPath == nil {
		prefix := pick(t, "prefix", "", "/", "/p", "/p/")
		path = &gatewayv1.HTTPPathModifier{Type: gatewayv1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: &prefix}
	}
	hostname := some[gatewayv1.PreciseHostname](t, "hostname", "x.example.com")
	switch pick(t, "filter", 0, 1, 2, 3, 4) {
	case 0:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestHeaderModifier, RequestHeaderModifier: modifier}
	case 1:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterResponseHeaderModifier, ResponseHeaderModifier: modifier}
	case 2:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterURLRewrite, URLRewrite: &gatewayv1.HTTPURLRewriteFilter{Hostname: hostname, Path: path}}
	case 3:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestRedirect, RequestRedirect: &gatewayv1.HTTPRequestRedirectFilter{
			Scheme: some(t, "scheme", "http", "https"), Hostname: hostname, Path: path,
			Port: some[int32](t, "port", 80, 8443), StatusCode: some(t, "status", 301, 302, 303, 307, 308),
		}}
	}
	mirror := &gatewayv1.HTTPRequestMirrorFilter{BackendRef: genBackend(t), Percent: some[int32](t, "percent", 0, 10, 100)}
	if mirror.Percent == nil && maybe(t, "fraction") {
		mirror.Fraction = &gatewayv1.Fraction{Numerator: 1, Denominator: some[int32](t, "denominator", 3, 2_000_000_000)}
	}
	return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestMirror, RequestMirror: mirror}
}

func genReferenceGrant(t *rapid.T) api.Value {
	g := &gatewayv1.ReferenceGrant{ObjectMeta: genMeta(t, "g1", "g2")}
	g.Spec.From = []gatewayv1.ReferenceGrantFrom{{
		Group:     gatewayv1.GroupName,
		Kind:      pick[gatewayv1.Kind](t, "from", "HTTPRoute", "Gateway"),
		Namespace: pick[gatewayv1.Namespace](t, "from namespace", "shop", "default"),
	}}
	g.Spec.To = []gatewayv1.ReferenceGrantTo{{
		Kind: pick[gatewayv1.Kind](t, "to", "Service", "Secret"),
		Name: some[gatewayv1.ObjectName](t, "to name", "a", "b", "cert"),
	}}
	return g
}

func genNamespace(t *rapid.T) api.Value {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: pick(t, "name", "default", "shop"), Labels: genLabels(t)}}
}

func genSecret(t *rapid.T) api.Value {
	s := &corev1.Secret{ObjectMeta: genMeta(t, "cert")}
	if maybe(t, "opaque") {
		return s
	}
	s.Type = corev1.SecretTypeTLS
	s.Data = map[string][]byte{corev1.TLSCertKey: []byte(testCertificate), corev1.TLSPrivateKeyKey: []byte(testKey)}
	return s
}

// A certificate for *.example.com that signs itself; it serves nobody.
const (
	testCertificate = `-----BEGIN CERTIFICATE-----
MIIBnTCCAUOgAwIBAgIUBnfRoTMWUOmyZpneIPBHgDqdng0wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLZXhhbXBsZS5jb20wIBcNMjYxMTI0MTM0NDM4WhgPMjEyNjEw
MzExMzQ0MzhaMBYxFDASBgNVBAMMC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAExjN5q8ZktPsSrEWzCvLxJKr5o72TQhWQ54AiwE+qda7xvJD2
y1m77VYXzx+wr85b9NB92MXOTFJGtDoCtQHvR6NtMGswHQYDVR0OBBYEFMEYKb6P
fdqsZ8eJfrgccAUR9KoAMB8GA1UdIwQYMBaAFMEYKb6PfdqsZ8eJfrgccAUR9KoA
MA8GA1UdEwEB/wQFMAMBAf8wGAYDVR0RBBEwD4INKi5leGFtcGxlLmNvbTAKBggq
hkjOPQQDAgNIADBFAiEAlrfhvJrDbyGvPYqVfTES8QbWyX2PUtVmm0iufySufLgC
IB0wWzZ5rvjdVUWiyrfaV1SnR6pl3NIBJnwt2nxthSWQ
-----END CERTIFICATE-----
`
	testKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtZ9NCsTLbz6jKM7w
0q+OsVxdjyzmOGb58uoZgSPaXVChRANCAATGM3mrxmS0+xKsRbMK8vEkqvmjvZNC
FZDngCLAT6p1rvG8kPbLWbvtVhfPH7Cvzlv00H3Yxc5MUka0OgK1Ae9H
-----END PRIVATE KEY-----
`
)
