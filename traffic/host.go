package traffic

import (
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
)

// findHost finds the route configuration and in it the virtual host.
func (f *flow) findHost() bool {
	table := f.chain.Tables[""]
	if f.chain.Scoped {
		key := f.chain.scopeKey(f.authority)
		if table = f.chain.Tables[key]; table == nil {
			f.nearestHosts()
			name, namespace := f.chain.serviceOf(f.authority)
			return f.answers(404, "the fleet serves no Service %q in namespace %q", name, namespace)
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

// hostInTemplate stands for the host in what scope keys are made of (translator/scope.go).
const hostInTemplate = "%REQ(:AUTHORITY)%"

// scopeTemplate gives what the scope keys of a connection manager are made of: the header that is
// set before Envoy looks for routes.
func scopeTemplate(m *hcmv3.HttpConnectionManager) (string, error) {
	for _, extension := range m.GetEarlyHeaderMutationExtensions() {
		early := &earlyv3.HeaderMutation{}
		if err := extension.GetTypedConfig().UnmarshalTo(early); err != nil {
			return "", err
		}
		for _, mutation := range early.Mutations {
			return mutation.GetAppend().GetHeader().GetValue(), nil
		}
	}
	return "", nil
}

// firstLabels gives the labels that Envoy looks for a scope by, as they stand.
func (c *Chain) firstLabels(authority string) (name, namespace string) {
	name, rest, _ := strings.Cut(strings.ReplaceAll(c.scopeTemplate, hostInTemplate, authority), ".")
	namespace, _, _ = strings.Cut(rest, ".")
	return name, namespace
}

// serviceOf gives the Service that a host is of: the first two labels in lower case and without a
// port, for which Envoy looks again when it finds nothing at first.
func (c *Chain) serviceOf(authority string) (name, namespace string) {
	name, namespace = c.firstLabels(strings.ToLower(authority))
	name, _, _ = strings.Cut(name, ":")
	namespace, _, _ = strings.Cut(namespace, ":")
	return name, namespace
}

// scopeKey is what the scope of a host is found by in the end.
func (c *Chain) scopeKey(authority string) string { return joinKey(c.serviceOf(authority)) }

func joinKey(name, namespace string) string { return name + "." + namespace }

// foundLate says whether the scope of the request's host is found at the second look only.
func (f *flow) foundLate() bool {
	return f.chain.Scoped && joinKey(f.chain.firstLabels(f.authority)) != f.chain.scopeKey(f.authority)
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
