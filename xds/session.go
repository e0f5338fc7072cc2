package xds

import (
	"maps"
	"slices"
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
	nonce   uint64
	sends   uint64 // counts responses, to tell which was sent before which
	applied uint64 // the newest change set that this Envoy has in full
	// warmed is called when a cluster has become warm, or more or less healthy.
	warmed func(cluster string)
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
	asked    bool // the Envoy has asked for this type at all
	greet    bool // a response is due even if there is nothing to say
	trials   [][]atom
	suspects map[atom]struct{}
}

// held is a resource that the Envoy has, or has been sent.
type held struct {
	acked *composed // nil: none acknowledged, or unknown
	sent  *composed // the newest that was sent; same as acked when it has been answered
	// unknown is the version that the Envoy reported when it connected, if we do not have the
	// bytes of it.
	unknown  string
	removing bool // its removal has been sent
}

// response is one discovery response, before it is put into a protocol's form.
type response struct {
	kind    resource.Type
	nonce   uint64
	sent    uint64 // its place in the order of sending
	items   []*composed
	removed []string
	at      time.Time
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
		warmed:    func(string) {},
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
	sub.asked, sub.wildcard, sub.greet = true, true, true
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
			s.name(known, 1)
			h.acked, h.sent = known, known
		}
		sub.touch(name)
		s.reported(t, name)
	}
}

// recognise finds the bytes of a version that an Envoy says it has.
func (s *session) recognise(t resource.Type, name, version string) *composed {
	if c := s.store.find(s.audiences, t, name); c != nil && c.version == version {
		return c
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
	s.learn(t, h)
	delete(sub.held, name)
	if t == resource.Cluster {
		delete(s.clusters, name)
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

// next returns the next response to send, or nil when there is nothing to say for now.
func (s *session) next() *response {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	s.takeNotice()
	s.retryRefused()
	for t := range resource.NumTypes {
		if s.subs[t] == nil || !s.subs[t].asked {
			continue
		}
		if r := s.nextOf(t); r != nil {
			return r
		}
	}
	if s.idle() {
		s.applied = s.store.applied
		s.earlier = nil
	}
	return nil
}

// idle says whether the Envoy has acknowledged everything that is there for it.
func (s *session) idle() bool {
	for _, sub := range s.subs {
		if sub != nil && sub.asked && (len(sub.inflight) > 0 || len(sub.dirty) > 0 || len(sub.trials) > 0) {
			return false
		}
	}
	return len(s.waiting) == 0 && len(s.refused) == 0
}

// nextOf is next for one type. One response at a time is on its way, and everything that
// happens meanwhile is coalesced; but several for clusters, since Envoy withholds all cluster
// acknowledgements while a single cluster warms.
func (s *session) nextOf(t resource.Type) *response {
	sub := s.subs[t]
	if n := len(sub.inflight); n >= maxInflight || n > 0 && t != resource.Cluster {
		return nil
	}
	r := &response{kind: t}
	names, trial := s.due(t)
	size := 0
	for _, name := range names {
		if size > maxResponseBytes {
			break // the rest stays dirty
		}
		force := sub.dirty[name]
		if h := sub.held[name]; h != nil && h.removing {
			continue // back again while its removal is on its way: after the answer
		}
		delete(sub.dirty, name)
		if !sub.wants(name) {
			continue
		}
		size += s.add(r, name, force)
	}
	if len(r.items) == 0 && len(r.removed) == 0 && !sub.greet {
		if trial {
			return s.nextOf(t) // nothing left of that trial
		}
		return nil
	}
	sub.greet = false
	s.nonce++
	s.sends++
	r.nonce, r.sent, r.at = s.nonce, s.sends, s.now()
	sub.inflight = append(sub.inflight, r)
	return r
}

// due gives the names to look at, sorted: those of the next trial, or all that are dirty.
func (s *session) due(t resource.Type) (names []string, trial bool) {
	sub := s.subs[t]
	if len(sub.trials) > 0 {
		for _, a := range sub.trials[0] {
			delete(sub.suspects, a)
			names = append(names, a.name)
		}
		sub.trials = sub.trials[1:]
		slices.Sort(names)
		return slices.Compact(names), true
	}
	if len(sub.dirty) == 0 {
		return nil, false
	}
	return slices.Sorted(maps.Keys(sub.dirty)), false
}

// add puts what is to be said about one resource into a response, and returns its size.
func (s *session) add(r *response, name string, force bool) int {
	sub := s.subs[r.kind]
	h := sub.held[name]
	c, verdict := s.compose(r.kind, name)
	switch {
	case verdict == keep:
		return 0
	case verdict == absent && h == nil && !sub.wildcard:
		r.removed = append(r.removed, name) // asked for, and not there
		return len(name)
	case verdict == absent:
		if h != nil && s.mayRemove(r.kind, name) {
			h.removing = true
			r.removed = append(r.removed, name)
		}
		return len(name)
	}
	if h == nil {
		h = &held{}
		sub.held[name] = h
	}
	if r.kind == resource.Cluster {
		delete(s.retiring, name)
	}
	if !force && h.sent != nil && h.sent.version == c.version {
		if h.sent != c && h.sent == h.acked { // the same bytes, perhaps with other references
			s.setAcked(h, c)
			s.setSent(h, c)
		}
		return 0
	}
	s.setSent(h, c)
	s.sending(r.kind, c)
	r.items = append(r.items, c)
	return c.size
}

// answer takes in an acknowledgement (empty message) or a refusal of a response. An answer to
// a response speaks for all of the type before it, too: Envoy handles them in order.
func (s *session) answer(t resource.Type, nonce uint64, message string) {
	sub := s.sub(t)
	i := slices.IndexFunc(sub.inflight, func(r *response) bool { return r.nonce == nonce })
	if i < 0 {
		return
	}
	answered := sub.inflight[:i+1]
	sub.inflight = slices.Clone(sub.inflight[i+1:])
	for k, r := range answered {
		if k == i && message != "" {
			s.refuse(r, message)
		} else {
			s.accept(r)
		}
	}
}

func (s *session) accept(r *response) {
	sub := s.sub(r.kind)
	for _, c := range r.items {
		h := sub.held[c.name]
		if h == nil {
			continue // unsubscribed meanwhile
		}
		s.learn(r.kind, h)
		s.setAcked(h, c)
		s.accepted(r, c)
	}
	for _, name := range r.removed {
		if h := sub.held[name]; h != nil && h.removing {
			s.forget(r.kind, name)
			if s.store.has(s.audiences, r.kind, name) {
				sub.touch(name)
			}
		}
	}
}
