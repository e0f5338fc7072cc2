package admission

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// issue makes a certificate for a key that is valid from a day before now for some days.
func issue(t *testing.T, key crypto.Signer, days int) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a.example.com"}, DNSNames: []string{"a.example.com"},
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(0, 0, days),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encode(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func generate[K crypto.Signer](t *testing.T) func(K, error) K {
	return func(key K, err error) K {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
}

func TestTLSSecret(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	ec := generate[*ecdsa.PrivateKey](t)
	p256, other := ec(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), ec(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p224 := ec(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	weak := generate[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))
	strong := generate[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good, key := issue(t, p256, 90), encode(t, p256)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("nonsense")})
	for _, c := range []struct {
		name      string
		crt, key  []byte
		want      string // severity and path; empty: no problem
		wantWords string
	}{
		{"ECDSA", good, key, "", ""},
		{"RSA", issue(t, strong, 90), encode(t, strong), "", ""},
		{"Ed25519", issue(t, edwards, 90), encode(t, edwards), "", ""},
		{"chain", append(append([]byte("# leaf\n"), good...), issue(t, other, 90)...), key, "", ""},
		{"no certificate", nil, key, "error data[tls.crt]", "there is no certificate"},
		{"not PEM", []byte("secret"), key, "error data[tls.crt]", "no PEM certificate"},
		{"cannot be parsed", broken, key, "error data[tls.crt]", "certificate 1 of the chain"},
		{"broken second certificate", append(append([]byte(nil), good...), broken...), key, "error data[tls.crt]", "certificate 2 of the chain"},
		{"key in the certificate", append(append([]byte(nil), key...), good...), key, "error data[tls.crt]", "holds a private key"},
		{"no key", good, nil, "error data[tls.key]", "no private key"},
		{"key not PEM", good, []byte("secret"), "error data[tls.key]", "no PEM private key"},
		{"key of another certificate", good, encode(t, other), "error data[tls.key]", "not that of the certificate"},
		{"encrypted key", good, encrypted, "error data[tls.key]", "encrypted"},
		{"weak RSA", issue(t, weak, 90), encode(t, weak), "error data[tls.crt]", "1024 bits"},
		{"curve", issue(t, p224, 90), encode(t, p224), "error data[tls.crt]", "P-224"},
		{"expired", issue(t, p256, 0), key, "warning data[tls.crt]", "expired on 2026-06-01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			secret := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "a"}, Type: corev1.SecretTypeTLS,
				Data: map[string][]byte{"tls.crt": c.crt, "tls.key": c.key},
			}
			problems := admit(secret, now.Add(time.Hour))
			if c.want == "" {
				if len(problems) > 0 {
					t.Fatalf("got %v", problems)
				}
				return
			}
			if len(problems) != 1 {
				t.Fatalf("got %v, want one problem", problems)
			}
			p := problems[0]
			reason := api.ReasonInvalidCertificate
			if p.Severity == api.Warning {
				reason = api.ReasonCertificateExpired
			}
			if got := string(p.Severity) + " " + p.Path; got != c.want || p.Reason != reason || !strings.Contains(p.Message, c.wantWords) {
				t.Errorf("got %v, want %s with %q", p, c.want, c.wantWords)
			}
			if strings.Contains(p.String(), "secret") || strings.Contains(p.String(), "BEGIN PRIVATE KEY-----\n") {
				t.Errorf("tells content of the Secret: %v", p)
			}
		})
	}
}

// stringData is what people write by hand; the API server moves it into data.
func TestStringData(t *testing.T) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "a"},
		Data:       map[string][]byte{"a": []byte("old"), "b": []byte("kept")},
		StringData: map[string]string{"a": "new"},
	}
	if problems := Admit(secret); len(problems) > 0 {
		t.Fatal(problems)
	}
	if string(secret.Data["a"]) != "new" || string(secret.Data["b"]) != "kept" || secret.StringData != nil || secret.Type != corev1.SecretTypeOpaque {
		t.Errorf("got %+v", secret)
	}
}
