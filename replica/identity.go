package replica

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// DefaultIdentity is the name in a certificate that makes a client or server a replica, where
// nothing else is said. Envoys have certificates of the same CA: they must not have it.
const DefaultIdentity = "spiffe://*/gateway-cp/replica/*"

// Identity says which certificates are of replicas: a SPIFFE ID (URI) or DNS name, in which *
// stands for (a part of) one segment or label.
type Identity struct {
	text   string
	spiffe bool
}

// ParseIdentity reads a pattern.
func ParseIdentity(text string) (Identity, error) {
	rest, spiffe := strings.CutPrefix(text, "spiffe://")
	switch {
	case rest == "" || strings.ContainsAny(rest, `[]?\ `):
		return Identity{}, errors.New("it is neither a SPIFFE ID (spiffe://…) nor a DNS name, with * for a part of it")
	case !spiffe && strings.ContainsAny(text, "/:"):
		return Identity{}, errors.New("neither a SPIFFE ID (spiffe://…) nor a DNS name")
	}
	return Identity{text, spiffe}, nil
}

// String is the pattern.
func (i Identity) String() string { return i.text }

// Check refuses a certificate that is not of a replica.
func (i Identity) Check(c *x509.Certificate) error {
	var names []string
	for _, u := range c.URIs {
		if names = append(names, u.String()); i.spiffe && match(i.text, u.String()) {
			return nil
		}
	}
	for _, n := range c.DNSNames {
		// path.Match lets * stand for anything but a slash.
		if names = append(names, n); !i.spiffe && match(strings.ReplaceAll(i.text, ".", "/"), strings.ReplaceAll(strings.ToLower(n), ".", "/")) {
			return nil
		}
	}
	has := "no names"
	if len(names) > 0 {
		has = strings.Join(names, ", ")
	}
	return fmt.Errorf("the certificate is not of a replica: it has %s, and a replica's has %s (--replica-identity)", has, i)
}

// whatToDo ends what is said of a certificate that is not of a replica.
const whatToDo = "give it an --xds-cert with such a name, or all replicas the same --replica-identity"

// checkFollower refuses the client of a stream that is not a replica, in words for the client.
func (i Identity) checkFollower(ctx context.Context) error {
	p, _ := peer.FromContext(ctx)
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return errors.New("the leader refuses a replica without a verified certificate")
	}
	if err := i.Check(info.State.PeerCertificates[0]); err != nil {
		return fmt.Errorf("the leader refuses this replica: %w: %s", err, whatToDo)
	}
	return nil
}

func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// CheckServer is for tls.Config.VerifyConnection of a client: the server must be a replica by a
// certificate of the CAs, whatever the address that it was reached at.
func (i Identity) CheckServer(cs tls.ConnectionState, roots *x509.CertPool) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("the leader has shown no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return err
	}
	if err := i.Check(cs.PeerCertificates[0]); err != nil {
		return fmt.Errorf("the leader is not followed: %w: %s", err, whatToDo)
	}
	return nil
}
