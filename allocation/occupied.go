package allocation

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
)

// occupied is what Services have that are not looked at: a change of one Service among ten thousand is decided without
// the others, as long as it gets what it asks for.
type occupied struct {
	places map[place]struct{}
	used   map[netip.Addr]int // how many places of an address
	of     map[api.Key][]place
}

func newOccupied() *occupied {
	return &occupied{map[place]struct{}{}, map[netip.Addr]int{}, map[api.Key][]place{}}
}

func (o *occupied) add(c *claim, v value) {
	for _, p := range c.places(v) {
		o.places[p] = struct{}{}
		o.used[p.address]++
		o.of[c.service] = append(o.of[c.service], p)
	}
}

// remove gives free what a Service has.
func (o *occupied) remove(k api.Key) {
	for _, p := range o.of[k] {
		delete(o.places, p)
		if o.used[p.address]--; o.used[p.address] == 0 {
			delete(o.used, p.address)
		}
	}
	delete(o.of, k)
}

// elsewhere stands for the claim of a Service that is not looked at.
var elsewhere = &claim{}

// has says whether a place is occupied; nothing is where there is nothing to know.
func (o *occupied) has(p place) bool {
	if o == nil {
		return false
	}
	_, there := o.places[p]
	return there
}

func (o *occupied) uses(a netip.Addr) bool { return o != nil && o.used[a] > 0 }

// assignTouched decides on the Services alone whose claims have changed. It is false, and nothing is decided, when that
// may not be all: somebody does not get what is asked for, now or before. Otherwise the others keep what they have
// whatever is decided here, since all of it is recorded.
func (m *Manager) assignTouched() bool {
	if len(m.problems) > 0 || len(m.touched) > len(m.services)/8 {
		return false
	}
	fleets := m.servingFleets()
	avoid := m.avoided(fleets)
	var claims []claim
	touched := slices.SortedFunc(maps.Keys(m.touched), api.Key.Compare)
	for _, k := range touched {
		m.occupied.remove(k)
		if m.services[k] == nil {
			continue
		}
		own, problem := m.claims(k, fleets, avoid)
		if problem != nil {
			return false
		}
		claims = append(claims, own...)
	}
	granted := assign(claims, m.occupied)
	if slices.ContainsFunc(granted, func(g grant) bool { return g.why != 0 }) {
		return false
	}
	given := m.grantAll(claims, granted)
	for _, k := range touched {
		m.noteOne(k, given[k])
	}
	return true
}
