package translator

import (
	"cmp"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// A BackendTLSPolicy of the Gateway API asks for TLS towards the endpoints of a Service, whatever leads to them:
// https://gateway-api.sigs.k8s.io/api-types/backendtlspolicy/

// authorityKey is where a ConfigMap has certificate authorities.
const authorityKey = "ca.crt"

// nobody is an authority that has certified nothing, and whose key is gone: with it no connection comes about.
//
//go:embed nobody.crt
var nobody string

func tlsPolicyLookups(o *api.Object) []lookup {
	var all []lookup
	for _, ref := range o.Value.(*gatewayv1.BackendTLSPolicy).Spec.TargetRefs {
		l := lookup{indexPolicyTarget, o.Key.Namespace, string(ref.Name)}
		if forService(&ref) && !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

func forService(ref *gatewayv1.LocalPolicyTargetReferenceWithSectionName) bool {
	return ref.Group == "" && ref.Kind == "Service"
}

// tlsPolicyOf gives the policy in effect for a port: one that names it before one for the whole Service, then the
// older one; nil when there is none. ref is the target that means the port.
func tlsPolicyOf(r *Reader, service *corev1.Service, port *corev1.ServicePort) (policy *gatewayv1.BackendTLSPolicy, ref int) {
	type candidate struct {
		policy *gatewayv1.BackendTLSPolicy
		ref    int
		named  bool
	}
	var all []candidate
	for _, o := range r.list(indexPolicyTarget, service.Namespace, service.Name) {
		p, ok := o.Value.(*gatewayv1.BackendTLSPolicy)
		if !ok {
			continue
		}
		for i := range p.Spec.TargetRefs {
			ref := &p.Spec.TargetRefs[i]
			section := string(valueOr(ref.SectionName, ""))
			if forService(ref) && string(ref.Name) == service.Name && (section == "" || section == port.Name) {
				all = append(all, candidate{p, i, section != ""})
			}
		}
	}
	if len(all) == 0 {
		return nil, 0
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		if a.named != b.named {
			if a.named {
				return -1
			}
			return 1
		}
		return cmp.Or(compareAge(a.policy, b.policy), cmp.Compare(a.ref, b.ref))
	})
	return all[0].policy, all[0].ref
}

func hasTLSPolicy(r *Reader, service *corev1.Service, port *corev1.ServicePort) bool {
	policy, _ := tlsPolicyOf(r, service, port)
	return policy != nil
}

// tlsTo is the TLS towards the endpoints of a port; nil: none.
func tlsTo(r *Reader, f fleet, service *corev1.Service, port *corev1.ServicePort) *upstreamTLS {
	policy, _ := tlsPolicyOf(r, service, port)
	if policy == nil {
		return tlsOutside(f, service, port)
	}
	v := &policy.Spec.Validation
	tls := &upstreamTLS{sni: string(v.Hostname)}
	if len(v.CACertificateRefs) == 0 && valueOr(v.WellKnownCACertificates, "") == gatewayv1.WellKnownCACertificatesSystem {
		tls.authorities = f.systemAuthorities()
	} else {
		tls.authorities = inlineText(authoritiesOf(r, policy))
	}
	for i := range v.SubjectAltNames {
		tls.names = append(tls.names, alternativeName(&v.SubjectAltNames[i]))
	}
	if len(tls.names) == 0 {
		tls.names = []*tlsv3.SubjectAltNameMatcher{dnsName(string(v.Hostname))}
	}
	return tls
}

// streamTLS is tlsTo for bytes that are passed on. Where the port says that TLS is in them, it is between client and endpoint.
func streamTLS(r *Reader, f fleet, service *corev1.Service, port *corev1.ServicePort) *upstreamTLS {
	if policy, _ := tlsPolicyOf(r, service, port); policy == nil || !isTCP(port.Protocol) || !localInside(service) && carriesTLS(port) {
		return nil
	}
	return tlsTo(r, f, service, port)
}

func carriesTLS(port *corev1.ServicePort) bool {
	protocol := protocolOf(port)
	return protocol == "https" || protocol == "tls" || protocol == "wss"
}

func inlineText(text string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}}
}

func alternativeName(n *gatewayv1.SubjectAltName) *tlsv3.SubjectAltNameMatcher {
	if n.Type == gatewayv1.URISubjectAltNameType {
		m := dnsName(string(n.URI))
		m.SanType = tlsv3.SubjectAltNameMatcher_URI
		return m
	}
	name := string(n.Hostname)
	if len(name) > 2 && name[:2] == "*." { // a certificate for *.example.com is one for any name in it
		return &tlsv3.SubjectAltNameMatcher{
			SanType: tlsv3.SubjectAltNameMatcher_DNS,
			Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: name[1:]}},
		}
	}
	return dnsName(name)
}

// authoritiesOf are those of the ConfigMaps that a policy refers to and that have some; nobody, where none has.
func authoritiesOf(r *Reader, policy *gatewayv1.BackendTLSPolicy) string {
	all := ""
	for _, ref := range policy.Spec.Validation.CACertificateRefs {
		if text, why := authority(r, policy.Namespace, &ref); why == "" {
			all += text + "\n"
		}
	}
	return cmp.Or(all, nobody)
}

// authority is what a reference to certificate authorities leads to, or why there is nothing.
func authority(r *Reader, namespace string, ref *gatewayv1.LocalObjectReference) (text, why string) {
	if ref.Group != "" || ref.Kind != "ConfigMap" {
		return "", fmt.Sprintf("%s is not a kind that certificate authorities are taken from; use a ConfigMap", ref.Kind)
	}
	key := api.Key{Kind: api.KindConfigMap, Namespace: namespace, Name: string(ref.Name)}
	m := read[*corev1.ConfigMap](r, key.Kind, key.Namespace, key.Name)
	if m == nil {
		return "", fmt.Sprintf("there is no %s", key)
	}
	text = authorityIn(m)
	if text == "" {
		return "", fmt.Sprintf("%s has no %s", key, authorityKey)
	}
	found := 0
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil || block.Type != "CERTIFICATE" {
			return "", fmt.Sprintf("%s of %s has something that is no certificate", authorityKey, key)
		}
		found++
	}
	if found == 0 {
		return "", fmt.Sprintf("%s of %s has no certificate in PEM form", authorityKey, key)
	}
	return text, ""
}

func authorityIn(m *corev1.ConfigMap) string {
	return cmp.Or(m.Data[authorityKey], string(m.BinaryData[authorityKey]))
}

// keepConfigMap keeps certificate authorities, and nothing else that is in a ConfigMap.
func keepConfigMap(m *corev1.ConfigMap) api.Value {
	text := authorityIn(m)
	if len(m.BinaryData) == 0 && (len(m.Data) == 0 || len(m.Data) == 1 && text != "") {
		return m
	}
	kept := &corev1.ConfigMap{TypeMeta: m.TypeMeta}
	kept.Namespace, kept.Name = m.Namespace, m.Name
	if text != "" {
		kept.Data = map[string]string{authorityKey: text}
	}
	return kept
}
