package translator

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// certificatesOf gives the Secrets that an HTTPS listener takes its certificates from: those
// that are there and that it may use. What is wrong with the others is said in refs, for the
// condition ResolvedRefs, and in the problems.
func certificatesOf(r *Reader, gateway *gatewayv1.Gateway, listener int) (found []api.Key, refs verdict, problems []api.Problem) {
	l := &gateway.Spec.Listeners[listener]
	from := api.Key{Kind: api.KindGateway, Namespace: gateway.Namespace, Name: gateway.Name}
	if l.TLS == nil || len(l.TLS.CertificateRefs) == 0 {
		refs.no(string(gatewayv1.ListenerReasonInvalidCertificateRef), "there are no certificateRefs")
		return nil, refs, nil
	}
	for i := range l.TLS.CertificateRefs {
		ref := &l.TLS.CertificateRefs[i]
		to := api.Key{
			Kind:      api.KindSecret,
			Namespace: string(valueOr(ref.Namespace, gatewayv1.Namespace(gateway.Namespace))),
			Name:      string(ref.Name),
		}
		problem := api.Problem{
			Object: from, Path: fmt.Sprintf("spec.listeners[%d].tls.certificateRefs[%d]", listener, i),
			Reason: api.ReasonCertificateNotFound, Severity: api.Error,
			Hint: "the listener is opened once it has a certificate",
		}
		reason := gatewayv1.ListenerReasonInvalidCertificateRef
		switch {
		case valueOr(ref.Group, "") != "" || valueOr(ref.Kind, "Secret") != "Secret":
			problem.Message = fmt.Sprintf("%s is not a kind that certificates are taken from; use a Secret", *ref.Kind)
		case !mayRefer(r, from, to):
			reason = gatewayv1.ListenerReasonRefNotPermitted
			problem.Reason = api.ReasonRefNotPermitted
			problem.Message = fmt.Sprintf("no ReferenceGrant permits the use of %s", to)
			problem.Hint = grantHint(from, to)
		default:
			problem.Message = unusable(r, to)
		}
		if problem.Message == "" {
			found = append(found, to)
			continue
		}
		problems = append(problems, problem)
		refs.no(string(reason), problem.Message)
	}
	return found, refs, problems
}

// unusable says why a Secret cannot serve as a certificate; it never says what is in it.
func unusable(r *Reader, k api.Key) string {
	secret := read[*corev1.Secret](r, api.KindSecret, k.Namespace, k.Name)
	switch {
	case secret == nil:
		return fmt.Sprintf("there is no %s", k)
	case secret.Type != corev1.SecretTypeTLS:
		return fmt.Sprintf("%s is of type %s; it must be of type %s", k, secret.Type, corev1.SecretTypeTLS)
	case len(secret.Data[corev1.TLSCertKey]) == 0 || len(secret.Data[corev1.TLSPrivateKeyKey]) == 0:
		return fmt.Sprintf("%s lacks %s or %s", k, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
	}
	return ""
}

// certificate is the certificate and key in a Secret, for the fleet whose Gateways use it.
var certificate = &Feature{Name: "certificate", Build: buildCertificate}

func buildCertificate(r *Reader, u Unit) Result {
	key := api.Key{Kind: api.KindSecret, Namespace: u.Namespace, Name: u.Name}
	if unusable(r, key) != "" {
		return Result{}
	}
	secret := read[*corev1.Secret](r, api.KindSecret, u.Namespace, u.Name)
	inline := func(data []byte) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: data}}
	}
	name := secretName(u.Namespace, u.Name)
	e := &encoder{}
	return e.result(
		resource.Key{Type: resource.Secret, Audience: resource.OfFleet(u.Fleet), Name: name},
		&tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: inline(secret.Data[corev1.TLSCertKey]),
			PrivateKey:       inline(secret.Data[corev1.TLSPrivateKeyKey]),
		}}},
		resource.Output{Sources: []api.Key{key}},
	)
}
