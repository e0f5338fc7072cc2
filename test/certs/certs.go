// Package certs issues certificates for tests: in go names and times, out come certificates
// and PEM files. It knows nothing of gateway-cp.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// CA issues certificates. A failure ends the test.
type CA struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes a CA, which is valid for an hour.
func New(t testing.TB) *CA {
	t.Helper()
	ca := &CA{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "a CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca.cert = ca.sign(template, template, ca.key)
	return ca
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (ca *CA) sign(template, parent *x509.Certificate, of *ecdsa.PrivateKey) *x509.Certificate {
	ca.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, of.Public(), ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return c
}

// Pool trusts the CA.
func (ca *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.cert)
	return p
}

// PEM is the CA's own certificate.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

// Issue gives a certificate for clients and servers with names: URIs, IP addresses and DNS
// names.
func (ca *CA) Issue(names ...string) tls.Certificate {
	ca.t.Helper()
	return ca.IssueUntil(time.Now().Add(time.Hour), names...)
}

// IssueUntil is Issue with the time at which the certificate expires.
func (ca *CA) IssueUntil(until time.Time, names ...string) tls.Certificate {
	ca.t.Helper()
	return ca.IssueFor([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, until, names...)
}

// IssueFor is IssueUntil with what the certificate is for.
func (ca *CA) IssueFor(usage []x509.ExtKeyUsage, until time.Time, names ...string) tls.Certificate {
	ca.t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(ca.t), NotBefore: until.Add(-2 * time.Hour), NotAfter: until, ExtKeyUsage: usage,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if strings.Contains(name, "://") {
			u, err := url.Parse(name)
			if err != nil {
				ca.t.Fatal(err)
			}
			template.URIs = append(template.URIs, u)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key := newKey(ca.t)
	c := ca.sign(template, ca.cert, key)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

// Files are those of a certificate: tls.crt, tls.key and ca.crt in a directory of their own,
// where what replaces them comes in one step each, as a tool that renews certificates does it.
type Files struct {
	t   testing.TB
	Dir string
}

// NewFiles makes the directory.
func NewFiles(t testing.TB, dir string) Files {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return Files{t, dir}
}

// CA, Cert and Key are the paths.
func (f Files) CA() string   { return filepath.Join(f.Dir, "ca.crt") }
func (f Files) Cert() string { return filepath.Join(f.Dir, "tls.crt") }
func (f Files) Key() string  { return filepath.Join(f.Dir, "tls.key") }

// Write replaces the certificate and its key.
func (f Files) Write(c tls.Certificate) {
	f.t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		f.t.Fatal(err)
	}
	f.replace(f.Key(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	f.replace(f.Cert(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

// Trust replaces the CAs.
func (f Files) Trust(cas ...*CA) {
	f.t.Helper()
	var all []byte
	for _, ca := range cas {
		all = append(all, ca.PEM()...)
	}
	f.replace(f.CA(), all)
}

func (f Files) replace(path string, data []byte) {
	f.t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		f.t.Fatal(err)
	}
}
