package traffic

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Difference is what two translations mean for requests to one Envoy. All lists are sorted.
//
// It is made by asking both sides. Requests fall into classes: by listener, server name, host
// and the route that takes them on either side. Of each class whose two routes do different
// things there is an entry, with a request that shows it: so also when a new route takes
// requests away from one that did not change.
type Difference struct {
	Viewer    Viewer           `json:"envoy"`
	Listeners []ListenerChange `json:"listeners,omitempty"`
	Routes    []RouteChange    `json:"routes,omitempty"`
	Clusters  []ClusterChange  `json:"clusters,omitempty"`
	// Certificates are those that both sides have under a name, and that differ.
	Certificates []CertificateChange `json:"certificates,omitempty"`
	// Incomplete are hosts with so many routes that changed that there may be more changes.
	Incomplete []string `json:"incomplete,omitempty"`
}

// Empty says that nothing changes.
func (d *Difference) Empty() bool {
	return len(d.Listeners)+len(d.Routes)+len(d.Clusters)+len(d.Certificates)+len(d.Incomplete) == 0
}

// ChangeKind is what happens to something.
type ChangeKind string

// The kinds of changes.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// Aspect is one thing that is another one now. Was or Now is empty where there is none.
type Aspect struct {
	What string `json:"what"`
	Was  string `json:"was,omitempty"`
	Now  string `json:"now,omitempty"`
}

// ListenerChange is about a listener, or the connections to it that ask for some server names.
type ListenerChange struct {
	Kind ChangeKind `json:"kind"`
	Name string     `json:"listener"`
	// ServerNames are those that it is about, where it is not about all connections; "other"
	// stands for all that are not named by the listener.
	ServerNames []string `json:"serverNames,omitempty"`
	Aspects     []Aspect `json:"changes,omitempty"`
	WasFrom     []Origin `json:"wasFrom,omitempty"`
	NowFrom     []Origin `json:"nowFrom,omitempty"`
}

// RouteChange says that a class of requests has another outcome.
type RouteChange struct {
	// Sentence says it all in one: which requests, what becomes of them now, and what did before.
	Sentence  string     `json:"sentence"`
	Kind      ChangeKind `json:"kind"` // added: no route took them before; removed: none does now
	Listeners []string   `json:"listeners"`
	Hosts     []string   `json:"hosts"` // domains
	// ServerName is what the connection asks for, where that is not the host.
	ServerName string `json:"serverName,omitempty"`
	Match      string `json:"match"` // of the requests
	// Minor is set when the requests get an error on both sides, only another one.
	Minor   bool      `json:"minor,omitempty"`
	Was     []Outcome `json:"was"` // what becomes of Example
	Now     []Outcome `json:"now"`
	Aspects []Aspect  `json:"changes"`
	WasFrom *Origin   `json:"wasFrom,omitempty"` // of the route that took them
	NowFrom *Origin   `json:"nowFrom,omitempty"`
	Example Request   `json:"example"`

	classes []classPair
}

// classPair is what requests of a class have in common: which way they take on either side.
type classPair struct{ was, now class }

// class is which way requests take on one side.
type class struct {
	listener, chain, host string
	route                 int // index of the first route that takes them; -1: none
}

// Diff compares two translations for one Envoy. It fails only when something that was
// translated cannot be decoded.
func Diff(was, now *Translation, of Viewer) (*Difference, error) {
	a, err := Build(was, of)
	if err != nil {
		return nil, err
	}
	b, err := Build(now, of)
	if err != nil {
		return nil, err
	}
	d := &differ{was: a, now: b, found: &Difference{Viewer: of}, indexes: map[*Table]*domainIndex{}}
	if d.found.Certificates, err = diffCertificates(was.Entries(of), now.Entries(of)); err != nil {
		return nil, err
	}
	d.listeners()
	d.clusters()
	d.found.Routes = mergeListeners(d.found.Routes)
	return d.found, nil
}

// differ is a comparison at work.
type differ struct {
	was, now *Model
	found    *Difference
	indexes  map[*Table]*domainIndex
}

func (d *differ) listeners() {
	for _, name := range union(listenerNamesOf(d.was), listenerNamesOf(d.now)) {
		a, b := d.was.Listener(name), d.now.Listener(name)
		switch {
		case a == nil:
			d.found.Listeners = append(d.found.Listeners, ListenerChange{Kind: Added, Name: name, NowFrom: b.From, Aspects: listenerSummary(nil, b)})
		case b == nil:
			d.found.Listeners = append(d.found.Listeners, ListenerChange{Kind: Removed, Name: name, WasFrom: a.From, Aspects: listenerSummary(a, nil)})
		default:
			if c := diffHeads(a, b); len(c) > 0 {
				d.found.Listeners = append(d.found.Listeners, ListenerChange{Kind: Changed, Name: name, Aspects: c, WasFrom: a.From, NowFrom: b.From})
			}
		}
		d.chains(a, b)
	}
}

func listenerNamesOf(m *Model) []string {
	var all []string
	for _, l := range m.Listeners {
		all = append(all, l.Name)
	}
	return all
}

// union gives the strings of several lists, sorted, each once.
func union(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// otherNames stands for all server names that a listener does not have, and for none at all.
const otherNames = "other"

// chains compares what happens to connections, for each server name that either side knows;
// and the routes behind it. Either listener may be nil.
func (d *differ) chains(a, b *Listener) {
	pairs := map[[2]*Chain][]string{}
	for _, name := range union(serverNamesOf(a), serverNamesOf(b), []string{otherNames}) {
		q := connection(name, a, b)
		var pair [2]*Chain
		for i, l := range []*Listener{a, b} {
			if l != nil {
				pair[i], _ = chooseChain(l, &q)
			}
		}
		pairs[pair] = append(pairs[pair], name)
	}
	order := slices.SortedFunc(maps.Keys(pairs), func(x, y [2]*Chain) int { return cmp.Compare(pairs[x][0], pairs[y][0]) })
	for _, p := range order {
		if p == ([2]*Chain{}) {
			continue
		}
		d.chain(a, b, p, pairs[p])
		d.tables(place{a, b, p[0], p[1], pairs[p]})
	}
}

func serverNamesOf(l *Listener) []string {
	var all []string
	if l != nil {
		for _, c := range l.Chains {
			all = append(all, c.ServerNames...)
		}
	}
	return all
}

// connection is what is needed of a request to choose a filter chain. Where a listener is for
// TLS on one side only, it is what fits that side.
func connection(name string, a, b *Listener) Request {
	q := Request{Method: "GET", Scheme: "http", Protocol: HTTP1, Client: unknownClient, Path: "/"}
	if a != nil && a.TLS || b != nil && b.TLS {
		q.Scheme = "https"
	}
	if q.Scheme == "https" && name != otherNames {
		q.ServerName = instance(name)
	}
	return q
}

// instance gives a name that a domain stands for.
func instance(domain string) string {
	switch rest, wildcard := strings.CutPrefix(domain, "*"); {
	case !wildcard:
		return domain
	case rest == "":
		return "any.example"
	default:
		return "any" + rest
	}
}

// place is where tables of routes are compared: the connections of some server names.
type place struct {
	a, b  *Listener // nil: there is none
	p, q  *Chain    // nil: the connection is closed, or refused
	names []string
}

func (p place) listener() *Listener {
	if p.b != nil {
		return p.b
	}
	return p.a
}

// tables compares the routes behind two filter chains.
func (d *differ) tables(p place) {
	for _, key := range union(tableKeys(p.p), tableKeys(p.q)) {
		var t [2]*Table
		for i, c := range []*Chain{p.p, p.q} {
			if c != nil {
				t[i] = c.Tables[key]
			}
		}
		d.table(p, t[0], t[1])
	}
}

func tableKeys(c *Chain) []string {
	if c == nil {
		return nil
	}
	return slices.Collect(maps.Keys(c.Tables))
}

// sameChange is what two changes have in common that differ in the listener only.
type sameChange struct {
	kind                                     ChangeKind
	hosts, serverName, match, aspects, needs string
	was, now                                 Origin
}

// mergeListeners makes one change of several that differ in the listener only, and sorts them.
func mergeListeners(all []RouteChange) []RouteChange {
	var merged []RouteChange
	at := map[sameChange]int{}
	for _, c := range all {
		key := sameChange{kind: c.Kind, hosts: strings.Join(c.Hosts, " "), serverName: c.ServerName, match: c.Match,
			aspects: fmt.Sprintf("%q", c.Aspects), needs: fmt.Sprintf("%s %s %q", c.Example.Method, c.Example.Path, c.Example.Headers)}
		if c.WasFrom != nil {
			key.was = *c.WasFrom
		}
		if c.NowFrom != nil {
			key.now = *c.NowFrom
		}
		if i, ok := at[key]; ok {
			// Of one name in several places, one sentence is enough.
			merged[i].Listeners = union(merged[i].Listeners, c.Listeners)
			merged[i].classes = append(merged[i].classes, c.classes...)
			continue
		}
		at[key] = len(merged)
		merged = append(merged, c)
	}
	slices.SortStableFunc(merged, func(a, b RouteChange) int {
		return cmp.Or(cmp.Compare(a.Hosts[0], b.Hosts[0]), cmp.Compare(a.ServerName, b.ServerName),
			cmp.Compare(a.Listeners[0], b.Listeners[0]), cmp.Compare(a.Example.Path, b.Example.Path), cmp.Compare(a.Match, b.Match))
	})
	return merged
}
