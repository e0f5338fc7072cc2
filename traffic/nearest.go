package traffic

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// maxMisses is how many near misses are told.
const maxMisses = 3

// nearestRoutes finds the routes of the virtual host that the request misses by the least: those
// whose path fits come first, then those with the fewest other differences.
func (f *flow) nearestRoutes() {
	type near struct {
		route  *Route
		misses []string
		path   bool
	}
	var all []near
	path, _ := splitQuery(f.path)
	for _, r := range f.host.Routes {
		n := near{route: r, misses: f.misses(r.Envoy.Match)}
		_, n.path = f.matchesPath(r.Envoy.Match, path)
		all = append(all, n)
	}
	slices.SortStableFunc(all, func(a, b near) int {
		if a.path != b.path {
			if a.path {
				return -1
			}
			return 1
		}
		return cmp.Compare(len(a.misses), len(b.misses))
	})
	seen := map[string]bool{}
	for _, n := range all {
		if len(f.explanation.Nearest) == maxMisses || n.path != all[0].path {
			return
		}
		what := fmt.Sprintf("%s has a route for %s, but %s", f.host.Name, describeMatch(n.route.Envoy.Match), strings.Join(n.misses, " and "))
		if !seen[what] {
			seen[what] = true
			f.explanation.Nearest = append(f.explanation.Nearest, Miss{What: what, From: n.route.From})
		}
	}
}

// nearestHosts finds where the host is answered, and hosts that are spelt alike.
func (f *flow) nearestHosts() {
	name := strings.ToLower(withoutPort(f.authority))
	for _, l := range f.model.Listeners {
		for _, c := range l.Chains {
			if c == f.chain {
				continue
			}
			for _, t := range c.tablesFor(f.authority) {
				if h, domain, _ := t.find(f.authority); h != nil && domain != "*" && len(f.explanation.Nearest) < maxMisses {
					f.miss(h, "%s is answered on listener %s%s", f.authority, l.Name, orServerNames(c))
				}
			}
		}
	}
	type near struct {
		domain   string
		host     *Host
		distance int
	}
	var all []near
	for _, t := range f.chain.Tables {
		t.domains(func(d string, h *Host) {
			distance := nearest.Distance(name, withoutPort(d))
			if withoutPort(d) == name {
				distance = 0
			}
			if distance <= max(2, len(name)/5) {
				all = append(all, near{d, h, distance})
			}
		})
	}
	slices.SortFunc(all, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.domain, b.domain))
	})
	seen := map[*Host]bool{}
	for _, n := range all {
		if len(f.explanation.Nearest) >= maxMisses {
			return
		}
		if seen[n.host] {
			continue
		}
		seen[n.host] = true
		f.miss(n.host, "there is %s", n.domain)
	}
}

// tablesFor gives the tables that a host may be in.
func (c *Chain) tablesFor(authority string) []*Table {
	key := ""
	if c.Scoped {
		key = c.scopeKey(authority)
	}
	if t := c.Tables[key]; t != nil {
		return []*Table{t}
	}
	return nil
}

func orServerNames(c *Chain) string {
	if !c.TLS {
		return " (http)"
	}
	if len(c.ServerNames) == 0 {
		return " (https)"
	}
	return " (https, server name " + strings.Join(c.ServerNames, ", ") + ")"
}

func (f *flow) miss(h *Host, format string, args ...any) {
	m := Miss{What: fmt.Sprintf(format, args...)}
	switch {
	case len(h.Routes) > 0:
		m.From = h.Routes[0].From
	case len(h.From) > 0:
		m.From = h.From[0]
	}
	f.explanation.Nearest = append(f.explanation.Nearest, m)
}
