package admission

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
)

var secretData = field.NewPath("data")

// defaultSecret sets the type and moves stringData into data, as the API server does.
func defaultSecret(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for key, value := range s.StringData {
		s.Data[key] = []byte(value)
	}
	s.StringData = nil
}

// secret checks the certificate and key of a Secret of type kubernetes.io/tls. What it says
// never holds content of the Secret, save the names and dates that a certificate shows to
// every client.
func (r *report) secret(s *corev1.Secret, now time.Time) {
	if s.Type != corev1.SecretTypeTLS {
		return
	}
	chain, key := s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]
	leaf := r.certificate(chain, now)
	r.privateKey(chain, key, leaf)
}

// certificate gives the first certificate of a chain, or nil when any of them is broken.
func (r *report) certificate(chain []byte, now time.Time) *x509.Certificate {
	at := secretData.Key(corev1.TLSCertKey)
	if len(chain) == 0 {
		r.fail(at, api.ReasonInvalidCertificate, "put the PEM certificate chain there, the server's own certificate first", "there is no certificate")
		return nil
	}
	var leaf *x509.Certificate
	for n, rest := 1, chain; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			if strings.Contains(block.Type, "PRIVATE KEY") {
				r.fail(at, api.ReasonInvalidCertificate, "keep the key in tls.key only: a certificate is shown to every client", "holds a private key")
				return nil
			}
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			r.fail(at, api.ReasonInvalidCertificate, "issue the certificate again", "certificate %d of the chain cannot be parsed: %v", n, err)
			return nil
		}
		if leaf == nil {
			leaf = c
		}
		n++
	}
	if leaf == nil {
		r.fail(at, api.ReasonInvalidCertificate, "use the PEM form, -----BEGIN CERTIFICATE-----, encoded in base64 once", "holds no PEM certificate")
		return nil
	}
	r.validity(at, leaf, now)
	return leaf
}

func (r *report) validity(at *field.Path, leaf *x509.Certificate, now time.Time) {
	if now.After(leaf.NotAfter) {
		r.warn(at, api.ReasonCertificateExpired, "renew it: clients refuse it", "the certificate expired on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if now.Before(leaf.NotBefore) {
		r.warn(at, api.ReasonCertificateNotYetValid, "clients refuse it until then", "the certificate is not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
}

// privateKey checks that the key is usable by Envoy and belongs to the certificate.
func (r *report) privateKey(chain, key []byte, leaf *x509.Certificate) {
	at := secretData.Key(corev1.TLSPrivateKeyKey)
	if len(key) == 0 {
		r.fail(at, api.ReasonInvalidCertificate, "put the PEM private key of the certificate there", "there is no private key")
		return
	}
	block, _ := pem.Decode(key)
	switch {
	case block == nil:
		r.fail(at, api.ReasonInvalidCertificate, "use the PEM form, -----BEGIN PRIVATE KEY-----, encoded in base64 once", "holds no PEM private key")
		return
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		r.fail(at, api.ReasonInvalidCertificate, "store the key without a pass phrase", "the private key is encrypted")
		return
	case leaf == nil:
		return
	}
	// The error is left out on purpose: it may speak of the key.
	if _, err := tls.X509KeyPair(chain, key); err != nil {
		r.fail(at, api.ReasonInvalidCertificate, "put the key there that the certificate was issued for; it must be in PEM form", "the private key cannot be read, or is not that of the certificate")
		return
	}
	r.keyStrength(leaf)
}

// keyStrength refuses the keys that Envoy refuses. Ed25519, P-384 and P-521 work (Envoy 1.40).
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/security/ssl#certificate-selection
func (r *report) keyStrength(leaf *x509.Certificate) {
	at := secretData.Key(corev1.TLSCertKey)
	switch public := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < 2048 {
			r.fail(at, api.ReasonInvalidCertificate, "use an RSA key of at least 2048 bits, or ECDSA P-256", "Envoy refuses RSA keys of %d bits", bits)
		}
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P224() {
			r.fail(at, api.ReasonInvalidCertificate, "use P-256, P-384 or P-521", "Envoy refuses keys on the curve %s", public.Curve.Params().Name)
		}
	}
}
