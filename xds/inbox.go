package xds

import (
	"sync"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// inbox collects what others have to tell a session until the session looks. It is bounded by
// the number of resources: what happens twice before a look is one thing.
type inbox struct {
	mu      *sync.Mutex
	changed map[resource.Ref]struct{}
	healthy map[string]int
	number  uint64 // of the newest change set that is in changed
	changes []change
	wake    chan struct{}
}

func newInbox() inbox {
	return inbox{
		mu:      &sync.Mutex{},
		changed: map[resource.Ref]struct{}{},
		healthy: map[string]int{},
		wake:    make(chan struct{}, 1),
	}
}

// notify tells the session that resources have changed in the store with a change set, which came
// at that time.
func (s *session) notify(number uint64, at time.Time, changed []ident) {
	s.inbox.mu.Lock()
	s.inbox.number = max(s.inbox.number, number)
	concerned := false
	for _, id := range changed {
		for _, a := range s.audiences {
			if a == id.audience {
				s.inbox.changed[resource.Ref{Type: id.kind, Name: id.name}] = struct{}{}
				concerned = true
			}
		}
	}
	if concerned {
		s.inbox.changes = addChange(s.inbox.changes, change{number, at})
	}
	s.inbox.mu.Unlock()
	s.inbox.ring() // also one that this does not concern has the change set in full now
}

// notifyHealthy tells the session what its Envoy says of the health of clusters.
func (s *session) notifyHealthy(healthy map[string]int) {
	s.inbox.mu.Lock()
	for cluster, n := range healthy {
		s.inbox.healthy[cluster] = n
	}
	s.inbox.mu.Unlock()
	s.inbox.ring()
}

func (i *inbox) ring() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// takeNotice empties the inbox into the session.
func (s *session) takeNotice() {
	s.inbox.mu.Lock()
	s.known = max(s.known, s.inbox.number)
	var changed map[resource.Ref]struct{}
	if len(s.inbox.changed) > 0 {
		changed, s.inbox.changed = s.inbox.changed, map[resource.Ref]struct{}{}
	}
	changes := s.inbox.changes
	s.inbox.changes = nil
	var healthy map[string]int
	if len(s.inbox.healthy) > 0 {
		healthy, s.inbox.healthy = s.inbox.healthy, map[string]int{}
	}
	s.inbox.mu.Unlock()
	concerned := false
	for ref := range changed {
		if sub := s.subs[ref.Type]; sub != nil && sub.wants(ref.Name) {
			sub.touch(ref.Name)
			concerned = true
		}
		s.happened(ref)
	}
	if concerned {
		for _, c := range changes {
			s.progress.open = addChange(s.progress.open, c)
		}
	}
	for cluster, n := range healthy {
		s.setHealthy(cluster, n)
	}
	s.retire()
	s.helpWarming()
}
