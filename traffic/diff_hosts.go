package traffic

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
)

// domainIndex finds the virtual host for an authority as Table.find does, without looking at
// all of them.
type domainIndex struct {
	exact    map[string]*Host
	wildcard map[string]*Host // by what follows the *
}

func (d *differ) index(t *Table) *domainIndex {
	if t == nil {
		return &domainIndex{}
	}
	if i := d.indexes[t]; i != nil {
		return i
	}
	i := &domainIndex{exact: map[string]*Host{}, wildcard: map[string]*Host{}}
	t.domains(func(domain string, h *Host) {
		domain = strings.ToLower(domain)
		if rest, ok := strings.CutPrefix(domain, "*"); ok {
			i.wildcard[rest] = h
		} else {
			i.exact[domain] = h
		}
	})
	d.indexes[t] = i
	return i
}

// find gives the virtual host for an authority in lower case that has no port to ignore.
func (i *domainIndex) find(name string) *Host {
	if h := i.exact[name]; h != nil {
		return h
	}
	for at := 1; at <= len(name); at++ {
		if h := i.wildcard[name[at:]]; h != nil {
			return h
		}
	}
	return nil
}

func (i *domainIndex) names() []string {
	var all []string
	for d := range i.exact {
		all = append(all, d)
	}
	for rest := range i.wildcard {
		all = append(all, "*"+rest)
	}
	return all
}

// hostPair is which virtual hosts requests go to on the two sides, and for which domains that is so.
type hostPair struct {
	hosts     [2]*Host
	domains   []string
	authority string // one of them
	// serverName is what connections ask for that such requests come by, where it is not their host.
	serverName string
}

// table compares two tables of routes: for each domain of either side what requests for it meet.
// Domains with the same virtual hosts are looked at together.
func (d *differ) table(p place, a, b *Table) {
	if a != nil && b != nil && !proto.Equal(tableSettings(a), tableSettings(b)) {
		d.found.Listeners = append(d.found.Listeners, ListenerChange{Kind: Changed, Name: p.listener().Name,
			Aspects: []Aspect{{"settings of all routes", unnamedWas, unnamedNow}}, WasFrom: a.From, NowFrom: b.From})
	}
	x, y := d.index(a), d.index(b)
	at := map[[2]*Host]int{}
	var pairs []hostPair
	for _, domain := range union(x.names(), y.names()) {
		name := unnamed(domain, x, y)
		hosts := [2]*Host{x.find(name), y.find(name)}
		i, known := at[hosts]
		if !known {
			i = len(pairs)
			at[hosts] = i
			pairs = append(pairs, hostPair{hosts: hosts, authority: name})
		}
		pairs[i].domains = append(pairs[i].domains, domain)
	}
	slices.SortFunc(pairs, func(a, b hostPair) int { return cmp.Compare(a.domains[0], b.domains[0]) })
	for _, hp := range pairs {
		d.hosts(p, a, b, hp)
	}
}

// unnamed gives a host that a domain is for, and no other domain of the two sides that is more specific.
func unnamed(domain string, x, y *domainIndex) string {
	name := instance(domain)
	for n := 2; name != domain; n++ {
		taken := x.exact[name] != nil || y.exact[name] != nil
		for at := 1; at < len(name)-len(domain)+1 && !taken; at++ {
			taken = x.wildcard[name[at:]] != nil || y.wildcard[name[at:]] != nil
		}
		if !taken {
			return name
		}
		name = fmt.Sprintf("any%d%s", n, strings.TrimPrefix(instance(domain), "any"))
	}
	return name
}

// hosts compares what two virtual hosts, of which one may be missing, do with requests.
func (d *differ) hosts(p place, a, b *Table, hp hostPair) {
	if hp.hosts[0] != nil && hp.hosts[1] != nil && sameRoutes(hp.hosts[0], hp.hosts[1]) {
		return
	}
	q := connection(p.names[0], p.a, p.b)
	q.Authority = hp.authority
	own := q
	if q.Scheme == "https" {
		own.ServerName = hp.authority
	}
	// Most requests ask for their own host as server name.
	if covered := p.takes(&own); covered {
		q = own
	} else {
		hp.serverName = cmp.Or(q.ServerName, "none")
	}
	d.routes(p, q, hp)
}

// takes says whether the connection of a request is one of the place.
func (p place) takes(q *Request) bool {
	for _, s := range []struct {
		l *Listener
		c *Chain
	}{{p.a, p.p}, {p.b, p.q}} {
		if s.l == nil {
			continue
		}
		if c, _ := chooseChain(s.l, q); c != s.c {
			return false
		}
	}
	return true
}

// sameRoutes says whether two virtual hosts do the same for all requests, as far as that is
// plain from their routes.
func sameRoutes(a, b *Host) bool {
	return proto.Equal(hostSettings(a), hostSettings(b)) &&
		slices.EqualFunc(a.Routes, b.Routes, func(x, y *Route) bool { return proto.Equal(x.Envoy, y.Envoy) })
}

// hostSettings is what a virtual host says for all of its routes.
func hostSettings(h *Host) *routev3.VirtualHost {
	return h.Envoy
}

// tableSettings is what a table says for all of its virtual hosts.
func tableSettings(t *Table) *routev3.RouteConfiguration {
	bare := proto.Clone(t.Envoy).(*routev3.RouteConfiguration)
	bare.Name, bare.VirtualHosts = "", nil
	return bare
}
