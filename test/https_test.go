package test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// certificate is a self-signed one for some names, as a Secret holds it.
type certificate struct {
	leaf      *x509.Certificate
	cert, key []byte // PEM
}

func newCertificate(t *testing.T, serial int64, names ...string) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{leaf: leaf,
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

func (c certificate) secret(name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\ntype: kubernetes.io/tls\ndata: {tls.crt: %s, tls.key: %s}\n---\n",
		name, base64.StdEncoding.EncodeToString(c.cert), base64.StdEncoding.EncodeToString(c.key))
}

// client trusts these certificates only.
func client(serverName string, certificates ...certificate) *tls.Config {
	pool := x509.NewCertPool()
	for _, c := range certificates {
		pool.AddCert(c.leaf)
	}
	return &tls.Config{RootCAs: pool, ServerName: serverName}
}

// Each HTTPS listener shows the certificate of its host, and a new one takes effect under load
// without a failed handshake.
func TestHTTPSWithRotation(t *testing.T) {
	e := harness.New(t)
	port := e.FreePort()
	a, b := newCertificate(t, 1, "a.example.com"), newCertificate(t, 2, "b.example.com")
	listener := func(name string) string {
		return fmt.Sprintf("{name: %s, port: %d, protocol: HTTPS, hostname: %[1]s.example.com, tls: {certificateRefs: [{name: %[1]s}]}}", name, port)
	}
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("gateway.yaml", fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gateway-cp}
spec: {controllerName: gateway-cp.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: gateway-cp, listeners: [%s, %s]}
---
`, listener("a"), listener("b"))+harness.Route("a", "a.example.com", 80)+harness.Route("b", "b.example.com", 80))
	e.Write("services.yaml", harness.Service("a", 80)+e.Backend("a").Workload("a")+harness.Service("b", 80)+e.Backend("b").Workload("b"))
	e.Write("secret-a.yaml", a.secret("a"))
	e.Write("secret-b.yaml", b.secret("b"))
	c := e.Run()
	c.AwaitStatus("Envoy is in sync", 10*time.Second, harness.InSync(1))
	url := "https://" + e.Address(port) + "/"
	stream := func(name string, http2 bool, certificates ...certificate) harness.Stream {
		host := name + ".example.com"
		return harness.Stream{Name: name, URL: url, Host: host, HTTP2: http2, TLS: client(host, certificates...)}
	}
	for _, http2 := range []bool{false, true} {
		e.Await("a over TLS", 10*time.Second, stream("a", http2, a).Answers("a"))
		e.Await("b over TLS", 10*time.Second, stream("b", http2, b).Answers("b"))
	}
	if _, _, err := stream("a", false, b).Do(); err == nil {
		t.Error("a shows the certificate of b")
	}
	// No host of a listener: no certificate, no answer.
	if resp, _, err := (harness.Stream{URL: url, TLS: client("c.example.com", a, b)}).Do(); err == nil {
		t.Errorf("an unknown name was answered %s", resp.Status)
	}
	rotate(t, e, c, stream, a)
}

// rotate replaces the certificate of a again and again, while new clients come all the time.
func rotate(t *testing.T, e *harness.Env, c *harness.ControlPlane, stream func(string, bool, ...certificate) harness.Stream, a certificate) {
	n := counts(50)
	all := []certificate{a}
	for i := range n {
		all = append(all, newCertificate(t, int64(10+i), "a.example.com"))
	}
	kept := stream("a", true, all...)
	kept.Rate = 200
	load := e.Load(kept)
	done, ended := make(chan struct{}), make(chan int)
	var shown atomic.Pointer[x509.Certificate]
	go func() {
		handshakes := 0
		defer func() { ended <- handshakes }()
		s := stream("a", false, all...)
		for {
			select {
			case <-done:
				return
			default:
			}
			resp, _, err := s.Do()
			if err == nil && resp.StatusCode != http.StatusOK {
				err = errors.New(resp.Status)
			}
			if err != nil {
				t.Errorf("a client that came during a rotation: %v", err)
				return
			}
			shown.Store(resp.TLS.PeerCertificates[0])
			handshakes++
		}
	}()
	for _, next := range all[1:] {
		e.Write("secret-a.yaml", next.secret("a"))
		e.Await("the new certificate", 10*time.Second, func() error {
			if now := shown.Load(); now == nil || !bytes.Equal(now.Raw, next.leaf.Raw) {
				return errors.New("an older one is shown")
			}
			return nil
		})
	}
	close(done)
	handshakes := <-ended
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("requests on connections that were kept failed:\n%s", text)
	}
	if handshakes < n {
		t.Errorf("only %d handshakes", handshakes)
	}
	c.AwaitStatus("Envoy is in sync", 10*time.Second, harness.InSync(1))
	t.Logf("%d rotations, %d handshakes, %d requests", n, handshakes, len(samples))
}
