package xds

import (
	"strings"
	"sync"
)

// names gives every name of a resource a small number, so that sessions need not hold strings.
// A number is the same for all types: a cluster and its endpoints have one. 0 is no name.
//
// A name stays for as long as the store has a resource of it or a session uses it, which is
// also how a change finds the sessions that it concerns. names is safe for concurrent use.
type names struct {
	mu    sync.RWMutex
	ids   map[string]uint32
	slots []slot
	free  []uint32 // numbers without a name
}

type slot struct {
	name      string
	resources int    // how many the store has
	users     bitset // numbers of sessions
}

func newNames() names { return names{ids: map[string]uint32{}, slots: make([]slot, 1)} }

// find returns the number of a name, or 0.
func (n *names) find(name string) uint32 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.ids[name]
}

// of returns the name of a number that is in use.
func (n *names) of(id uint32) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.slots[id].name
}

// use returns the number of a name for a session, which has it until it leaves it.
func (n *names) use(name string, session uint32) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := n.number(name)
	n.slots[id].users.add(session)
	return id
}

// useAll has a session use names that are known by their numbers.
func (n *names) useAll(ids *bitset, session uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := range ids.all() {
		n.slots[id].users.add(session)
	}
}

// leave ends a session's use of a name.
func (n *names) leave(id, session uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slots[id].users.remove(session)
	n.collect(id)
}

// leaveAll ends a session's use of all names.
func (n *names) leaveAll(session uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := range n.slots {
		if n.slots[id].users.has(session) {
			n.slots[id].users.remove(session)
			n.collect(uint32(id))
		}
	}
}

// hold returns the number of a name of which the store has one resource more.
func (n *names) hold(name string) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := n.number(name)
	n.slots[id].resources++
	return id
}

// release is told when the store has one resource less of a name.
func (n *names) release(id uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slots[id].resources--
	n.collect(id)
}

func (n *names) number(name string) uint32 {
	if id := n.ids[name]; id != 0 {
		return id
	}
	var id uint32
	if last := len(n.free) - 1; last >= 0 {
		id, n.free = n.free[last], n.free[:last]
	} else {
		id = uint32(len(n.slots))
		n.slots = append(n.slots, slot{})
	}
	name = strings.Clone(name) // it may be a part of a request
	n.ids[name] = id
	n.slots[id].name = name
	return id
}

// collect frees the number of a name that nobody has.
func (n *names) collect(id uint32) {
	if s := &n.slots[id]; s.resources == 0 && s.users.n == 0 {
		delete(n.ids, s.name)
		*s = slot{}
		n.free = append(n.free, id)
	}
}
