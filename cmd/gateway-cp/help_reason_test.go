package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/examples"
)

// Every example on the page of a reason brings about that reason; and what is wrong with it
// besides follows from that, and is told as a warning at most.
func TestExamplesOfReasons(t *testing.T) {
	for _, info := range api.Reasons {
		manifest := examples.Manifest(info.Reason)
		if manifest == "" {
			continue
		}
		t.Run(string(info.Reason), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "example.yaml")
			if err := os.WriteFile(file, issued.ReplaceAllFunc([]byte(manifest), func(name []byte) []byte {
				m := issued.FindSubmatch(name)
				return []byte(certificate(t, string(m[1]), string(m[2])))
			}), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"validate", "-o", "json", file}
			if info.Reason == api.ReasonRefusedByEnvoy {
				args = append(args, "--envoy")
			}
			var out, errs bytes.Buffer
			code := execute(args, &out, &errs)
			var got struct{ Problems []api.Problem }
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatalf("exit code %d: %s", code, errs.String())
			}
			if !slices.ContainsFunc(got.Problems, func(p api.Problem) bool { return p.Reason == info.Reason }) {
				t.Errorf("found %v", got.Problems)
			}
			for _, p := range got.Problems {
				if p.Reason != info.Reason && p.Severity == api.Error {
					t.Errorf("besides: %v", p)
				}
			}
		})
	}
}

// issued is where an example has a certificate.
var issued = regexp.MustCompile(`\$\{(\w+)\.(crt|key)\}`)

// chains are the certificates of examples that have been made.
var chains = map[string]map[string]string{}

// certificate gives a part of a certificate that is wrong in the way that its name says, as it
// is written in a Secret.
func certificate(t *testing.T, name, part string) string {
	t.Helper()
	if chains[name] == nil {
		chains[name] = newChain(t, name)
	}
	return chains[name][part]
}

func newChain(t *testing.T, name string) map[string]string {
	t.Helper()
	now := time.Now()
	leaf := &x509.Certificate{
		DNSNames: []string{"shop.example.com"}, NotBefore: now.Add(-100 * time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
		BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	var root *x509.Certificate
	switch name {
	case "shop":
	case "expired":
		leaf.NotAfter = now.Add(-time.Hour)
	case "expiring":
		leaf.NotAfter = now.Add(10 * 24 * time.Hour)
	case "future":
		leaf.NotBefore = now.Add(24 * time.Hour)
	case "other":
		leaf.DNSNames = []string{"www.example.com"}
	case "authority":
		leaf.IsCA = true
	case "sha1":
		leaf.SignatureAlgorithm = x509.SHA1WithRSA
		root = &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, NotAfter: leaf.NotAfter}
	case "disorder":
		root = &x509.Certificate{Subject: pkix.Name{CommonName: "stranger"}, IsCA: true, BasicConstraintsValid: true, NotAfter: leaf.NotAfter}
	default:
		t.Fatalf("no certificate is named %q", name)
	}
	cert, key := sign(t, leaf, root, name == "disorder")
	return map[string]string{"crt": base64.StdEncoding.EncodeToString(cert), "key": base64.StdEncoding.EncodeToString(key)}
}

// sign signs a certificate with the key of a root, or with its own. A stranger is put into the
// chain, but has signed nothing.
func sign(t *testing.T, leaf, root *x509.Certificate, stranger bool) (cert, key []byte) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	leaf.SerialNumber = big.NewInt(time.Now().UnixNano())
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	parent, signer := leaf, crypto.Signer(own)
	var more []byte
	if root != nil {
		rootKey, err := rsa.GenerateKey(rand.Reader, 2048)
		must(err)
		root.SerialNumber = big.NewInt(1)
		der, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
		must(err)
		if stranger {
			more = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		} else {
			parent, signer = root, rootKey
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, own.Public(), signer)
	must(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(own)
	must(err)
	cert = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), more...)
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
