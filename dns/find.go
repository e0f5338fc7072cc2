package dns

import (
	"net/netip"
	"slices"
	"strings"
)

// node is what there is at a name. It may be nothing: a name is there because of one below it.
type node struct {
	addresses []netip.Addr
	alias     string // another name for the same, with the dot of the root
	ports     []portAt
	of        name // the Service that the ports are of
	text      string
	names     []string // of an address
	apex      bool     // the domain itself
}

// schemaVersion is that of Kubernetes' specification.
const schemaVersion = "1.1.0"

// find looks a name up, which is in lower case and ends with the dot of the root. ours is false for
// a name that others know about; there is false for one that we should know and do not.
func (s *snapshot) find(fqdn string) (n node, there, ours bool) {
	if fqdn == s.domain {
		return node{apex: true}, true, true
	}
	if part, in := strings.CutSuffix(fqdn, "."+s.domain); in {
		n, there = s.findPart(part)
		return n, there, true
	}
	if a, ok := reverseAddress(fqdn); ok {
		if names := s.names(a); len(names) > 0 {
			return node{names: names}, true, true
		}
	}
	return node{}, false, false
}

// findPart looks up a name within the domain.
func (s *snapshot) findPart(part string) (node, bool) {
	rest, last := cutLast(part)
	switch {
	case part == "dns-version":
		return node{text: schemaVersion}, true
	case part == "svc", part == "pod", part == "dns", part == "ns.dns":
		return node{}, true
	case last == "svc":
		return s.findService(rest)
	case last == "pod":
		label, namespace := cutLast(rest)
		if label == "" {
			return node{}, s.hasNamespace(namespace)
		}
		a, ok := dashedAddress(label)
		if !ok || !s.hasNamespace(namespace) {
			return node{}, false
		}
		return node{addresses: []netip.Addr{a}}, true
	}
	return node{}, false
}

// findService looks up a name that ends with that of a namespace.
func (s *snapshot) findService(part string) (node, bool) {
	rest, namespace := cutLast(part)
	if rest == "" {
		return node{}, s.hasNamespace(namespace)
	}
	below, service := cutLast(rest)
	r := s.service(namespace, service)
	switch {
	case r == nil:
		return node{}, false
	case below == "" && r.headless && len(r.addresses) == 0:
		return node{}, false // so says the specification
	case below == "":
		return node{addresses: r.addresses, alias: r.external}, true
	}
	if addresses, ok := r.hosts[below]; ok {
		return node{addresses: addresses}, true
	}
	if ports, ok := r.ports[below]; ok {
		return node{ports: ports, of: r.service}, true
	}
	return node{}, r.hasProtocol(below)
}

// cutLast cuts the last label off a name.
func cutLast(part string) (rest, label string) {
	i := strings.LastIndexByte(part, '.')
	if i < 0 {
		return "", part
	}
	return part[:i], part[i+1:]
}

// dashedAddress reads an address that is written as a label: 10-0-0-1, or fd00--1.
func dashedAddress(label string) (netip.Addr, bool) {
	separator := ":"
	if strings.Count(label, "-") == 3 && !strings.Contains(label, "--") {
		separator = "."
	}
	a, err := netip.ParseAddr(strings.ReplaceAll(label, "-", separator))
	return a, err == nil && a.Zone() == ""
}

// reverseAddress reads the name of an address: 1.0.0.10.in-addr.arpa, or 32 digits before ip6.arpa.
func reverseAddress(fqdn string) (netip.Addr, bool) {
	if digits, ok := strings.CutSuffix(fqdn, ".in-addr.arpa."); ok {
		labels := strings.Split(digits, ".")
		slices.Reverse(labels)
		a, err := netip.ParseAddr(strings.Join(labels, "."))
		return a, err == nil && a.Is4()
	}
	digits, ok := strings.CutSuffix(fqdn, ".ip6.arpa.")
	if !ok || len(digits) != 2*32-1 {
		return netip.Addr{}, false
	}
	var address strings.Builder
	for i := len(digits) - 1; i >= 0; i -= 2 {
		if i+1 < len(digits) && digits[i+1] != '.' {
			return netip.Addr{}, false
		}
		if n := len(digits) - 1 - i; n > 0 && n%8 == 0 {
			address.WriteByte(':')
		}
		address.WriteByte(digits[i])
	}
	a, err := netip.ParseAddr(address.String())
	return a, err == nil && a.Is6()
}
