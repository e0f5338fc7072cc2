package xds

import "sync"

// inbox wakes a session, and collects what others have to tell it until it looks: how many
// endpoints of clusters are healthy. It is bounded by the number of clusters: what is told twice
// before a look is one thing.
type inbox struct {
	mu      *sync.Mutex
	healthy map[string]int
	wake    chan struct{}
}

func newInbox() inbox {
	return inbox{mu: &sync.Mutex{}, healthy: map[string]int{}, wake: make(chan struct{}, 1)}
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

// takeNotice empties the inbox into the session, and looks at the clock.
func (s *session) takeNotice() {
	s.inbox.mu.Lock()
	var healthy map[string]int
	if len(s.inbox.healthy) > 0 {
		healthy, s.inbox.healthy = s.inbox.healthy, map[string]int{}
	}
	s.inbox.mu.Unlock()
	for cluster, n := range healthy {
		s.setHealthy(cluster, n)
	}
	s.stopWaiting()
	s.retire()
	s.endReplaced()
	s.helpWarming()
}
