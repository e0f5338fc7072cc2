package xds

import (
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Node says which Envoy a session belongs to: its id, and the audiences it is part of.
type Node struct {
	ID      string // node.id
	Fleet   string // node.cluster
	Zone    string // node.locality.zone
	Name    string // the Kubernetes node it stands on: node.metadata "node"
	Version string // user agent and its version
}

func (n Node) audiences() []resource.Audience {
	var a []resource.Audience
	if n.Name != "" {
		a = append(a, resource.Audience{Scope: resource.Node, Name: n.Name})
	}
	if n.Zone != "" {
		a = append(a, resource.Audience{Scope: resource.Zone, Name: n.Zone})
	}
	return append(a, resource.OfFleet(n.Fleet), resource.Everyone)
}

// session is the state of one Envoy towards the store: what it asked for, what it was sent,
// has acknowledged and has refused. It does no I/O and knows no protocol variant. It is not
// safe for concurrent use, except for notify.
type session struct {
	store     *store
	node      Node
	audiences []resource.Audience
	now       func() time.Time
	inbox     inbox

	subs     [resource.NumTypes]*subscription
	clusters map[string]*clusterState                   // what is known of the clusters that this Envoy has
	named    map[string]int                             // how many contents that this Envoy may have name a cluster
	unknown  int                                        // resources that this Envoy has, of which we know only the version
	waiting  map[resource.Ref]map[resource.Ref]struct{} // what is missed → the resources that wait for it
	missing  map[resource.Ref][]resource.Ref            // the same, the other way round
	refused  map[atom]*refusal
	retiring map[string]time.Time // clusters that nothing names: when they are taken away
	// settled is when an Envoy that came with resources of an earlier stream has had the time
	// to ask for all types; before it no cluster is taken away.
	settled time.Time
	// stillWarming is when to find out whether an Envoy that came with resources of an earlier
	// stream still waits for endpoints; zero when that is settled.
	stillWarming time.Time

	// stateOfWorld is set for clients whose responses hold all of a type, where what is not in
	// one is gone.
	stateOfWorld bool
	// patience is how long a client of that kind, which came with something that is not known
	// here, is not told of routes before its clusters are; the zero time means not at all.
	patience time.Time

	// unsure are clusters that the Envoy came with, and that may still be warming.
	unsure []string

	nonce   uint64
	sends   uint64 // counts responses, to tell which was sent before which
	known   uint64 // the newest change set that this session has looked at
	applied uint64 // the newest change set that this Envoy has in full
	// warmed is called when a cluster has become warm, or more or less healthy.
	warmed func(cluster string)
	// refusalsChanged is called when something is refused, and when fewer are than before.
	refusalsChanged func()
	refusals        int // how many there were when it was called
	// progress is how far it is with changes, and answered is called with how long one took.
	progress progress
	answered func(took time.Duration)
	// earlier is the session of the same Envoy's stream before this one, if there was one.
	earlier *session
}

// subscription is what an Envoy wants of one type, and has.
type subscription struct {
	wildcard bool
	names    map[string]struct{}
	held     map[string]*held
	dirty    map[string]bool // true: send even if the version is the same
	inflight []*response
	asked    bool   // the Envoy has asked for this type at all
	since    uint64 // how many responses had been sent when it asked for all of it
	greet    bool   // a response is due even if there is nothing to say
	through  uint64 // the newest change set that the last answer covers: see progress
	// suspects were in a refused response and are held back; each is in one of the trials, or
	// in one that is on its way. trying are those that may go out right now.
	suspects map[atom]struct{}
	trials   [][]atom
	trying   map[atom]struct{}
}

// held is a resource that the Envoy has, or has been sent.
type held struct {
	acked *composed // nil: none acknowledged, or unknown
	sent  *composed // the newest that was sent; same as acked when it has been answered
	// unknown is the version that the Envoy reported when it connected, if we do not have the
	// bytes of it.
	unknown  string
	removing bool // its removal has been sent
	// maybe are refused versions: Envoy may have taken some resources of a response that it
	// refused. The next acknowledgement ends the doubt.
	maybe []*composed
}

// response is one discovery response, before it is put into a protocol's form.
type response struct {
	kind    resource.Type
	nonce   uint64
	sent    uint64 // its place in the order of sending
	items   []*composed
	removed []string
	at      time.Time
	through uint64 // the newest change set of which it has all that could be sent
}

// maxInflight is how many unanswered responses a session has for clusters at most.
const maxInflight = 64

// maxResponseBytes is the size past which a response is closed. Clients in Go take 4 MiB by
// default; what is left goes into the next response.
const maxResponseBytes = 3 << 20

func newSession(s *store, node Node, now func() time.Time, earlier *session) *session {
	if earlier != nil {
		earlier.earlier = nil
	}
	return &session{
		store:     s,
		node:      node,
		audiences: node.audiences(),
		now:       now,
		clusters:  map[string]*clusterState{},
		named:     map[string]int{},
		waiting:   map[resource.Ref]map[resource.Ref]struct{}{},
		missing:   map[resource.Ref][]resource.Ref{},
		refused:   map[atom]*refusal{},
		retiring:  map[string]time.Time{},
		inbox:     newInbox(),
		earlier:   earlier,
		known:     s.current(),
		warmed:    func(string) {},

		refusalsChanged: func() {},
		answered:        func(time.Duration) {},
	}
}

func (s *session) sub(t resource.Type) *subscription {
	if s.subs[t] == nil {
		s.subs[t] = &subscription{
			names:    map[string]struct{}{},
			held:     map[string]*held{},
			dirty:    map[string]bool{},
			suspects: map[atom]struct{}{},
		}
	}
	return s.subs[t]
}

// wants says whether the Envoy has asked for this resource.
func (s *subscription) wants(name string) bool {
	if s.wildcard {
		return true
	}
	_, ok := s.names[name]
	return ok
}

func (s *subscription) touch(name string) {
	if !s.dirty[name] {
		s.dirty[name] = false
	}
}

// subscribeAll makes every resource of a type wanted. An answer is due, also an empty one:
// Envoy waits for it when it starts, and takes it as a sign of life when it comes back.
func (s *session) subscribeAll(t resource.Type) {
	sub := s.sub(t)
	if sub.wildcard {
		return
	}
	sub.asked, sub.wildcard, sub.greet, sub.since = true, true, true, s.sends
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	s.store.each(s.audiences, t, sub.touch)
	for name := range sub.held {
		sub.touch(name)
	}
}

// subscribe makes a resource wanted. With again, it is sent even if the Envoy had it: one that
// asks in the middle of a stream has forgotten it.
func (s *session) subscribe(t resource.Type, name string, again bool) {
	sub := s.sub(t)
	sub.asked = true
	sub.names[name] = struct{}{}
	if again || sub.held[name] == nil {
		sub.dirty[name] = true
	} else {
		sub.touch(name)
	}
}

// unsubscribe forgets a resource: the Envoy has, too.
func (s *session) unsubscribe(t resource.Type, name string) {
	sub := s.sub(t)
	delete(sub.names, name)
	if sub.wildcard {
		return
	}
	delete(sub.dirty, name)
	s.missNothing(resource.Ref{Type: t, Name: name})
	s.forget(t, name)
}

// report takes in what an Envoy says it has from an earlier stream.
func (s *session) report(t resource.Type, versions map[string]string) {
	if len(versions) == 0 {
		return
	}
	sub := s.sub(t)
	if s.settled.IsZero() {
		s.settled = s.now().Add(settleTime)
		s.stillWarming = s.now().Add(warmingTime)
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	for name, version := range versions {
		if sub.held[name] != nil {
			continue
		}
		h := &held{}
		sub.held[name] = h
		known := s.recognise(t, name, version)
		if known == nil {
			h.unknown = version
			if countsAsNaming(t) {
				s.unknown++
			}
		} else {
			s.setAcked(h, known)
			s.setSent(h, known)
		}
		sub.touch(name)
		if t == resource.Cluster {
			s.reported(name)
		}
	}
}

// recognise finds the bytes of a version that an Envoy says it has.
func (s *session) recognise(t resource.Type, name, version string) *composed {
	if c := s.store.find(s.audiences, t, name); c != nil {
		if c.version == version {
			return c
		}
		if had := s.withGood(t, c); had != nil && had.version == version {
			return had
		}
	}
	if s.earlier == nil || s.earlier.subs[t] == nil {
		return nil
	}
	if h := s.earlier.subs[t].held[name]; h != nil {
		for _, c := range []*composed{h.acked, h.sent} {
			if c != nil && c.version == version {
				return c
			}
		}
	}
	return nil
}

// countsAsNaming says whether resources of this type send traffic to clusters.
func countsAsNaming(t resource.Type) bool {
	return t == resource.Listener || t == resource.Scope || t == resource.Route
}

// name adds to the count of contents that name each cluster of a resource.
func (s *session) name(c *composed, by int) {
	c.contents(func(p *content) {
		for _, ref := range p.output.Clusters {
			n := s.named[ref.Name] + by
			if n > 0 {
				s.named[ref.Name] = n
				continue
			}
			delete(s.named, ref.Name)
			s.sub(resource.Cluster).touch(ref.Name) // it may be time to take it away
		}
	})
}

// setAcked and setSent keep the counts of named clusters right.
func (s *session) setAcked(h *held, c *composed) {
	s.name(c, 1)
	s.name(h.acked, -1)
	h.acked = c
}

// doubt notes that an Envoy may have a version, or not.
func (s *session) doubt(h *held, c *composed) {
	if c == nil {
		return
	}
	s.name(c, 1)
	h.maybe = append(h.maybe, c)
}

func (s *session) clearDoubt(h *held) {
	for _, c := range h.maybe {
		s.name(c, -1)
	}
	h.maybe = nil
}

func (s *session) setSent(h *held, c *composed) {
	s.name(c, 1)
	s.name(h.sent, -1)
	h.sent = c
}

// forget drops a resource that the Envoy does not have any more.
func (s *session) forget(t resource.Type, name string) {
	sub := s.sub(t)
	h := sub.held[name]
	if h == nil {
		return
	}
	s.setAcked(h, nil)
	s.setSent(h, nil)
	s.clearDoubt(h)
	s.learn(t, h)
	delete(sub.held, name)
	if t == resource.Cluster {
		delete(s.retiring, name)
	}
}

// learn notes that the bytes of a held resource are known now, or do not matter any more.
func (s *session) learn(t resource.Type, h *held) {
	if h.unknown == "" {
		return
	}
	h.unknown = ""
	if countsAsNaming(t) {
		if s.unknown--; s.unknown == 0 {
			for name := range s.sub(resource.Cluster).held {
				s.sub(resource.Cluster).touch(name)
			}
		}
	}
}
