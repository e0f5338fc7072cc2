package allocation

import (
	"cmp"
	"hash/fnv"
	"iter"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// claim is something that a Service shall have: a node port, or an address.
type claim struct {
	kind
	service  api.Key
	path     string // of the field that asks for it
	wanted   value  // what the manifest asks for; zero: any
	recorded value  // what it had before; zero: nothing
}

// kind is what there is to know about one kind of things that can be had.
type kind interface {
	// id tells the claims of a Service apart: it orders them.
	id() string
	// fits says whether a value may be had at all.
	fits(value) bool
	// places are what nobody else can have who has the value.
	places(value) []place
	// choices are the values that may be chosen, the best first. What depends on the others of the
	// claim's own Service, and on what is taken, is asked of the assignment.
	choices(*assignment, *claim) iter.Seq[value]
}

// value is an address or a port.
type value struct {
	address netip.Addr
	port    int32
}

// place is what only one claim can have: a node port of a protocol, an address, or a port of one.
type place struct {
	address  netip.Addr
	protocol corev1.Protocol
	port     int32
}

// moves says whether the manifest asks for another value than the claim had.
func (c *claim) moves() bool { return c.wanted != value{} && c.wanted != c.recorded }

// grant is what a claim comes to.
type grant struct {
	value // zero: none
	why   refusal
	// rival has what was asked for.
	rival *claim
}

// refusal says why a claim did not get what it asks for.
type refusal uint8

const (
	granted    refusal = iota
	outOfRange         // the value is not one of the fleet's
	taken              // another Service has it
	exhausted          // there is no free one
)

// assign decides who gets what. It gives the same for the same claims in any order; the grants are in the
// order of the claims. Nobody gets what is occupied; nil: nothing is.
//
// What is recorded is kept. Then those who ask for something get it, unless somebody has it; who asks for
// something else than it had, and cannot have it, keeps what it had. The rest get what is free.
func assign(claims []claim, occupied *occupied) []grant {
	order := make([]int, len(claims))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := claims[a].service.Compare(claims[b].service); c != 0 {
			return c // before ids are made
		}
		return cmp.Compare(claims[a].id(), claims[b].id())
	})
	a := &assignment{occupied: occupied, claims: claims, order: order, stay: make([]bool, len(claims))}
	for a.again() {
		// One that cannot move keeps what it had, which somebody else may have got.
	}
	for _, i := range order {
		if c := &claims[i]; c.wanted == (value{}) && a.grants[i].value == (value{}) {
			a.choose(i)
		}
	}
	return a.grants
}

// assignment is one run of assign.
type assignment struct {
	*occupied
	claims []claim
	order  []int
	stay   []bool // cannot move
	grants []grant
	owners map[place]*claim
	used   map[netip.Addr]int // how many places of an address have an owner
}

// again gives out what is recorded and what is asked for. It is true when somebody was found to be unable
// to move, so that it must be done again.
func (a *assignment) again() (again bool) {
	a.grants, a.owners, a.used = make([]grant, len(a.claims)), make(map[place]*claim, len(a.claims)), map[netip.Addr]int{}
	for _, i := range a.order {
		if c := &a.claims[i]; c.recorded != (value{}) && (!c.moves() || a.stay[i]) {
			a.take(i, c.recorded)
		}
	}
	for _, i := range a.order {
		c := &a.claims[i]
		if !c.moves() {
			continue
		}
		why, rival := granted, a.rival(c, c.wanted)
		switch {
		case !c.fits(c.wanted):
			why, rival = outOfRange, nil
		case rival != nil:
			why = taken
		}
		switch {
		case why == granted:
			if a.stay[i] { // somebody else could not move either
				a.release(c, c.recorded)
			}
			a.take(i, c.wanted)
		case c.recorded != (value{}) && !a.stay[i]:
			a.stay[i], again = true, true
		default:
			a.grants[i].why, a.grants[i].rival = why, rival
		}
	}
	return again
}

// choose gives a claim the first of its choices that nobody has.
func (a *assignment) choose(i int) {
	c := &a.claims[i]
	for v := range c.choices(a, c) {
		if c.fits(v) && a.take(i, v) {
			return
		}
	}
	a.grants[i] = grant{why: exhausted}
}

// rival is who has a place of the value; nil: nobody else than the claim itself.
func (a *assignment) rival(c *claim, v value) *claim {
	for _, p := range c.places(v) {
		if o := a.owners[p]; o != nil && o != c {
			return o
		}
		if a.has(p) {
			return elsewhere
		}
	}
	return nil
}

// take gives a value, unless somebody has it.
func (a *assignment) take(i int, v value) bool {
	c := &a.claims[i]
	if rival := a.rival(c, v); rival != nil {
		a.grants[i].why, a.grants[i].rival = taken, rival
		return false
	}
	for _, p := range c.places(v) {
		a.owners[p] = c
		a.used[p.address]++
	}
	a.grants[i] = grant{value: v}
	return true
}

func (a *assignment) release(c *claim, v value) {
	for _, p := range c.places(v) {
		if a.owners[p] == c {
			delete(a.owners, p)
			a.used[p.address]--
		}
	}
}

// hash is the same for the same words, whoever computes it.
func hash(words ...string) uint64 {
	h := fnv.New64a()
	for _, s := range words {
		_, _ = h.Write([]byte(s))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}
