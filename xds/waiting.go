package xds

import (
	"cmp"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Waiting is something that parts of an Envoy's configuration wait for.
type Waiting struct {
	resource.Ref
	Why string // in words
	// For are the resources that wait, maxListed at most; Count says how many there are.
	For   []resource.Ref
	Count int
}

// Pending is a resource that an Envoy has not acknowledged yet.
type Pending struct {
	resource.Ref
	// Sent is when it was sent; zero: it goes out when what was sent before it is answered.
	Sent time.Time
	// Removed: it is being taken away.
	Removed bool
}

// waitingList says what is waited for, sorted. The caller holds the store's lock.
func (s *session) waitingList() []Waiting {
	waiting := map[ref][]ref{} // what is missed → what misses it
	s.waits.each(func(of, what ref) {
		waiting[what] = append(waiting[what], of)
	})
	all := make([]Waiting, 0, len(waiting))
	for what, waits := range waiting {
		w := Waiting{Ref: s.refOf(what)}
		for _, of := range waits {
			w.For = append(w.For, s.refOf(of))
		}
		slices.SortFunc(w.For, compareRefs)
		w.For = slices.Compact(w.For) // several parts of one may wait
		w.Count = len(w.For)
		w.For = w.For[:min(len(w.For), maxListed)]
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b Waiting) int { return compareRefs(a.Ref, b.Ref) })
	all = all[:min(len(all), maxListed)]
	for i := range all {
		all[i].Why = s.whyNot(all[i].Ref)
	}
	return all
}

func (s *session) refOf(r ref) resource.Ref {
	return resource.Ref{Type: r.kind, Name: s.store.names.of(r.id)}
}

// whyNot says why something is waited for. The caller holds the store's lock.
func (s *session) whyNot(what resource.Ref) string {
	if !s.store.has(s.audiences, what.Type, what.Name) {
		return "there is no such " + what.Type.String() + " for this Envoy"
	}
	for a := range s.refused {
		if a.name == what.Name && (a.kind == what.Type || what.Type == resource.Cluster && a.kind == resource.Endpoint) {
			return "the Envoy refuses it"
		}
	}
	if what.Type != resource.Cluster {
		return "it is not delivered yet"
	}
	state, there := s.clusters.get(s.store.names.find(what.Name))
	switch {
	case !there:
		return "it has not been sent yet"
	case !state.warm && state.mayCheck:
		return "the Envoy has not finished the first round of its health checks"
	case !state.warm:
		return "the Envoy has not acknowledged it and its endpoints"
	case state.checked && !state.reported:
		return "the Envoy has not reported its health yet"
	}
	return "none of its endpoints has passed its health check on this Envoy"
}

// pendingList says what has not been acknowledged, in the order in which it goes out.
func (s *session) pendingList() []Pending {
	var all []Pending
	add := func(p Pending) {
		if len(all) < maxListed {
			all = append(all, p)
		}
	}
	for t, sub := range s.subs {
		if sub == nil || !sub.asked {
			continue
		}
		for _, r := range sub.inflight {
			for _, c := range r.items {
				add(Pending{Ref: resource.Ref{Type: r.kind, Name: c.name}, Sent: r.at})
			}
			for _, name := range r.removed {
				add(Pending{Ref: resource.Ref{Type: r.kind, Name: name}, Sent: r.at, Removed: true})
			}
		}
		if len(all) == maxListed {
			break
		}
		for id := range sub.dirty.all() {
			if len(all) == maxListed {
				break
			}
			add(Pending{Ref: s.refOf(ref{resource.Type(t), id})})
		}
	}
	return all
}

// behind is when the oldest change came that the Envoy has not answered.
func (s *session) behind() time.Time {
	if len(s.progress.open) > 0 {
		return s.progress.open[0].at
	}
	return time.Time{}
}

func compareRefs(a, b resource.Ref) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
}
