package traffic

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// findHost finds the route configuration and in it the virtual host.
func (f *flow) findHost() bool {
	table := f.chain.Tables[""]
	if f.chain.Scoped {
		key := scopeKey(f.authority)
		if table = f.chain.Tables[key]; table == nil {
			f.nearestHosts()
			return f.answers(404, "no Service that the fleet serves %s", nameOfScope(f.authority))
		}
	}
	if table == nil {
		return f.answers(404, "the filter chain has no routes yet")
	}
	f.leaveOutFilters(table)
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

// leaveOutFilters drops the filters that a table turns off for its requests, unless Envoy has made
// the chain of filters before it found the table.
func (f *flow) leaveOutFilters(t *Table) {
	for name, config := range t.Envoy.GetTypedPerFilterConfig() {
		off := &routev3.FilterConfig{}
		if err := config.UnmarshalTo(off); err == nil && off.Disabled && !f.foundLate() {
			step := f.explanation.Chain
			step.Filters = slices.DeleteFunc(step.Filters, func(filter string) bool { return filter == name })
		}
	}
}

// scopeKey is what the scopes of Services are found by: the first two labels of the host, without
// a port, in lower case; a dash in place of the second where there is none (translator/scope.go).
func scopeKey(authority string) string {
	name, namespace := firstLabels(authority)
	return joinKey(name, cmp.Or(namespace, "-"))
}

func joinKey(fragments ...string) string { return strings.Join(fragments, ".") }

func firstLabels(authority string) (name, namespace string) {
	name, rest, _ := strings.Cut(strings.ToLower(authority), ".")
	namespace, _, _ = strings.Cut(rest, ".")
	name, _, _ = strings.Cut(name, ":")
	namespace, _, _ = strings.Cut(namespace, ":")
	return name, namespace
}

// nameOfScope says in words which Service a host would be of.
func nameOfScope(authority string) string {
	name, namespace := firstLabels(authority)
	if namespace == "" {
		return fmt.Sprintf("is called %q in the fleet's default namespace", name)
	}
	return fmt.Sprintf("is called %q in namespace %q", name, namespace)
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
