package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/gateway-cp/gateway-cp/replica"
)

// readTLS reads the configuration of a server that asks for client certificates.
func readTLS(cert, key, clientCA string, log *slog.Logger) (*tlsFiles, error) {
	r := &tlsFiles{cert: cert, key: key, clientCA: clientCA, log: log}
	if _, err := r.current(); err != nil {
		return nil, err
	}
	return r, nil
}

// credentials are those of a server for gRPC. Connections that are open stay when files
// change: the new ones are for handshakes from then on.
func (r *tlsFiles) credentials() credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return r.current()
		},
	})
}

// clientOf are those of a client that trusts only replicas.
func (r *tlsFiles) clientOf(identity replica.Identity) credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2"},
		// What a leader must prove is that it is one, not what it is called: see VerifyConnection.
		InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			config, err := r.current()
			if err != nil {
				return nil, err
			}
			return &config.Certificates[0], nil
		},
		VerifyConnection: func(cs tls.ConnectionState) error {
			config, err := r.current()
			if err != nil {
				return err
			}
			return identity.CheckServer(cs, config.ClientCAs)
		},
	})
}

// doubt says why others that trust the same CAs will not take the certificate of a client; nil: they will.
func (r *tlsFiles) doubt() error {
	if r == nil {
		return nil
	}
	config, err := r.current()
	if err != nil {
		return err
	}
	_, err = config.Certificates[0].Leaf.Verify(x509.VerifyOptions{Roots: config.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return fmt.Errorf("the leader will not take the certificate in --xds-cert %s: %w", r.cert, err)
	}
	return nil
}

// expires is when the server's certificate does.
func (r *tlsFiles) expires() time.Time {
	if r == nil {
		return time.Time{}
	}
	config, err := r.current()
	if err != nil {
		return time.Time{}
	}
	return config.Certificates[0].Leaf.NotAfter
}

// tlsFiles is a configuration that comes from three files. They are read again when they
// change; what cannot be read then is logged, and what was read last stays in use.
type tlsFiles struct {
	cert, key, clientCA string
	log                 *slog.Logger

	mu     sync.Mutex
	seen   [3]fs.FileInfo
	config *tls.Config
	failed string // the last error, which is logged once
}

// current gives the configuration, read again if a file is another than before. An error
// only comes while none has been read.
func (r *tlsFiles) current() (*tls.Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen, changed, err := r.look()
	if err == nil && !changed {
		return r.config, nil
	}
	var config *tls.Config
	if err == nil {
		config, err = r.read()
	}
	if err != nil {
		if r.config == nil {
			return nil, err
		}
		if r.failed != err.Error() {
			r.failed = err.Error()
			r.log.Error("the TLS files of the xDS server cannot be read: the last good ones stay in use", "error", err)
		}
		return r.config, nil
	}
	if r.config != nil {
		r.log.Info("the TLS files of the xDS server were read again")
	}
	r.seen, r.config, r.failed = seen, config, ""
	return config, nil
}

// look says whether a file is another than the one that was read.
func (r *tlsFiles) look() (seen [3]fs.FileInfo, changed bool, err error) {
	for i, path := range []string{r.cert, r.key, r.clientCA} {
		if seen[i], err = os.Stat(path); err != nil {
			return seen, true, err
		}
		was := r.seen[i]
		changed = changed || was == nil || !os.SameFile(was, seen[i]) ||
			!was.ModTime().Equal(seen[i].ModTime()) || was.Size() != seen[i].Size()
	}
	return seen, changed, nil
}

func (r *tlsFiles) read() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(r.cert, r.key)
	if err != nil {
		return nil, fmt.Errorf("--xds-cert %s, --xds-key %s: %w", r.cert, r.key, err)
	}
	pem, err := os.ReadFile(r.clientCA)
	if err != nil {
		return nil, fmt.Errorf("--xds-client-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--xds-client-ca %s: no certificate in it", r.clientCA)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"h2"},
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		// A session that is resumed would skip the check of the certificate by a CA that has
		// been replaced meanwhile; connections last, so that little is lost.
		SessionTicketsDisabled: true,
	}, nil
}
