package traffic

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Certificate is what may be told of a certificate. Private keys are not in it, nor what they
// could be guessed from.
type Certificate struct {
	Fingerprint string    `json:"sha256,omitempty"`
	Names       []string  `json:"names,omitempty"`
	NotAfter    time.Time `json:"notAfter,omitzero"`
}

// String says it in a line.
func (c Certificate) String() string {
	if c.Fingerprint == "" {
		return "a certificate that cannot be read"
	}
	return fmt.Sprintf("%s for %s until %s", c.Fingerprint[:16], strings.Join(c.Names, ", "), c.NotAfter.UTC().Format(time.DateOnly))
}

// CertificateChange says that another certificate is under a name. A key belongs to its certificate,
// so that keys are not compared.
type CertificateChange struct {
	Secret string      `json:"secret"` // namespace/name
	Was    Certificate `json:"was"`
	Now    Certificate `json:"now"`
	// Chain is set when the certificate is the same, and what signs it is another one.
	Chain bool     `json:"chain,omitempty"`
	From  []Origin `json:"from,omitempty"`
}

// diffCertificates compares the secrets that both sides have.
func diffCertificates(was, now []resource.Entry) ([]CertificateChange, error) {
	old := map[string][]byte{}
	for _, e := range was {
		if e.Key.Type == resource.Secret {
			old[e.Key.Name] = e.Output.Bytes
		}
	}
	var all []CertificateChange
	for _, e := range now {
		before, both := old[e.Key.Name]
		if e.Key.Type != resource.Secret || !both || bytes.Equal(before, e.Output.Bytes) {
			continue
		}
		var sides [2]*tlsv3.Secret
		for i, data := range [][]byte{before, e.Output.Bytes} {
			sides[i] = &tlsv3.Secret{}
			if err := proto.Unmarshal(data, sides[i]); err != nil {
				return nil, fmt.Errorf("decode the secret %s: %w", e.Key.Name, err)
			}
			if err := Redact(sides[i]); err != nil {
				return nil, err
			}
		}
		if proto.Equal(sides[0], sides[1]) {
			continue
		}
		c := CertificateChange{Secret: e.Key.Name, Was: CertificateOf(sides[0]), Now: CertificateOf(sides[1]), From: []Origin{{Object: api.Key{Kind: api.KindSecret}}}}
		c.From[0].Object.Namespace, c.From[0].Object.Name, _ = strings.Cut(e.Key.Name, "/")
		c.Chain = c.Was.Fingerprint == c.Now.Fingerprint
		all = append(all, c)
	}
	return all, nil
}

// CertificateOf tells of the first certificate of a secret; the zero value when there is none that
// can be read.
func CertificateOf(s *tlsv3.Secret) Certificate {
	block, _ := pem.Decode(s.GetTlsCertificate().GetCertificateChain().GetInlineBytes())
	if block == nil {
		return Certificate{}
	}
	sum := sha256.Sum256(block.Bytes)
	c := Certificate{Fingerprint: hex.EncodeToString(sum[:])}
	if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
		c.Names, c.NotAfter = cert.DNSNames, cert.NotAfter
	}
	return c
}
