package lint

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// Certificates of HTTPS listeners. What is said of them holds nothing of a Secret but names and
// dates, which a server shows to every client. Admission has made sure that they can be read and
// that the key belongs to them.

// use is a certificate chain with the first listener that it serves.
type use struct {
	chain    []*x509.Certificate
	listener api.Other
}

// findChains gives the chains of the Secrets that listeners of Gateways name.
func (c *shared) findChains() map[api.Key]*use {
	chains := map[api.Key]*use{}
	for _, o := range c.of(api.KindGateway) {
		gateway := o.Value.(*gatewayv1.Gateway)
		for i := range gateway.Spec.Listeners {
			l := &gateway.Spec.Listeners[i]
			if l.Protocol != gatewayv1.HTTPSProtocolType || l.TLS == nil {
				continue
			}
			for j := range l.TLS.CertificateRefs {
				k := secretKey(gateway, &l.TLS.CertificateRefs[j])
				if secret := c.objects[k]; secret != nil && chains[k] == nil {
					chains[k] = &use{
						chain:    certificatesIn(secret.Value.(*corev1.Secret)),
						listener: api.Other{Object: o.Key, Path: fmt.Sprintf("spec.listeners[%d].tls.certificateRefs[%d]", i, j)},
					}
				}
			}
		}
	}
	return chains
}

// certificatesIn reads the chain in a Secret of type kubernetes.io/tls; nil when there is none.
func certificatesIn(s *corev1.Secret) []*x509.Certificate {
	var chain []*x509.Certificate
	for rest := s.Data[corev1.TLSCertKey]; s.Type == corev1.SecretTypeTLS; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			chain = append(chain, c)
		}
	}
	return chain
}

// certificates looks at each chain by itself.
func certificates(c *checker) {
	chains := c.chains()
	for _, o := range c.of(api.KindSecret) {
		u := chains[o.Key]
		if u == nil || len(u.chain) == 0 {
			continue
		}
		add := func(reason api.Reason, message, hint string) {
			c.add(api.Problem{
				Object: o.Key, Path: "data[" + corev1.TLSCertKey + "]", Reason: reason, Severity: api.Warning,
				Message: message, Hint: hint, Other: u.listener,
			})
		}
		c.validity(o.Key, u.chain[0], add)
		suited(u.chain[0], add)
		strong(u.chain, add)
		inOrder(u.chain, add)
	}
}

func (c *checker) validity(key api.Key, leaf *x509.Certificate, add func(api.Reason, string, string)) {
	now := c.options.Now
	date := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	said := slices.ContainsFunc(c.Said, func(p api.Problem) bool {
		switch p.Reason {
		case api.ReasonInvalidCertificate, api.ReasonCertificateExpired, api.ReasonCertificateNotYetValid:
			return p.Object == key
		}
		return false
	})
	switch {
	case now.After(leaf.NotAfter) && !said:
		add(api.ReasonCertificateExpired, "the certificate expired on "+date(leaf.NotAfter), "renew it: clients refuse it")
	case now.Before(leaf.NotBefore) && !said:
		add(api.ReasonCertificateNotYetValid, "the certificate is not valid before "+date(leaf.NotBefore), "clients refuse it until then")
	case !now.After(leaf.NotAfter) && leaf.NotAfter.Sub(now) < c.options.ExpiringWithin:
		add(api.ReasonCertificateExpiring,
			fmt.Sprintf("the certificate expires on %s, in %d days", date(leaf.NotAfter), int(leaf.NotAfter.Sub(now).Hours())/24), "renew it")
	}
}

// suited asks that the certificate is made for a server.
func suited(leaf *x509.Certificate, add func(api.Reason, string, string)) {
	switch {
	case leaf.BasicConstraintsValid && leaf.IsCA:
		add(api.ReasonCertificateUnsuited, "the first certificate is that of a certification authority", "put the server's own certificate first; clients may refuse this one")
	case len(leaf.ExtKeyUsage) > 0 && !slices.ContainsFunc(leaf.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny
	}):
		add(api.ReasonCertificateUnsuited, "the certificate is not for servers: its extended key usage leaves out server authentication", "issue one with the usage serverAuth")
	}
}

// strong asks for signatures that cannot be forged. That of a root is not looked at by clients.
func strong(chain []*x509.Certificate, add func(api.Reason, string, string)) {
	for i, cert := range chain {
		switch cert.SignatureAlgorithm {
		case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
			if i > 0 && string(cert.RawIssuer) == string(cert.RawSubject) {
				continue
			}
			add(api.ReasonCertificateWeak, fmt.Sprintf("certificate %d of the chain is signed with %s", i+1, cert.SignatureAlgorithm), "issue it again with SHA-256 or better")
		}
	}
}

// inOrder asks that each certificate is issued by the next.
func inOrder(chain []*x509.Certificate, add func(api.Reason, string, string)) {
	for i := range len(chain) - 1 {
		var insecure x509.InsecureAlgorithmError
		err := chain[i].CheckSignatureFrom(chain[i+1])
		if err == nil && string(chain[i].RawIssuer) == string(chain[i+1].RawSubject) || errors.As(err, &insecure) {
			continue
		}
		hint := "the server's certificate comes first, then the one that issued it, and so on"
		for j := range chain {
			if j != i && string(chain[j].RawSubject) == string(chain[i].RawIssuer) {
				hint = fmt.Sprintf("certificate %d issued it: put that one next", j+1)
			}
		}
		add(api.ReasonCertificateChainBroken, fmt.Sprintf("certificate %d of the chain is not issued by certificate %d, which follows it", i+1, i+2), hint)
		return
	}
}

// certificateHosts asks that each host which is served over TLS has a certificate for it.
func certificateHosts(c *checker) {
	type listener struct {
		gateway *gatewayv1.Gateway
		index   int
	}
	busy := map[listener]bool{} // has a host with routes
	hosts := c.routing()
	for i := range hosts {
		if h := &hosts[i]; len(h.Attached) > 0 {
			busy[listener{h.Gateway, h.Listener}] = true
		}
	}
	for i := range hosts {
		h := &hosts[i]
		idle := len(h.Attached) == 0 && busy[listener{h.Gateway, h.Listener}]
		if !h.secure() || h.Hostname == "" || idle && strings.HasPrefix(h.Hostname, "*.") {
			continue
		}
		if names, ok := c.coveredBy(h); ok && !slices.ContainsFunc(names, func(leaf *x509.Certificate) bool { return certifies(leaf, h.Hostname) }) {
			c.uncovered(h, names)
		}
	}
}

// coveredBy gives the certificates that a listener has; false when they are not all known.
func (c *checker) coveredBy(h *virtualHost) (leafs []*x509.Certificate, known bool) {
	refs := h.listener().TLS.CertificateRefs
	for i := range refs {
		u := c.chains()[secretKey(h.Gateway, &refs[i])]
		if u == nil || len(u.chain) == 0 {
			return nil, false
		}
		leafs = append(leafs, u.chain[0])
	}
	return leafs, len(leafs) > 0
}

// certifies says whether a certificate is for a hostname, which may be a wildcard.
func certifies(leaf *x509.Certificate, hostname string) bool {
	if strings.HasPrefix(hostname, "*.") {
		return slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, hostname) })
	}
	return leaf.VerifyHostname(hostname) == nil
}

func (c *checker) uncovered(h *virtualHost, leafs []*x509.Certificate) {
	ref := secretKey(h.Gateway, &h.listener().TLS.CertificateRefs[0])
	var names []string
	for _, leaf := range leafs {
		names = append(names, leaf.DNSNames...)
	}
	hint := "issue one for it, or name another Secret"
	for _, leaf := range leafs {
		if len(leaf.DNSNames) == 0 && leaf.Subject.CommonName != "" {
			hint = "issue one with subject alternative names: clients do not look at the common name"
		}
	}
	p := api.Problem{
		Object: gatewayKey(h.Gateway), Path: fmt.Sprintf("spec.listeners[%d].hostname", h.Listener),
		Reason: api.ReasonCertificateHostMismatch, Severity: api.Warning,
		Message: fmt.Sprintf("the certificate in %s is not for %s, but for %s: clients refuse it", ref, h.Hostname, listed(names)),
		Hint:    hint,
		Other:   api.Other{Object: ref, Path: "data[" + corev1.TLSCertKey + "]"},
	}
	if h.Hostname != hostnameOf(h.listener()) && len(h.Attached) > 0 {
		for i, name := range h.Attached[0].Spec.Hostnames {
			if strings.EqualFold(string(name), h.Hostname) {
				p.Object, p.Path = routeKey(h.Attached[0]), fmt.Sprintf("spec.hostnames[%d]", i)
			}
		}
	}
	c.add(p)
}

// listed writes names for people, not all when there are many.
func listed(names []string) string {
	const most = 5
	switch {
	case len(names) == 0:
		return "no name at all"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
