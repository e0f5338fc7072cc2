package traffic

import (
	"fmt"
	"strings"
)

// findHost finds the route configuration and in it the virtual host.
func (f *flow) findHost() bool {
	table := f.chain.Tables[""]
	if f.chain.Scoped {
		key := scopeKey(f.authority)
		if table = f.chain.Tables[key]; table == nil {
			f.nearestHosts()
			return f.answers(404, "no Service that the fleet serves has a name that begins with %q", key)
		}
	}
	if table == nil {
		return f.answers(404, "the filter chain has no routes yet")
	}
	host, domain, why := table.find(f.authority)
	if host == nil {
		f.nearestHosts()
		if f.chain.Scoped {
			return f.answers(404, "no Service answers for the host %s", f.authority)
		}
		return f.answers(404, "nothing answers for the host %s on this listener", f.authority)
	}
	f.host = host
	f.explanation.Host = &HostStep{Name: host.Name, Table: table.Name, Scoped: f.chain.Scoped, Domain: domain, Why: why, From: host.From}
	return true
}

// scopeKey is what the scopes of Services are found by: the first label of the host, in lower
// case (translator/scope.go).
func scopeKey(authority string) string {
	key, _, _ := strings.Cut(strings.ToLower(authority), ".")
	return key
}

// find gives the virtual host for an authority, as RouteMatcher::findVirtualHost does: the name
// itself, then the longest wildcard, then the one for all; without regard to case.
func (t *Table) find(authority string) (host *Host, domain, why string) {
	name := strings.ToLower(authority)
	if t.Envoy.GetIgnorePortInHostMatching() {
		name = withoutPort(name)
	}
	var wildcard *Host
	longest := ""
	for _, h := range t.Hosts {
		for _, d := range h.Domains {
			switch d = strings.ToLower(d); {
			case d == "*":
				if longest == "" {
					wildcard, longest = h, d
				}
			case d == name:
				return h, d, "it is the host itself"
			case strings.HasPrefix(d, "*") && strings.HasSuffix(name, d[1:]) && len(name) > len(d)-1 && len(d) > len(longest):
				wildcard, longest = h, d
			}
		}
	}
	switch longest {
	case "":
		return nil, "", ""
	case "*":
		return wildcard, longest, fmt.Sprintf("no other virtual host is for %s", name)
	}
	return wildcard, longest, fmt.Sprintf("%s is the longest wildcard that %s fits", longest, name)
}

// domains gives every domain of the table with its virtual host.
func (t *Table) domains(f func(domain string, h *Host)) {
	for _, h := range t.Hosts {
		for _, d := range h.Domains {
			f(d, h)
		}
	}
}
