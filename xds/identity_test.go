package xds

import (
	"crypto/x509"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestIdentityPatterns(t *testing.T) {
	for _, c := range []struct{ pattern, wrong string }{
		{"spiffe://example.org/gateway-cp/fleet/{fleet}/node/{node}", ""},
		{"spiffe://*/ns/gateways/sa/envoy-{fleet}", ""},
		{"{node}.{fleet}.envoys.example.com", ""},
		{"spiffe://example.org/node/{node}", "{fleet} must be in it once"},
		{"spiffe://example.org/{fleet}/{fleet}", "{fleet} must be in it once"},
		{"spiffe://example.org/{fleet}/{node}/{node}", "{node} at most once"},
		{"{node}-{fleet}.example.com", "two placeholders"},
		{"spiffe://example.org//{fleet}", "cannot be a part"},
		{"spiffe://example.org/{fleet}/", "cannot be a part"},
		{"spiffe://example.org/{fleet}/a b", "cannot be a part"},
		{"{fleet}.EXAMPLE.com", "cannot be a part"},
		{"spiffe://example.org/{fleet}/{zone}", "{zone} is not known"},
		{"https://example.org/{fleet}", "neither a SPIFFE ID"},
		{"", "cannot be a part"},
	} {
		_, err := ParseIdentity([]string{c.pattern})
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: error %v, want %q", c.pattern, err, c.wrong)
		}
	}
	if _, err := ParseIdentity(nil); err == nil {
		t.Error("no pattern is a rule")
	}
}

// A pattern takes what it says and nothing that merely looks like it.
func TestIdentitiesInCertificates(t *testing.T) {
	const spiffe, dns = "spiffe://example.org/gateway-cp/fleet/{fleet}/node/{node}", "{node}.{fleet}.envoys.example.com"
	for _, c := range []struct{ pattern, name, want string }{
		{spiffe, "spiffe://example.org/gateway-cp/fleet/edge/node/gw-1", "edge gw-1"},
		{spiffe, "spiffe://other.org/gateway-cp/fleet/edge/node/gw-1", ""},
		{spiffe, "spiffe://example.org.evil.com/gateway-cp/fleet/edge/node/gw-1", ""},
		{spiffe, "spiffe://example.org/gateway-cp/fleet/edge/node/gw-1/more", ""},
		{spiffe, "spiffe://example.org/x/gateway-cp/fleet/edge/node/gw-1", ""},
		{spiffe, "spiffe://example.org/gateway-cp/fleet/edge/node/gw%2F1", ""},
		{spiffe, "spiffe://example.org/gateway-cp/fleet/edge/node/gw-1?a=b", ""},
		{spiffe, "spiffe://user@example.org/gateway-cp/fleet/edge/node/gw-1", ""},
		{spiffe, "https://example.org/gateway-cp/fleet/edge/node/gw-1", ""},
		{DefaultIdentity, "spiffe://any.org/gateway-cp/fleet/edge/node/gw-1", "edge gw-1"},
		{"spiffe://example.org/ns/gateways/sa/envoy-{fleet}", "spiffe://example.org/ns/gateways/sa/envoy-edge", "edge "},
		{"spiffe://example.org/ns/*/sa/{fleet}", "spiffe://example.org/ns/a/b/sa/edge", ""},
		{dns, "gw-1.edge.envoys.example.com", "edge gw-1"},
		{dns, "GW-1.edge.envoys.EXAMPLE.com", "edge gw-1"},
		{dns, "a.gw-1.edge.envoys.example.com", ""}, // else edge could be claimed by a fleet gw-1.edge
		{dns, "*.edge.envoys.example.com", ""},
		{dns, "gw-1.edge.envoysXexample.com", ""},
		{dns, ".edge.envoys.example.com", ""},
	} {
		rule, err := ParseIdentity([]string{c.pattern})
		if err != nil {
			t.Fatal(err)
		}
		certificate := &x509.Certificate{}
		if u, err := url.Parse(c.name); err == nil && u.Scheme != "" {
			certificate.URIs = append(certificate.URIs, u)
		} else {
			certificate.DNSNames = append(certificate.DNSNames, c.name)
		}
		got := ""
		for _, id := range rule.read(certificate) {
			got += id.fleet + " " + id.node
		}
		if got != c.want {
			t.Errorf("%s in %s: got %q, want %q", c.pattern, c.name, got, c.want)
		}
	}
}

// All names of a certificate count, and of several patterns each.
func TestSeveralIdentities(t *testing.T) {
	rule, err := ParseIdentity([]string{"{node}.{fleet}.a.com", " spiffe://b.com/{fleet}"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("spiffe://b.com/core")
	if err != nil {
		t.Fatal(err)
	}
	ids := rule.read(&x509.Certificate{DNSNames: []string{"n1.edge.a.com", "n2.edge.a.com", "n1.edge.a.com"}, URIs: []*url.URL{u}})
	allowed := func(n Node) bool { return slices.ContainsFunc(ids, func(i identity) bool { return i.allows(n) }) }
	for n, want := range map[Node]bool{
		{ID: "n1", Fleet: "edge"}:  true,
		{ID: "n2", Fleet: "edge"}:  true,
		{ID: "n3", Fleet: "edge"}:  false,
		{ID: "any", Fleet: "core"}: true,
		{ID: "n1", Fleet: "b"}:     false,
	} {
		if allowed(n) != want {
			t.Errorf("%+v is allowed: %v", n, !want)
		}
	}
	if len(ids) != 3 {
		t.Errorf("got %+v", ids)
	}
	if _, one := (certified{is: ids}).only(); one {
		t.Error("three identities are one client")
	}
}

func TestDefaultIdentityIsBelieving(t *testing.T) {
	if r := AnyCertificate(); r.Strict() || r.String() != DefaultIdentity {
		t.Errorf("got %v, strict %v", r, r.Strict())
	}
}
