package allocation

import (
	"cmp"
	"hash/fnv"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// claim is a port of a Service that shall have a node port.
type claim struct {
	service api.Key
	index   int    // in spec.ports
	name    string // of the port
	port    int32
	// protocol and number together are what only one can have.
	protocol corev1.Protocol
	wanted   int32 // what the manifest asks for; 0: any
	recorded int32 // what it had before; 0: nothing
	// within bounds the number: the ranges of all fleets that serve the Service, the first is
	// the one that a free number is chosen from.
	within []v1alpha1.PortRange
}

// moves says whether the manifest asks for another number than the claim had.
func (c *claim) moves() bool { return c.wanted != 0 && c.wanted != c.recorded }

// number is what only one claim can have.
type number struct {
	protocol corev1.Protocol
	port     int32
}

// grant is what a claim comes to.
type grant struct {
	port int32 // 0: none
	why  refusal
	// rival has the number that was asked for.
	rival *claim
}

// refusal says why a claim did not get what it asks for.
type refusal uint8

const (
	granted    refusal = iota
	outOfRange         // the number is not one of the fleet's
	taken              // another Service has it
	exhausted          // there is no free number
)

// assign decides who gets which number. It gives the same for the same claims in any order; the grants
// are in the order of the claims. Numbers in avoid are not chosen, but may be asked for.
//
// Recorded numbers are kept. Then those who ask for a number get it, unless somebody has it; who asks
// for another number than it had, and cannot have it, keeps what it had. The rest get free numbers.
func assign(claims []claim, avoid map[int32]bool) []grant {
	order := make([]int, len(claims))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compareClaims(&claims[a], &claims[b]) })
	a := &assignment{claims: claims, order: order, stay: make([]bool, len(claims))}
	for a.again() {
		// One that cannot move keeps its number, which somebody else may have got.
	}
	for _, i := range order {
		if c := &claims[i]; c.wanted == 0 && a.grants[i].port == 0 {
			a.choose(i, c, avoid)
		}
	}
	return a.grants
}

func compareClaims(a, b *claim) int {
	return cmp.Or(a.service.Compare(b.service), cmp.Compare(a.index, b.index))
}

// assignment is one run of assign.
type assignment struct {
	claims []claim
	order  []int
	stay   []bool // cannot move
	grants []grant
	owners map[number]*claim
}

// again gives out what is recorded and what is asked for. It is true when somebody was found to be
// unable to move, so that it must be done again.
func (a *assignment) again() (again bool) {
	a.grants, a.owners = make([]grant, len(a.claims)), make(map[number]*claim, len(a.claims))
	for _, i := range a.order {
		c := &a.claims[i]
		if c.recorded != 0 && (!c.moves() || a.stay[i]) {
			a.take(i, c, c.recorded)
		}
	}
	for _, i := range a.order {
		c := &a.claims[i]
		if !c.moves() {
			continue
		}
		why, rival := granted, a.owners[number{c.protocol, c.wanted}]
		switch {
		case !c.fits(c.wanted):
			why, rival = outOfRange, nil
		case rival != nil && rival != c:
			why = taken
		}
		switch {
		case why == granted:
			if a.stay[i] { // somebody else could not move either
				delete(a.owners, number{c.protocol, c.recorded})
			}
			a.take(i, c, c.wanted)
		case c.recorded != 0 && !a.stay[i]:
			a.stay[i], again = true, true
		default:
			a.grants[i].why, a.grants[i].rival = why, rival
		}
	}
	return again
}

// take gives a number, unless somebody has it.
func (a *assignment) take(i int, c *claim, port int32) bool {
	n := number{c.protocol, port}
	if rival := a.owners[n]; rival != nil {
		a.grants[i].why, a.grants[i].rival = taken, rival
		return false
	}
	a.owners[n] = c
	a.grants[i] = grant{port: port}
	return true
}

// fits says whether every fleet that serves the Service has the number.
func (c *claim) fits(port int32) bool {
	return !slices.ContainsFunc(c.within, func(r v1alpha1.PortRange) bool { return port < r.First || port > r.Last })
}

// choose finds a free number. Where the search begins depends on nothing but the claim, so that others
// which come and go seldom change what is chosen without a record. The lower part of the range is used
// last: that is where people who ask for a number ask for it.
// https://kubernetes.io/docs/concepts/services-networking/service/#avoid-nodeport-collisions
func (a *assignment) choose(i int, c *claim, avoid map[int32]bool) {
	first, last := c.common()
	size := last - first + 1
	if size <= 0 {
		a.grants[i].why = exhausted
		return
	}
	static := min(max(16, size/32), 128)
	if static >= size {
		static = 0
	}
	for _, p := range a.siblings(c) { // DNS and the like: TCP and UDP on one number
		if c.fits(p) && a.take(i, c, p) {
			return
		}
	}
	upper := size - static
	start := int32(c.hash() % uint64(upper))
	for n := range size {
		port := first + static + (start+n)%upper
		if n >= upper {
			port = first + n - upper
		}
		if !avoid[port] && c.fits(port) && a.take(i, c, port) {
			return
		}
	}
	a.grants[i] = grant{why: exhausted}
}

// common is the range that all fleets have in common.
func (c *claim) common() (first, last int32) {
	first, last = 1, 65535
	for _, r := range c.within {
		first, last = max(first, r.First), min(last, r.Last)
	}
	return first, last
}

// siblings are the numbers of ports of the same Service with the same port number and another protocol.
func (a *assignment) siblings(c *claim) (ports []int32) {
	at, _ := slices.BinarySearchFunc(a.order, c, func(i int, c *claim) int { return a.claims[i].service.Compare(c.service) })
	for ; at < len(a.order) && a.claims[a.order[at]].service == c.service; at++ {
		i := a.order[at]
		if o := &a.claims[i]; o.port == c.port && o.protocol != c.protocol && a.grants[i].port != 0 {
			ports = append(ports, a.grants[i].port)
		}
	}
	return ports
}

// hash is the same for the same port of a Service, whoever computes it.
func (c *claim) hash() uint64 {
	h := fnv.New64a()
	for _, s := range []string{c.service.Namespace, c.service.Name, c.name, string(c.protocol)} {
		_, _ = h.Write([]byte(s))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}
