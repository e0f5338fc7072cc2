package xds

import (
	"cmp"
	"maps"
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

// waitingList says what is waited for, sorted.
func (s *session) waitingList() []Waiting {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	var all []Waiting
	for _, what := range slices.SortedFunc(maps.Keys(s.waiting), compareRefs) {
		if len(all) == maxListed {
			break
		}
		waits := slices.SortedFunc(maps.Keys(s.waiting[what]), compareRefs)
		all = append(all, Waiting{
			Ref: what, Why: s.whyNot(what),
			For: waits[:min(len(waits), maxListed)], Count: len(waits),
		})
	}
	return all
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
	state := s.clusters[what.Name]
	switch {
	case state == nil:
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
		for _, name := range slices.Sorted(maps.Keys(sub.dirty)) {
			add(Pending{Ref: resource.Ref{Type: resource.Type(t), Name: name}})
		}
	}
	return all
}

// behind is when the oldest change came that the Envoy has not answered, also if the session has
// not looked at it yet.
func (s *session) behind() time.Time {
	if len(s.progress.open) > 0 {
		return s.progress.open[0].at
	}
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	if len(s.inbox.changes) > 0 {
		return s.inbox.changes[0].at
	}
	return time.Time{}
}

func compareRefs(a, b resource.Ref) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
}
