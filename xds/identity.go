package xds

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// DefaultIdentity is where a certificate carries the fleet and the node of an Envoy if no rule
// is given. See https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md.
const DefaultIdentity = "spiffe://*/gateway-cp/fleet/{fleet}/node/{node}"

// IdentityRule says where a client certificate carries the fleet and the node of an Envoy. An
// Envoy may only claim what its certificate carries.
type IdentityRule struct {
	patterns []identityPattern
	// strict refuses certificates that carry neither; otherwise what such an Envoy says of
	// itself is believed.
	strict bool
}

// identityPattern matches one name in a certificate.
type identityPattern struct {
	text   string
	spiffe bool // else a DNS name
	match  *regexp.Regexp
}

// AnyCertificate is the rule that holds where none is given: a certificate that carries
// DefaultIdentity is held to it, and with any other what an Envoy says of itself is believed.
func AnyCertificate() IdentityRule {
	p, err := parseIdentityPattern(DefaultIdentity)
	if err != nil {
		panic(err) // a constant
	}
	return IdentityRule{patterns: []identityPattern{p}}
}

// ParseIdentity reads a rule: patterns, one of which a certificate must match. A pattern is a
// SPIFFE ID or a DNS name in which {fleet}, {node} or * stands for (a part of) one segment or
// label, such as
//
//	spiffe://example.org/gateway-cp/fleet/{fleet}/node/{node}
//	{node}.{fleet}.envoys.example.com
//
// Without {node} every node of the fleet may be claimed. An error says what is wrong with
// which pattern.
func ParseIdentity(patterns []string) (IdentityRule, error) {
	if len(patterns) == 0 {
		return IdentityRule{}, errors.New("no pattern")
	}
	rule := IdentityRule{strict: true}
	for _, text := range patterns {
		p, err := parseIdentityPattern(strings.TrimSpace(text))
		if err != nil {
			return rule, fmt.Errorf("%q: %w", text, err)
		}
		rule.patterns = append(rule.patterns, p)
	}
	return rule, nil
}

var (
	placeholder   = regexp.MustCompile(`\{[^}]*\}|\*`)
	literalSPIFFE = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)
	literalDNS    = regexp.MustCompile(`^[a-z0-9_-]*$`)
)

func parseIdentityPattern(text string) (identityPattern, error) {
	p := identityPattern{text: text}
	rest, separator, value, literal := text, ".", `[a-z0-9_-]+`, literalDNS
	prefix := "^"
	if after, ok := strings.CutPrefix(text, "spiffe://"); ok {
		p.spiffe = true
		rest, separator, value, literal = after, "/", `[A-Za-z0-9._-]+`, literalSPIFFE
		prefix = "^spiffe://"
	} else if strings.ContainsAny(text, "/:") {
		return p, errors.New("neither a SPIFFE ID (spiffe://…) nor a DNS name")
	}
	seen := map[string]int{}
	segments := strings.Split(rest, separator)
	for i, segment := range segments {
		names := placeholder.FindAllString(segment, -1)
		if len(names) > 1 {
			return p, fmt.Errorf("%q has two placeholders, so that a name could be read in more than one way: separate them with %q", segment, separator)
		}
		before, after := segment, ""
		if len(names) == 1 {
			before, after, _ = strings.Cut(segment, names[0])
		}
		if segment == "" || !literal.MatchString(before) || !literal.MatchString(after) {
			return p, fmt.Errorf("%q cannot be a part of such a name", segment)
		}
		group := ""
		if len(names) == 1 {
			switch names[0] {
			case "{fleet}", "{node}":
				group = "(?P<" + strings.Trim(names[0], "{}") + ">" + value + ")"
			case "*":
				group = value
			default:
				return p, fmt.Errorf("%s is not known: write {fleet}, {node} or *", names[0])
			}
			seen[names[0]]++
		}
		segments[i] = regexp.QuoteMeta(before) + group + regexp.QuoteMeta(after)
	}
	if seen["{fleet}"] != 1 || seen["{node}"] > 1 {
		return p, errors.New("{fleet} must be in it once, and {node} at most once")
	}
	p.match = regexp.MustCompile(prefix + strings.Join(segments, regexp.QuoteMeta(separator)) + "$")
	return p, nil
}

// String gives the patterns, as ParseIdentity reads them.
func (r IdentityRule) String() string {
	texts := make([]string, len(r.patterns))
	for i, p := range r.patterns {
		texts[i] = p.text
	}
	return strings.Join(texts, ",")
}

// Strict says whether certificates that carry no identity are refused.
func (r IdentityRule) Strict() bool { return r.strict }

// identity is who an Envoy is according to a name in its certificate.
type identity struct {
	name        string // as in the certificate
	fleet, node string // node is empty where any may be claimed
}

// allows says whether an Envoy with this identity may call itself that.
func (i identity) allows(n Node) bool {
	return i.fleet == n.Fleet && (i.node == "" || i.node == n.ID)
}

// read gives all identities that a certificate carries.
func (r IdentityRule) read(c *x509.Certificate) []identity {
	var found []identity
	add := func(p identityPattern, name string) {
		m := p.match.FindStringSubmatch(name)
		if m == nil {
			return
		}
		id := identity{name: name, fleet: m[p.match.SubexpIndex("fleet")]}
		if n := p.match.SubexpIndex("node"); n > 0 {
			id.node = m[n]
		}
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	for _, p := range r.patterns {
		if !p.spiffe {
			for _, name := range c.DNSNames {
				add(p, strings.ToLower(name))
			}
			continue
		}
		for _, u := range c.URIs {
			if id, err := spiffeid.FromURI(u); err == nil {
				add(p, id.String())
			}
		}
	}
	return found
}

// certified is what the TLS of a connection says of the client.
type certified struct {
	tls     bool // there is TLS at all
	shown   bool // with a certificate of a CA that is trusted
	names   []string
	expires time.Time
	is      []identity
}

// certifiedOf reads the certificate of the client of a stream.
func (r IdentityRule) certifiedOf(ctx context.Context) certified {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return certified{}
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return certified{}
	}
	if len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return certified{tls: true}
	}
	leaf := info.State.VerifiedChains[0][0]
	return certified{tls: true, shown: true, names: namesIn(leaf), expires: leaf.NotAfter, is: r.read(leaf)}
}

// namesIn gives the names in a certificate that can be an identity.
func namesIn(c *x509.Certificate) (names []string) {
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return append(names, c.DNSNames...)
}

// only is the identity if it names one node; a client that has it may connect more than once.
func (c certified) only() (identity, bool) {
	if len(c.is) == 1 && c.is[0].node != "" {
		return c.is[0], true
	}
	return identity{}, false
}
