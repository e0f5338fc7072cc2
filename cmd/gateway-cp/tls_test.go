package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"
)

// selfSigned gives a certificate that is its own CA, and its key.
func selfSigned(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// handshake connects a client with a certificate; it gives the name in the server's.
func handshake(t *testing.T, server credentials.TransportCredentials, serverCert, cert, key []byte) (string, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer func() { _ = conn.Close() }()
			_, _, err = server.ServerHandshake(conn)
		}
		served <- err
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(serverCert)
	config := &tls.Config{RootCAs: pool, ServerName: "cp", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}
	if cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	client := tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = client.HandshakeContext(ctx)
	if serverErr := <-served; err == nil {
		err = serverErr
	}
	if err != nil {
		return "", err
	}
	return client.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// Envoys must show a certificate of the CA, and certificates are replaced while we run.
func TestTLSFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path(name+".new"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path(name+".new"), path(name)); err != nil {
			t.Fatal(err)
		}
	}
	serverCert, serverKey := selfSigned(t, "cp")
	envoyCert, envoyKey := selfSigned(t, "gw-1")
	write("cert", serverCert)
	write("key", serverKey)
	write("ca", envoyCert)
	var log bytes.Buffer
	files, err := readTLS(path("cert"), path("key"), path("ca"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	creds := files.credentials()
	if _, err := handshake(t, creds, serverCert, envoyCert, envoyKey); err != nil {
		t.Fatalf("an Envoy of the CA is refused: %v", err)
	}
	strangerCert, strangerKey := selfSigned(t, "stranger")
	if _, err := handshake(t, creds, serverCert, strangerCert, strangerKey); err == nil {
		t.Error("a certificate of another CA is accepted")
	}
	if _, err := handshake(t, creds, serverCert, nil, nil); err == nil {
		t.Error("no certificate is accepted")
	}

	write("ca", strangerCert)
	if _, err := handshake(t, creds, serverCert, strangerCert, strangerKey); err != nil {
		t.Errorf("the new CA is not used: %v", err)
	}
	secondCert, secondKey := selfSigned(t, "cp")
	write("cert", secondCert) // its key comes later: the last pair stays
	for range 2 {
		if _, err := handshake(t, creds, serverCert, strangerCert, strangerKey); err != nil {
			t.Errorf("half a replacement breaks the server: %v", err)
		}
	}
	if n := strings.Count(log.String(), "the last good ones stay in use"); n != 1 {
		t.Errorf("the error is logged %d times, want once: %s", n, log.String())
	}
	write("key", secondKey)
	if _, err := handshake(t, creds, secondCert, strangerCert, strangerKey); err != nil {
		t.Errorf("the new certificate is not used: %v", err)
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("a key is in the log")
	}
}

func TestTLSFilesMustBeGood(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, "cp")
	good := map[string][]byte{"cert": cert, "key": key, "ca": cert}
	for name, want := range map[string]string{"cert": "--xds-cert", "key": "--xds-key", "ca": "no certificate in it"} {
		for file, data := range good {
			if file == name {
				data = []byte("nonsense")
			}
			if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := readTLS(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "ca"), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("broken %s: got %v, want %q in it", name, err, want)
		}
	}
}
