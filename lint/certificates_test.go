package lint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var serial int64

// issue makes a certificate. Nil by means self-signed.
func issue(t testing.TB, by *issued, change func(*x509.Certificate)) *issued {
	t.Helper()
	serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "shop.example.com"}, DNSNames: []string{"shop.example.com"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(90 * 24 * time.Hour), BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	var key crypto.Signer
	var err error
	if template.PublicKeyAlgorithm == x509.RSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert, key}
}

func authority(name string, more ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames, c.IsCA, c.ExtKeyUsage = name, nil, true, nil
		c.KeyUsage = x509.KeyUsageCertSign
		for _, f := range more {
			f(c)
		}
	}
}

func withRSA(c *x509.Certificate) { c.PublicKeyAlgorithm = x509.RSA }
func sha1(c *x509.Certificate)    { c.SignatureAlgorithm = x509.SHA1WithRSA }

// chains are the chains that the corpus names, each made once.
var chainsOf = sync.OnceValue(func() map[string][]*issued { return map[string][]*issued{} })

// chain gives a chain by name, the leaf first.
func chain(t testing.TB, name string) []*issued {
	t.Helper()
	if c := chainsOf()[name]; c != nil {
		return c
	}
	one := func(change func(*x509.Certificate)) []*issued { return []*issued{issue(t, nil, change)} }
	same := func(*x509.Certificate) {}
	var made []*issued
	switch name {
	case "shop":
		made = one(same)
	case "expired":
		made = one(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-48*time.Hour), now.Add(-time.Hour) })
	case "expiring":
		made = one(func(c *x509.Certificate) { c.NotAfter = now.Add(20*24*time.Hour + time.Hour) })
	case "forty":
		made = one(func(c *x509.Certificate) { c.NotAfter = now.Add(40 * 24 * time.Hour) })
	case "future":
		made = one(func(c *x509.Certificate) { c.NotBefore = now.Add(24 * time.Hour) })
	case "authority":
		made = one(func(c *x509.Certificate) { c.IsCA = true })
	case "wild":
		made = one(func(c *x509.Certificate) { c.DNSNames = []string{"*.example.com"} })
	case "cnonly":
		made = one(func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = "cn.example.org", nil })
	case "sha1":
		root := issue(t, nil, authority("Root", withRSA))
		made = []*issued{issue(t, root, sha1)}
	case "sha1root":
		root := issue(t, nil, authority("Root", withRSA, sha1))
		made = []*issued{issue(t, root, same), root}
	case "inorder", "disorder":
		root := issue(t, nil, authority("Root"))
		middle := issue(t, root, authority("Middle"))
		made = []*issued{issue(t, middle, same), middle, root}
		if name == "disorder" {
			made[1], made[2] = made[2], made[1]
		}
	default:
		t.Fatalf("no chain is named %q", name)
	}
	chainsOf()[name] = made
	return made
}

// encoded gives tls.crt or tls.key of a chain as it is written in a Secret.
func encoded(t testing.TB, name, part string) string {
	t.Helper()
	var out []byte
	for i, c := range chain(t, name) {
		if part == "crt" {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})...)
		} else if i == 0 {
			der, err := x509.MarshalPKCS8PrivateKey(c.key)
			if err != nil {
				t.Fatal(err)
			}
			out = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		}
	}
	return base64.StdEncoding.EncodeToString(out)
}

// What admission has said of the dates of a certificate is not said again.
func TestDatesAreToldOnce(t *testing.T) {
	archive := parsed(t, "testdata/CertificateExpired.txtar")
	w, said := loadPart(t, archive, "bad")
	if !slices.ContainsFunc(said, func(p api.Problem) bool { return p.Reason == api.ReasonCertificateExpired }) {
		t.Fatal("admission does not go by the clock any more")
	}
	w.Said = said
	if found := Check(w, Options{Now: now}); len(found) > 0 {
		t.Errorf("told again:\n%s", printed(found))
	}
	later := Check(w, Options{Now: now.AddDate(1, 0, 0)})
	for _, p := range later {
		if strings.Contains(p.String(), "PRIVATE") {
			t.Errorf("a key is shown: %s", p)
		}
	}
}

// The date is an option: looked at a year from now, a certificate that is fine has expired.
func TestDateIsAnOption(t *testing.T) {
	w, _ := loadPart(t, parsed(t, "testdata/CertificateExpired.txtar"), "good")
	found := Check(w, Options{Now: now.AddDate(1, 0, 0)})
	if len(found) != 1 || found[0].Reason != api.ReasonCertificateExpired {
		t.Errorf("want one expired certificate, found:\n%s", printed(found))
	}
}
