package traffic

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// search looks for requests that end differently on the two sides of a place.
type search struct {
	d       *differ
	place   place
	hosts   [2]*Host
	units   [2][]unit
	alone   [2][]bool
	request Request // to the host, for "/"

	literals []string // paths that the matches speak of
	found    map[[2]int]bool
	pairsOut []pair
	tries    int // left
}

// The bounds of a search. A virtual host with more than a thousand routes that all changed reaches
// the first one, in a few seconds, and is noted then.
const (
	maxTries    = 50_000_000
	maxLiterals = 64
)

func (s *search) prepare() {
	s.alone = align(s.units[0], s.units[1])
	s.tries = maxTries
	for _, side := range s.units {
		for _, u := range side {
			s.literals = append(s.literals, pathsOf(u.match)...)
		}
	}
	slices.Sort(s.literals)
	s.literals = slices.Compact(s.literals)
	if len(s.literals) > maxLiterals {
		s.literals = nil
	}
}

// pairs finds the classes, sorted by the units of the new side, then the old one: first with what the
// units without a counterpart ask for themselves, then with what others ask for as well.
func (s *search) pairs() []pair {
	for _, look := range []func(side, i int){s.itself, s.across, s.behind} {
		for side := range s.units {
			for i := range s.units[side] {
				if s.alone[side][i] {
					look(side, i)
				}
			}
		}
	}
	slices.SortFunc(s.pairsOut, func(a, b pair) int {
		if a.j != b.j {
			return a.j - b.j
		}
		return a.i - b.i
	})
	return s.pairsOut
}

// itself looks at what a unit asks for, all of it where there are not too many units: what it takes may
// have gone several ways on the other side, or none.
func (s *search) itself(side, i int) {
	many := len(s.units[0])+len(s.units[1]) > maxBehind
	s.try(s.units[side][i].match, nil, func(q Request) bool { return many && s.taken(side, q) == i })
}

// across looks at what a unit of the other side asks for as well.
func (s *search) across(side, i int) {
	u := s.units[side][i].match
	for j := range s.units[1-side] {
		p := [2]int{i, j}
		if side == 1 {
			p = [2]int{j, i}
		}
		if v := s.units[1-side][j].match; !s.found[p] && s.tries > 0 && mayMeet(u, v) {
			s.try(u, v, func(Request) bool { return s.found[p] })
		}
	}
}

// behind looks at what another unit of the same side asks for as well: what the other side takes may
// lie behind it.
func (s *search) behind(side, i int) {
	if len(s.units[0])+len(s.units[1]) > maxBehind {
		return
	}
	u := s.units[side][i].match
	for j := range s.units[side] {
		if v := s.units[side][j].match; j != i && s.tries > 0 && mayMeet(u, v) {
			s.try(u, v, func(Request) bool { return false })
		}
	}
}

// maxBehind is how many units the two sides may have for all that can be tried to be tried.
const maxBehind = 200

// mayMeet says whether a request may fit both matches; methods and exact paths decide it at once.
func mayMeet(a, b *routev3.RouteMatch) bool {
	x, y := methodOf(a), methodOf(b)
	if x != "" && y != "" && x != y {
		return false
	}
	p, ok1 := a.PathSpecifier.(*routev3.RouteMatch_Path)
	q, ok2 := b.PathSpecifier.(*routev3.RouteMatch_Path)
	if ok1 && ok2 {
		return p.Path == q.Path
	}
	for _, s := range [][2]*routev3.RouteMatch{{a, b}, {b, a}} {
		from, exact := s[0].PathSpecifier.(*routev3.RouteMatch_Path)
		if below := s[1].GetPathSeparatedPrefix(); exact && below != "" && !strings.HasPrefix(from.Path, below) {
			return false
		}
	}
	x, y = a.GetPathSeparatedPrefix(), b.GetPathSeparatedPrefix()
	return x == "" || y == "" || strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}

func methodOf(m *routev3.RouteMatch) string {
	for _, h := range m.Headers {
		if h.Name == ":method" {
			return h.GetStringMatch().GetExact()
		}
	}
	return ""
}

// otherMethods are tried where a request with any method will do, and others take GET before.
var otherMethods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}

// try makes requests that fit a match, and another one unless that is nil, and sees where they go. It does
// not try other methods or values where one that does has been found.
func (s *search) try(a, b *routev3.RouteMatch, does func(Request) bool) {
	matches := []*routev3.RouteMatch{a}
	if b != nil {
		matches = append(matches, b)
	}
	probe := &flow{model: s.d.now}
	var paths []string
	for _, m := range matches {
		paths = append(paths, pathsOf(m)...)
	}
	paths = append(paths, s.literals...)
	fitting := paths[:0:0]
	for _, p := range paths {
		if !slices.Contains(fitting, p) && !slices.ContainsFunc(matches, func(m *routev3.RouteMatch) bool { return !probe.pathFits(m, p) }) {
			fitting = append(fitting, p)
		}
		s.tries--
	}
	methods := otherMethods
	if m := methodOf(a); m != "" {
		methods = []string{m}
	} else if b != nil && methodOf(b) != "" {
		methods = []string{methodOf(b)}
	}
	hit := false
	for variant := range variants {
		if hit {
			return
		}
		headers, query, ok := asked(probe, matches, variant)
		if !ok || variant > 0 && len(headers) == 0 && query == "" {
			continue
		}
		for _, p := range fitting {
			for _, method := range methods {
				q := s.request
				q.Method, q.Path, q.Headers = method, p+query, headers
				if s.tries--; s.tries <= 0 {
					return
				}
				if s.look(q); does(q) {
					hit = true
					break
				}
			}
		}
	}
}

// look notes the class of a request, if it is one whose outcome changes.
func (s *search) look(q Request) {
	i, j := s.taken(0, q), s.taken(1, q)
	if i == none && j == none && s.hosts[0] != nil && s.hosts[1] != nil || s.found[[2]int{i, j}] {
		return
	}
	if i != none && j != none && s.units[0][i].does == s.units[1][j].does {
		return
	}
	// The model has the last word: what Envoy normalises, for one, is another request.
	if !s.goes(0, i, q) || !s.goes(1, j, q) {
		return
	}
	s.found[[2]int{i, j}] = true
	s.pairsOut = append(s.pairsOut, pair{i, j, q})
}

// taken gives the first unit that takes a request whose path is in its normal form.
func (s *search) taken(side int, q Request) int {
	f := &flow{model: s.d.now, request: q, path: q.Path, authority: q.Authority}
	for _, h := range q.Headers {
		f.headers = append(f.headers, Header{strings.ToLower(h.Name), h.Value})
	}
	f.headers = append(f.headers, Header{"x-forwarded-for", q.Client}, Header{"x-forwarded-proto", q.Scheme})
	path, query := splitQuery(q.Path)
	for i, u := range s.units[side] {
		if s.tries--; f.fits(u.match, path, query) {
			return i
		}
	}
	return none
}

// goes says whether explain sends a request to a unit; on a side that has none of the host there
// is no other.
func (s *search) goes(side, unit int, q Request) bool {
	e := s.explain(side, q)
	if unit == none {
		return !slices.ContainsFunc(e.Outcomes, func(o Outcome) bool { return o.Route >= 0 })
	}
	return len(e.Outcomes) > 0 && e.Outcomes[0].Route == s.units[side][unit].routes[0].Index && e.Host.Name == s.hosts[side].Name
}

// explain says what becomes of a request on one side; where there is no listener, no connection.
func (s *search) explain(side int, q Request) *Explanation {
	l, m := s.place.a, s.d.was
	if side == 1 {
		l, m = s.place.b, s.d.now
	}
	if l == nil {
		return &Explanation{Request: q, Outcomes: []Outcome{{Share: 1, Kind: Close, Why: "there is no such listener", Route: none}}}
	}
	q.Listener, q.Port = l.Name, l.Port
	return m.explainAt(l, q)
}

// asked gives headers and a query that matches ask for. Of several values that fit it takes another one for
// each variant, and every second one has no more headers than needed.
func asked(f *flow, matches []*routev3.RouteMatch, variant int) ([]Header, string, bool) {
	headers := map[string][]*matcherv3.StringMatcher{}
	params := map[string][]*matcherv3.StringMatcher{}
	var order, names []string
	for _, m := range matches {
		for _, h := range m.Headers {
			if h.Name == ":method" {
				continue
			}
			if headers[h.Name] == nil {
				order = append(order, h.Name)
			}
			headers[h.Name] = append(headers[h.Name], h.GetStringMatch())
		}
		for _, q := range m.QueryParameters {
			if params[q.Name] == nil {
				names = append(names, q.Name)
			}
			params[q.Name] = append(params[q.Name], q.GetStringMatch())
		}
	}
	var all []Header
	for _, name := range order {
		if v, ok := f.valueFor(headers[name], variant); ok {
			all = append(all, Header{name, v})
			continue
		}
		for _, m := range headers[name] { // one value each
			v, ok := f.valueFor([]*matcherv3.StringMatcher{m}, variant)
			if !ok {
				return nil, "", false
			}
			all = append(all, Header{name, v})
		}
	}
	var query []string
	for _, name := range names {
		v, ok := f.valueFor(params[name], variant)
		if !ok {
			return nil, "", false
		}
		query = append(query, name+"="+v)
	}
	if len(query) == 0 {
		return all, "", true
	}
	return all, "?" + strings.Join(query, "&"), true
}

// valueFor gives a value that all matchers take, a different one for each variant where there
// are several.
func (f *flow) valueFor(all []*matcherv3.StringMatcher, variant int) (string, bool) {
	var fitting []string
	for _, m := range all {
		candidates := []string{m.GetExact()}
		if r := m.GetSafeRegex(); r != nil {
			candidates = samples(r.Regex)
		}
		for _, c := range candidates {
			if !slices.Contains(fitting, c) && !slices.ContainsFunc(all, func(m *matcherv3.StringMatcher) bool { return !f.matchesString(m, c) }) {
				fitting = append(fitting, c)
			}
		}
	}
	if len(fitting) == 0 {
		return "", false
	}
	return fitting[variant%len(fitting)], true
}
