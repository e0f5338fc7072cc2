package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/replica"
	"github.com/gateway-cp/gateway-cp/state"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	certPEM, keyPEM := selfSigned(t, name)
	block, _ := pem.Decode(certPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(keyPEM)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key.(*ecdsa.PrivateKey), file: filepath.Join(dir, name+".ca")}
	if err := os.WriteFile(a.file, certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// files are those of a process with a certificate for an id; expired ones have been good once.
func (a *authority) files(t *testing.T, trusts *authority, id string, lasts time.Duration) *tlsFiles {
	t.Helper()
	uri, err := url.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "x"}, URIs: []*url.URL{uri},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := readTLS(certFile, keyFile, trusts.file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// meet has a follower connect to a leader, and gives what the follower says of it: empty when it follows.
func meet(t *testing.T, leader, follower *tlsFiles) string {
	t.Helper()
	identity, err := replica.ParseIdentity(replica.DefaultIdentity)
	if err != nil {
		t.Fatal(err)
	}
	c := &serveConfig{Replica: replicaConfig{identity: identity}}
	serving := c.replicaServer(leader)
	store, err := state.Open(t.TempDir(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	log := slog.New(slog.DiscardHandler)
	leads, err := replica.NewLeader(replica.LeaderOptions{Name: "a", State: store, Log: log, Identity: c.followers(leader)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var both sync.WaitGroup
	defer both.Wait()
	defer cancel()
	both.Go(func() {
		if err := leads.Serve(ctx, l, serving); err != nil {
			t.Error(err)
		}
	})
	c.Replica.Follow = l.Addr().String()
	follows := replica.NewFollower(replica.FollowerOptions{
		Leader: c.Replica.Follow, Name: "b", Credentials: c.replicaClient(follower), Doubt: follower.doubt, Log: log,
		Load: func() []replica.Load { return nil }, Status: func() json.RawMessage { return nil },
	})
	both.Go(func() {
		if err := follows.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if l := follows.Leader(); l.Connected || l.Problem != "" {
			return l.Problem
		}
	}
	t.Fatal("nothing comes of it")
	return ""
}

// Whoever may speak to a replica can move traffic: an Envoy may not, though its certificate comes
// from the same CA.
func TestReplicasKnowEachOther(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := newAuthority(t, dir, "ours"), newAuthority(t, dir, "theirs")
	const hour = time.Hour
	a := ours.files(t, ours, "spiffe://example.org/gateway-cp/replica/a", hour)
	b := ours.files(t, ours, "spiffe://example.org/gateway-cp/replica/b", hour)
	envoy := ours.files(t, ours, "spiffe://example.org/gateway-cp/fleet/default/node/gw-1", hour)
	stranger := theirs.files(t, ours, "spiffe://example.org/gateway-cp/replica/b", hour)
	late := ours.files(t, ours, "spiffe://example.org/gateway-cp/replica/b", -time.Minute)
	for _, c := range []struct {
		name             string
		leader, follower *tlsFiles
		why              string // empty: they meet
	}{
		{"two replicas", a, b, ""},
		{"an Envoy follows", a, envoy, "the leader refuses this replica: the certificate is not of a replica: it has spiffe://example.org/gateway-cp/fleet/default/node/gw-1, " +
			"and a replica's has spiffe://*/gateway-cp/replica/* (--replica-identity): give it an --xds-cert with such a name, or all replicas the same --replica-identity"},
		{"an Envoy says that it leads", envoy, b, "the leader is not followed: the certificate is not of a replica: it has spiffe://example.org/gateway-cp/fleet/default/node/gw-1, "},
		{"a follower of another CA", a, stranger, "the leader will not take the certificate in --xds-cert " + stranger.cert + ": x509: certificate signed by unknown authority"},
		{"a leader of another CA", stranger, b, "unknown authority"},
		{"a follower whose certificate has expired", a, late, "the leader will not take the certificate in --xds-cert " + late.cert + ": x509: certificate has expired"},
		{"a leader whose certificate has expired", late, b, "expired"},
		{"plaintext", a, nil, "error reading server preface"},
	} {
		if why := meet(t, c.leader, c.follower); (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %q, want %q", c.name, why, c.why)
		}
	}
}

func TestReplicaFlags(t *testing.T) {
	for _, c := range []struct {
		name string
		c    serveConfig
		why  string // empty: they are fine
	}{
		{"none", serveConfig{}, ""},
		{"a leader", serveConfig{Replica: replicaConfig{Address: "127.0.0.1:1", Name: "a", Identity: replica.DefaultIdentity}}, ""},
		{"both", serveConfig{Replica: replicaConfig{Address: "127.0.0.1:1", Follow: "127.0.0.1:2"}}, "contradict each other"},
		{"no port", serveConfig{Replica: replicaConfig{Follow: "cp.example.com"}}, "--follow"},
		{"in the open", serveConfig{Replica: replicaConfig{Follow: "cp.example.com:1", Name: "b"}}, "without TLS anybody could say where the traffic goes"},
		{"in the open, meant", serveConfig{XDSInsecure: true, Replica: replicaConfig{Follow: "cp.example.com:1", Name: "b", Identity: replica.DefaultIdentity}}, ""},
		{"half of TLS", serveConfig{Replica: replicaConfig{Follow: "127.0.0.1:1", Name: "b", CA: "ca"}}, "--replica-ca is given, but --xds-cert is not"},
		{"no identity", serveConfig{Replica: replicaConfig{Follow: "127.0.0.1:1", Name: "b", Identity: "http://x"}}, "--replica-identity"},
	} {
		err := c.c.checkReplica()
		if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", c.name, err, c.why)
		}
	}
}
