package traffic

import (
	"fmt"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// sentence says what changes: "requests to shop.example.com/cart and below now go to
// web/cart-v2:80 (was web/cart:80)".
func (c *RouteChange) sentence(matches []*routev3.RouteMatch) string {
	var b strings.Builder
	b.WriteString("requests to " + hostAndPath(c.Hosts, matches[0]) + conditions(matches[0]))
	for _, m := range matches[1:] {
		b.WriteString(", as far as they fit " + describeMatch(m) + " as well,")
	}
	if c.ServerName != "" {
		b.WriteString(" over connections for " + c.ServerName)
	}
	rest := c.Aspects
	if len(rest) > 0 && rest[0].What == "goes to" {
		verb := "get"
		if forwarding(c.Now) != nil && len(c.Now) == 1 {
			verb = "go to"
		}
		fmt.Fprintf(&b, " now %s %s (was %s)", verb, rest[0].Now, rest[0].Was)
		rest = rest[1:]
	} else {
		b.WriteString(" still go to " + Destination(c.Now))
	}
	for i, a := range rest {
		if i == 0 {
			b.WriteString(", with ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(a.String())
	}
	return b.String()
}

// What was and is of settings that have no words of their own.
const (
	unnamedWas = "as they were"
	unnamedNow = "others"
)

// String says what an aspect is now, and was.
func (a Aspect) String() string {
	switch {
	case a.Was == unnamedWas && a.Now == unnamedNow:
		return "other " + a.What
	case a.Now == "":
		return fmt.Sprintf("no %s (was %s)", a.What, a.Was)
	case a.Was == "":
		return fmt.Sprintf("%s %s (was none)", a.What, a.Now)
	}
	return fmt.Sprintf("%s %s (was %s)", a.What, a.Now, a.Was)
}

// HostNames names domains for people: of many, which a Service has, the first ones.
func HostNames(domains []string) string {
	const most = 3
	if len(domains) > most+1 {
		return fmt.Sprintf("%s and %d more names", strings.Join(domains[:most], ", "), len(domains)-most)
	}
	return strings.Join(domains, ", ")
}

// hostAndPath writes the paths of a host that a match takes.
func hostAndPath(domains []string, m *routev3.RouteMatch) string {
	host := domains[0]
	if len(domains) > 1 {
		host = HostNames(domains)
	}
	at := func(path, more string) string {
		if len(domains) > 1 {
			return host + ", path " + path + more
		}
		return host + path + more
	}
	switch s := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Path:
		return at(s.Path, "")
	case *routev3.RouteMatch_Prefix:
		if s.Prefix == "/" {
			return host
		}
		return at(s.Prefix, "…")
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return at(s.PathSeparatedPrefix, " and below")
	}
	return host + " whose path is " + describePath(m)
}

// conditions writes what a match asks for beside the path.
func conditions(m *routev3.RouteMatch) string {
	var all []string
	for _, h := range m.Headers {
		if h.Name == ":method" {
			all = append(all, "method "+h.GetStringMatch().GetExact())
			continue
		}
		all = append(all, "header "+h.Name+" "+describeString(h.GetStringMatch()))
	}
	for _, q := range m.QueryParameters {
		all = append(all, "query parameter "+q.Name+" "+describeString(q.GetStringMatch()))
	}
	if len(all) == 0 {
		return ""
	}
	return " with " + strings.Join(all, " and ")
}
