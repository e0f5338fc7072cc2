package traffic

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
)

// unit is a run of routes that ask for the same: the first ones take a share of the requests
// each, the last one all that are left.
type unit struct {
	routes []*Route
	match  *routev3.RouteMatch // without a share
	// does is what is done with the requests, and what they are asked for where that has an effect on it.
	does string
}

// none is what takes a request that no route takes.
const none = -1

// unitsOf cuts the routes of a virtual host, which may be nil, into units.
func unitsOf(h *Host) []unit {
	if h == nil {
		return nil
	}
	settings := encoded(hostSettings(h))
	var all []unit
	open := false
	for _, r := range h.Routes {
		match := r.Envoy.Match
		if match.GetRuntimeFraction() != nil {
			match = proto.Clone(match).(*routev3.RouteMatch)
			match.RuntimeFraction = nil
		}
		if n := len(all); !open || !proto.Equal(all[n-1].match, match) {
			all = append(all, unit{match: match, does: settings})
		}
		u := &all[len(all)-1]
		u.routes = append(u.routes, r)
		u.does += "\x00" + doing(r)
		open = fraction(r.Envoy.Match) < 1
	}
	return all
}

func encoded(m proto.Message) string {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err.Error() // of a message that was decoded just now: it does not happen
	}
	return string(data)
}

// doing is what a route does: all of it but its match and its name. A rewritten path depends on what
// was matched. Of weights only their ratio counts.
func doing(r *Route) string {
	bare := proto.Clone(r.Envoy).(*routev3.Route)
	bare.Name, bare.Metadata, bare.Match = "", nil, &routev3.RouteMatch{RuntimeFraction: r.Envoy.Match.GetRuntimeFraction()}
	divideWeights(bare.GetRoute().GetWeightedClusters().GetClusters())
	if rewritesPrefix(r.Envoy) {
		bare.Match.PathSpecifier = r.Envoy.Match.PathSpecifier
	}
	return encoded(bare)
}

// divideWeights makes weights as small as their ratio allows.
func divideWeights(all []*routev3.WeightedCluster_ClusterWeight) {
	var by uint32 // the greatest common divisor
	for _, c := range all {
		for a := c.GetWeight().GetValue(); a != 0; {
			by, a = a, by%a
		}
	}
	for _, c := range all {
		if c.Weight != nil && by > 1 {
			c.Weight.Value /= by
		}
	}
}

func rewritesPrefix(r *routev3.Route) bool {
	return r.GetRoute().GetPrefixRewrite() != "" || r.GetRedirect().GetPrefixRewrite() != ""
}

// align finds units that are the same on both sides, in the same order. A request that goes
// through two of them to different ends would have to meet them in different orders: so whatever
// changes has to do with a unit that is not among them.
func align(a, b []unit) (alone [2][]bool) {
	alone = [2][]bool{make([]bool, len(a)), make([]bool, len(b))}
	for i := range alone {
		for j := range alone[i] {
			alone[i][j] = true
		}
	}
	at := map[string][]int{}
	for j, u := range b {
		key := encoded(u.match) + "\x00" + u.does
		at[key] = append(at[key], j)
	}
	// The longest increasing sequence of the places of a's units in b.
	var ends []int // for each length, the unit of a whose place is the smallest
	place := make([]int, len(a))
	before := make([]int, len(a))
	for i, u := range a {
		key := encoded(u.match) + "\x00" + u.does
		if len(at[key]) == 0 {
			place[i] = none
			continue
		}
		place[i], at[key] = at[key][0], at[key][1:]
		n, _ := slices.BinarySearchFunc(ends, place[i], func(e, want int) int { return place[e] - want })
		before[i] = none
		if n > 0 {
			before[i] = ends[n-1]
		}
		ends = append(ends[:n], append([]int{i}, ends[min(n+1, len(ends)):]...)...)
	}
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i != none; i = before[i] {
			alone[0][i], alone[1][place[i]] = false, false
		}
	}
	return alone
}

// pair is a class of requests whose outcome changes: those that one unit takes on the one side,
// and another on the other. Either may be none.
type pair struct {
	i, j    int
	example Request
}

// routes finds the classes of requests for two virtual hosts that end differently now, and tells of
// each.
func (d *differ) routes(p place, q Request, hp hostPair) {
	s := &search{d: d, place: p, hosts: hp.hosts, request: q, found: map[[2]int]bool{}}
	s.units = [2][]unit{unitsOf(hp.hosts[0]), unitsOf(hp.hosts[1])}
	s.prepare()
	for _, f := range s.pairs() {
		d.found.Routes = append(d.found.Routes, d.change(s, f, hp))
	}
	if s.tries <= 0 {
		d.found.Incomplete = union(d.found.Incomplete, hp.domains[:1])
	}
}

// change tells of a class.
func (d *differ) change(s *search, f pair, hp hostPair) RouteChange {
	q := f.example
	c := RouteChange{Kind: Changed, Listeners: []string{s.place.listener().Name}, Hosts: hp.domains, ServerName: hp.serverName, Example: q}
	was, now := s.explain(0, q), s.explain(1, q)
	c.Was, c.Now = was.Outcomes, now.Outcomes
	c.Aspects = diffOutcomes(c.Was, c.Now)
	c.classes = []classPair{{s.class(0, f.i), s.class(1, f.j)}}
	c.Kind, c.Match = s.kind(f), s.describe(f)
	if f.i != none {
		from := s.units[0][f.i].last().From
		c.WasFrom = &from
	}
	if f.j != none {
		from := s.units[1][f.j].last().From
		c.NowFrom = &from
	}
	c.Sentence = c.sentence(s.matches(f))
	c.Minor = fails(c.Was) && fails(c.Now)
	if name := c.Listeners[0]; !d.leadsTo(q, name) {
		c.Example.Listener = name
	}
	return c
}

// leadsTo says whether a request, written as a URL, comes in at a listener on both sides without its name.
func (d *differ) leadsTo(q Request, listener string) bool {
	typed, err := NewRequest(q.URL())
	if err != nil {
		return false
	}
	typed.Method, typed.Headers, typed.ServerName = q.Method, q.Headers, q.ServerName
	for _, m := range []*Model{d.was, d.now} {
		r := typed // the choice is filled in
		if l, _, err := m.chooseListener(&r); err != nil || l.Name != listener {
			return false
		}
	}
	return true
}

func (u unit) last() *Route { return u.routes[len(u.routes)-1] }

// class says which way a unit is reached on one side.
func (s *search) class(side, unit int) class {
	c := class{route: none}
	if l := []*Listener{s.place.a, s.place.b}[side]; l != nil {
		c.listener = l.Name
	}
	if chain := []*Chain{s.place.p, s.place.q}[side]; chain != nil {
		c.chain = chain.Name
	}
	if h := s.hosts[side]; h != nil {
		c.host = h.Name
	}
	if unit != none {
		c.route = s.units[side][unit].routes[0].Index
	}
	return c
}

// fails says whether all of the outcomes are errors of Envoy's own.
func fails(all []Outcome) bool {
	return !slices.ContainsFunc(all, func(o Outcome) bool {
		return o.Kind == OutcomeKind(Forward) || o.Kind == OutcomeKind(Redirect) || o.Kind == OutcomeKind(Answer) && o.Status < 400
	})
}

// kind says what happens to the requests of a class.
func (s *search) kind(f pair) ChangeKind {
	switch {
	case f.i == none:
		return Added
	case f.j == none:
		return Removed
	}
	return Changed
}

// matches gives what the requests of a class are asked for: by the two units together, or by each
// where neither path is in the other.
func (s *search) matches(f pair) []*routev3.RouteMatch {
	if f.i == none {
		return []*routev3.RouteMatch{s.units[1][f.j].match}
	}
	if f.j == none {
		return []*routev3.RouteMatch{s.units[0][f.i].match}
	}
	a, b := s.units[0][f.i].match, s.units[1][f.j].match
	switch {
	case pathWithin(b, a):
		return []*routev3.RouteMatch{both(b, a)}
	case pathWithin(a, b):
		return []*routev3.RouteMatch{both(a, b)}
	}
	return []*routev3.RouteMatch{b, a}
}

func (s *search) describe(f pair) string {
	var all []string
	for _, m := range s.matches(f) {
		all = append(all, describeMatch(m))
	}
	return strings.Join(all, "; and ")
}
