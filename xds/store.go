package xds

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// store holds the newest version of every resource, encoded once for all Envoys, and knows
// the sessions.
//
// A session holds mu for reading while it works on itself. Whoever holds it for writing may
// change any session: so a change reaches the store and the sessions that it concerns in one
// step, and no session ever sees one without the other.
type store struct {
	mu        sync.RWMutex
	names     names
	resources [resource.NumTypes][]variants // by the number of the name
	audiences map[resource.Audience]*group
	sessions  []*session // by their numbers
	vacant    []uint32   // numbers of no session
	applied   uint64     // how many change sets
	good      *lastGood

	leaving struct {
		mu       sync.Mutex
		sessions []*session // that are to be removed
	}
}

// group are the sessions and the resources of one audience.
type group struct {
	resource.Audience
	members   bitset                    // sessions
	there     [resource.NumTypes]bitset // names of the resources that have a head
	resources int                       // with a head or without
}

// variants are the resources of one type and name, for different audiences. Nearly always
// there is one.
type variants struct {
	one  *stored
	more map[*group]*stored
}

// stored is a resource in the making; whole is nil while it has no head.
type stored struct {
	audience *group
	head     *content
	parts    []*content
	whole    *composed
}

func newStore() *store {
	return &store{
		names:     newNames(),
		audiences: map[resource.Audience]*group{},
		good:      &lastGood{log: slog.New(slog.DiscardHandler), parts: map[resource.Key]*content{}},
	}
}

// apply takes in a change set that came at a time, and returns its number. It tells and wakes
// the sessions that it concerns, and no others.
func (s *store) apply(set resource.ChangeSet, at time.Time) (number uint64) {
	s.mu.Lock()
	s.reap()
	s.applied++
	news := &news{change: change{s.applied, at}}
	for entries := set.Entries; len(entries) > 0; {
		k := entries[0].Key
		n := 1
		for n < len(entries) && sameResource(k, entries[n].Key) {
			n++
		}
		s.update(k, entries[:n], news)
		entries = entries[n:]
	}
	s.mu.Unlock()
	for _, session := range news.concerned {
		session.inbox.ring()
	}
	return news.number
}

func sameResource(a, b resource.Key) bool {
	return a.Type == b.Type && a.Audience == b.Audience && a.Name == b.Name
}

// news is a change set on its way to the sessions.
type news struct {
	change
	concerned []*session
}

// current is the number of the newest change set.
func (s *store) current() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.applied
}

// update takes in what a change set says of one resource.
func (s *store) update(k resource.Key, entries []resource.Entry, news *news) {
	r, id := s.make(k)
	before := r.whole
	parts := slices.Clone(r.parts) // whole may share the slice
	for _, e := range entries {
		switch {
		case e.Key.Part == "" && e.Output == nil:
			r.head = nil
		case e.Key.Part == "":
			r.head = newContent("", e.Output)
		default:
			parts = putPart(parts, e)
		}
	}
	r.parts, r.whole = parts, nil
	if r.head != nil {
		r.whole = compose(id, k.Name, r.head, r.parts)
		r.audience.there[k.Type].add(id)
	} else {
		r.audience.there[k.Type].remove(id)
	}
	s.tell(k.Type, id, r, before, news)
	if r.head == nil && len(r.parts) == 0 {
		s.drop(k.Type, id, r)
	}
}

// tell has the sessions know that a resource is not what it was: those that use the name and,
// if it is new, all that may want it.
func (s *store) tell(t resource.Type, id uint32, r *stored, before *composed, news *news) {
	if before == nil && r.whole == nil {
		return
	}
	members, among := &r.audience.members, &s.names.slots[id].users
	if before == nil {
		among = members
	}
	for number := range among.all() {
		if !members.has(number) {
			continue
		}
		session := s.sessions[number]
		had := s.resources[t][id].seen(session.audiences, r.audience, before)
		if had != session.view(t, id) {
			session.changed(t, id, had, news)
		}
	}
}

func putPart(parts []*content, e resource.Entry) []*content {
	i, found := slices.BinarySearchFunc(parts, e.Key.Part, func(p *content, key string) int { return strings.Compare(p.part, key) })
	switch {
	case e.Output == nil && found:
		return slices.Delete(parts, i, i+1)
	case e.Output == nil:
		return parts
	case found:
		parts[i] = newContent(e.Key.Part, e.Output)
		return parts
	}
	return slices.Insert(parts, i, newContent(e.Key.Part, e.Output))
}

// make returns the resource of a key and the number of its name, as an empty one if there is
// none.
func (s *store) make(k resource.Key) (*stored, uint32) {
	a := s.groupOf(k.Audience)
	all := s.resources[k.Type]
	id := s.names.find(k.Name)
	if int(id) < len(all) && id != 0 {
		if r := all[id].get(a); r != nil {
			return r, id
		}
	}
	id = s.names.hold(k.Name)
	if n := int(id) + 1; n > len(all) {
		all = append(all, make([]variants, n-len(all))...)
		s.resources[k.Type] = all
	}
	r := &stored{audience: a}
	a.resources++
	if v := &all[id]; v.one == nil {
		v.one = r
	} else {
		if v.more == nil {
			v.more = map[*group]*stored{}
		}
		v.more[a] = r
	}
	return r, id
}

func (s *store) drop(t resource.Type, id uint32, r *stored) {
	v := &s.resources[t][id]
	if v.one == r {
		v.one = nil
		for a, other := range v.more {
			v.one = other
			delete(v.more, a)
			break
		}
	} else {
		delete(v.more, r.audience)
	}
	r.audience.resources--
	s.dropGroup(r.audience)
	s.names.release(id)
}

func (v variants) get(a *group) *stored {
	if v.one != nil && v.one.audience == a {
		return v.one
	}
	return v.more[a]
}

// seen is what audiences, ordered from narrow to wide, see: the resource of the narrowest that
// has one, or nil. The resource of changed, if that is not nil, counts as what it was before.
func (v variants) seen(audiences []*group, changed *group, before *composed) *composed {
	for _, a := range audiences {
		var whole *composed
		if r := v.get(a); a == changed {
			whole = before
		} else if r != nil {
			whole = r.whole
		}
		if whole != nil {
			return whole
		}
	}
	return nil
}

// see is what audiences see of a type under the number of a name. The caller holds the lock.
func (s *store) see(audiences []*group, t resource.Type, id uint32) *composed {
	if int(id) >= len(s.resources[t]) {
		return nil
	}
	return s.resources[t][id].seen(audiences, nil, nil)
}

// find is see for a name. The caller holds the lock.
func (s *store) find(audiences []*group, t resource.Type, name string) *composed {
	return s.see(audiences, t, s.names.find(name))
}

// has says whether there is a resource. The caller holds the lock.
func (s *store) has(audiences []*group, t resource.Type, name string) bool {
	return s.find(audiences, t, name) != nil
}

// locate says of which audience the resource is that audiences see. The caller holds the lock.
func (s *store) locate(audiences []*group, t resource.Type, name string) resource.Audience {
	if id := s.names.find(name); int(id) < len(s.resources[t]) {
		for _, a := range audiences {
			if r := s.resources[t][id].get(a); r != nil && r.whole != nil {
				return a.Audience
			}
		}
	}
	return resource.Audience{}
}

// hasPart says whether there is a part.
func (s *store) hasPart(k resource.Key) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, id := s.audiences[k.Audience], s.names.find(k.Name)
	if a == nil || int(id) >= len(s.resources[k.Type]) {
		return false
	}
	r := s.resources[k.Type][id].get(a)
	return r != nil && slices.ContainsFunc(r.parts, func(c *content) bool { return c.part == k.Part })
}
