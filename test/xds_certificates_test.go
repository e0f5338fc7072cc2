package test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/certs"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// securedXDS is an Envoy that speaks to gateway-cp over TLS, as docs/securing-xds.md has it: both
// have a certificate, a key and CAs in files.
type securedXDS struct {
	*harness.Env
	t              *testing.T
	c              *harness.ControlPlane
	envoy          *harness.Envoy
	ca             *certs.CA
	server, client certs.Files
	issued         int
}

const xdsIdentity = "spiffe://example.org/gateway-cp/fleet/{fleet}/node/{node}"

func newSecuredXDS(t *testing.T) *securedXDS {
	e := harness.New(t)
	s := &securedXDS{Env: e, t: t, ca: certs.New(t)}
	s.server, s.client = certs.NewFiles(t, e.Dir+"/server"), certs.NewFiles(t, e.Dir+"/client")
	s.server.Trust(s.ca)
	s.client.Trust(s.ca)
	s.server.Write(s.ca.Issue(e.IP.String()))
	s.client.Write(s.issue(s.ca))
	// A connection lasts half a second instead of an hour, so that new ones come soon.
	s.c = e.Serve("--xds-cert", s.server.Cert(), "--xds-key", s.server.Key(), "--xds-client-ca", s.server.CA(),
		"--xds-identity", xdsIdentity, "--xds-max-connection-age", "500ms", "--xds-connection-grace", "100ms")
	s.envoy = e.StartEnvoy("gw-1", s.c.XDS, "--xds-ca", s.client.CA(), "--xds-cert", s.client.Cert(), "--xds-key", s.client.Key(),
		"--sds-dir", e.Dir+"/sds")
	return s
}

// issue gives a certificate for the Envoy that differs from the others in when it expires.
func (s *securedXDS) issue(ca *certs.CA) tls.Certificate {
	s.issued++
	return ca.IssueUntil(time.Now().Add(time.Hour+time.Duration(s.issued)*time.Minute),
		"spiffe://example.org/gateway-cp/fleet/default/node/gw-1")
}

// comesWith waits until the Envoy has connected with a certificate after a time.
func (s *securedXDS) comesWith(what string, c tls.Certificate, after time.Time) {
	s.Helper()
	s.c.AwaitStatus(what, 20*time.Second, func(all admin.Status) error {
		if len(all.Envoys) == 0 {
			return fmt.Errorf("there is no Envoy: %+v", all.RefusedClients)
		}
		switch e := all.Envoys[0]; {
		case !e.Connected || !e.InSync || !e.Since.After(after):
			return fmt.Errorf("it is connected: %t, in sync: %t, since %s", e.Connected, e.InSync, e.Since)
		case e.Certificate == nil || !e.Certificate.Expires.Equal(c.Leaf.NotAfter):
			return fmt.Errorf("its certificate is %+v", e.Certificate)
		}
		return nil
	})
}

// isRefused gives the Envoy a certificate, and waits until it is refused and `fleet` says why.
func (s *securedXDS) isRefused(c tls.Certificate, why string) {
	s.Helper()
	s.client.Write(c)
	s.Await("it is refused: "+why, 20*time.Second, func() error {
		out, _ := s.c.CLI("fleet")
		if !strings.Contains(out, why) || !strings.Contains(out, "refused (ClientCertificate") {
			return fmt.Errorf("fleet says:\n%s", out)
		}
		return nil
	})
}

// heals gives the Envoy a good certificate, and waits until it is in again.
func (s *securedXDS) heals() {
	s.Helper()
	good := s.issue(s.ca)
	s.client.Write(good)
	s.comesWith("it is in again", good, time.Now())
	if out, _ := s.c.CLI("fleet"); strings.Contains(out, "refused (") {
		s.Errorf("it is in, and fleet still says that it is not:\n%s", out)
	}
}

// Certificates and CAs of the xDS connection are replaced on both sides while requests go through,
// and an Envoy whose certificate is no good keeps serving what it has until it has a good one.
func TestXDSCertificatesAreReplaced(t *testing.T) {
	t.Parallel()
	s := newSecuredXDS(t)
	port := s.FreePort()
	web, other := s.Backend("one"), s.Backend("two")
	s.Write("fleet.yaml", s.Fleet(port))
	s.Write("service.yaml", harness.Service("web", 80))
	s.Write("web.yaml", web.Workload("web"))
	s.envoy.AwaitLive()
	stream := harness.Stream{Name: "web", URL: "http://" + s.Address(port) + "/", Host: "web", Rate: 300}
	s.Await("web answers", 20*time.Second, stream.Answers("one"))
	s.Await("it has all that it shall, and its own certificates are no difference", 10*time.Second, func() error {
		if out, code := s.c.CLI("fleet", "diff", "gw-1", "--envoy-admin", s.envoy.Address); code != 0 {
			return fmt.Errorf("exit code %d:\n%s", code, out)
		}
		return nil
	})
	load := s.Load(stream)

	began := time.Now()
	second := s.issue(s.ca)
	s.client.Write(second)
	s.comesWith("the client's new certificate", second, began)

	// A new CA: first both are trusted, then certificates of the new one are taken into use, then
	// the old one is trusted no more.
	next := certs.New(t)
	s.server.Trust(s.ca, next)
	s.client.Trust(s.ca, next)
	third := s.issue(next)
	s.client.Write(third)
	s.server.Write(next.Issue(s.IP.String()))
	s.comesWith("certificates of the new CA", third, time.Now())
	s.server.Trust(next)
	s.client.Trust(next)
	s.comesWith("the new CA alone", third, time.Now())
	old := s.ca
	s.ca = next

	s.isRefused(s.ca.IssueUntil(time.Now().Add(-time.Minute), "spiffe://example.org/gateway-cp/fleet/default/node/gw-1"),
		"the client's certificate has expired")
	if log := s.c.Log(); !strings.Contains(log, "a client is refused") || !strings.Contains(log, "the client's certificate has expired") {
		t.Error("the log does not say why the Envoy is refused")
	}
	s.heals()
	s.isRefused(s.issue(old), "the client's certificate is not from --xds-client-ca")
	s.heals()

	s.Write("web.yaml", web.Workload("web")+other.Workload("web"))
	s.Await("a change arrives", 20*time.Second, stream.Answers("two"))
	samples := load.Stop()
	if failed := samples.Failed(); len(failed) > 0 || len(samples) == 0 {
		t.Errorf("%d of %d requests failed:\n%s", len(failed), len(samples), failed.Failures())
	}
	t.Logf("%d requests in %s, none failed", len(samples), time.Since(began).Round(time.Millisecond))
}
