package xds

import (
	"iter"
	"maps"
	"slices"
	"strings"
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
	if n.Proxyless() {
		a = append(a, resource.OfProxyless(n.Fleet))
	}
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
	number    uint32 // in the store
	node      Node
	audiences []*group
	now       func() time.Time
	inbox     inbox

	subs     [resource.NumTypes]*subscription
	clusters clusters
	named    []int32 // how many contents that this Envoy may have name a cluster
	unknown  int     // resources that this Envoy has, of which we know only the version
	waits    waits
	refused  map[atom]*refusal
	retries  retries
	retiring sparse[time.Time]    // clusters that nothing names: when they are taken away
	replaced sparse[*replacement] // assignments whose endpoints are being replaced
	loose    []uint32             // names that the session may have no use for any more
	// settled is when an Envoy that came with resources of an earlier stream has had the time
	// to ask for all types; before it no cluster is taken away.
	settled time.Time
	// stillWarming is when to find out whether an Envoy that came with resources of an earlier
	// stream still waits for endpoints; zero when that is settled.
	stillWarming time.Time

	// stateOfWorld is set for clients whose responses hold all of a type, where what is not in
	// one is gone.
	stateOfWorld bool
	// returned is set for an Envoy that has come with something from an earlier stream.
	returned bool
	// alone is set for a stream that is about a single type. What the Envoy has of the others is
	// on other streams, and is not known here.
	alone bool
	// patience is how long a client of that kind, which came with something that is not known
	// here, is not told of routes before its clusters are; the zero time means not at all.
	patience time.Time

	// unsure are clusters that the Envoy came with, and that may still be warming.
	unsure []uint32

	nonce   uint64
	sends   uint64 // counts responses, to tell which was sent before which
	heard   uint64 // the latest of them that was answered
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

// ref names a resource by the number of its name.
type ref struct {
	kind resource.Type
	id   uint32
}

// subscription is what an Envoy wants of one type, and has.
type subscription struct {
	holdings
	wildcard bool
	named    bool // it has asked for something by name, be it "*"
	names    bitset
	dirty    bitset // what is to be looked at
	forced   bitset // of these: send even if the version is the same
	inflight []*response
	asked    bool   // the Envoy has asked for this type at all
	since    uint64 // how many responses had been sent when it asked for all of it
	greet    bool   // a response is due even if there is nothing to say
	through  uint64 // the newest change set that the last answer covers: see progress
	doubts   doubts // of an earlier stream, about what it has not asked for yet
	// suspects were in a refused response and are held back; each is in one of the trials, or
	// in one that is on its way. trying are those that may go out right now.
	suspects map[atom]struct{}
	trials   [][]atom
	trying   map[atom]struct{}
}

// response is one discovery response, before it is put into a protocol's form.
type response struct {
	kind    resource.Type
	nonce   uint64
	sent    uint64 // its place in the order of sending
	items   []*composed
	removed []string
	none    []string    // asked for, and not there: see none.go
	adrift  []*composed // of the items: see adrift.go
	again   bool        // it tries something once more that was refused
	at      time.Time
	through uint64 // the newest change set of which it has all that could be sent
}

// maxInflight is how many unanswered responses a session has for clusters at most.
const maxInflight = 64

// maxResponseBytes is the size past which a response is closed. Clients in Go take 4 MiB by
// default; what is left goes into the next response.
const maxResponseBytes = 3 << 20

func newSession(store *store, node Node, now func() time.Time, earlier *session) *session {
	if earlier != nil && earlier.earlier != nil {
		store.dismiss(earlier.earlier)
		earlier.earlier = nil
	}
	s := &session{
		store:   store,
		node:    node,
		now:     now,
		refused: map[atom]*refusal{},
		inbox:   newInbox(),
		earlier: earlier,
		warmed:  func(string) {},

		refusalsChanged: func() {},
		answered:        func(time.Duration) {},
	}
	store.join(s)
	return s
}

func (s *session) sub(t resource.Type) *subscription {
	if s.subs[t] == nil {
		s.subs[t] = &subscription{suspects: map[atom]struct{}{}}
	}
	return s.subs[t]
}

// view is what the store has for this Envoy of a type under the number of a name, or nil.
func (s *session) view(t resource.Type, id uint32) *composed { return s.store.see(s.audiences, t, id) }

// wants says whether the Envoy has asked for this resource.
func (s *subscription) wants(id uint32) bool { return s.wildcard || s.names.has(id) }

// touch has a resource looked at.
func (s *subscription) touch(id uint32) {
	if id != 0 {
		s.dirty.add(id)
	}
}

// force has a resource looked at, and sent even if the version is the same.
func (s *subscription) force(id uint32) {
	s.dirty.add(id)
	s.forced.add(id)
}

// clean ends looking at a resource, and says whether it was forced.
func (s *subscription) clean(id uint32) (forced bool) {
	forced = s.forced.has(id)
	s.dirty.remove(id)
	s.forced.remove(id)
	return forced
}

// changed tells the session that the store has something else for it. The caller holds the
// store's lock for writing.
func (s *session) changed(t resource.Type, id uint32, before *composed, news *news) {
	if s.idle() {
		s.applied = news.number - 1
	}
	if sub := s.subs[t]; sub != nil {
		sub.keep(id, before)
		if sub.wants(id) {
			s.store.names.use(s.store.names.of(id), s.number)
			if t != resource.Endpoint || !s.isForeign(id) {
				sub.touch(id)
				s.concern(news)
			}
		}
	}
	if t == resource.Cluster && before == nil {
		s.isForeignNoMore(id)
	}
	if s.waits.note(ref{t, id}) {
		s.concern(news)
	}
}

// appliedNow is the newest change set that the Envoy has in full. One that does not concern it,
// it has at once.
func (s *session) appliedNow() uint64 {
	if s.idle() {
		return s.store.applied
	}
	return s.applied
}

// concern has the session look at what has changed.
func (s *session) concern(news *news) {
	if n := len(s.progress.open); n == 0 || s.progress.open[n-1] != news.change {
		s.progress.open = addChange(s.progress.open, news.change)
	}
	if n := len(news.concerned); n == 0 || news.concerned[n-1] != s {
		news.concerned = append(news.concerned, s) // ringing twice does no harm
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
	for _, a := range s.audiences {
		s.store.names.useAll(&a.there[t], s.number)
		for id := range a.there[t].all() {
			sub.touch(id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(sub.doubts)) {
		s.inherit(t, id)
	}
	sub.ids(sub.touch)
}

// subscribe makes a resource wanted. With again, it is sent even if the Envoy had it: one that
// asks in the middle of a stream has forgotten it.
func (s *session) subscribe(t resource.Type, name string, again bool) {
	sub := s.sub(t)
	sub.asked = true
	id := s.store.names.use(name, s.number)
	sub.names.add(id)
	if !again {
		s.inherit(t, id)
	}
	if again || !sub.has(id) || t == resource.Endpoint && s.awaitsEndpoints(id) {
		sub.force(id)
	} else {
		sub.touch(id)
	}
}

// unsubscribe forgets a resource: the Envoy has, too.
func (s *session) unsubscribe(t resource.Type, name string) {
	if id := s.store.names.find(name); id != 0 {
		s.unsubscribeID(t, id)
	}
}

func (s *session) unsubscribeID(t resource.Type, id uint32) {
	sub := s.sub(t)
	sub.names.remove(id)
	s.loosen(id)
	if sub.wildcard {
		return
	}
	sub.clean(id)
	s.missNothing(ref{t, id})
	s.drift(t, id)
	s.forget(t, id)
}

// unsubscribeAll ends a wildcard subscription.
func (s *session) unsubscribeAll(t resource.Type) {
	sub := s.sub(t)
	sub.wildcard = false
	var gone []uint32
	sub.ids(func(id uint32) {
		if !sub.wants(id) {
			gone = append(gone, id)
		}
	})
	for _, id := range gone {
		s.unsubscribeID(t, id)
	}
	for _, a := range s.audiences { // what it has not got is of no interest either
		for id := range a.there[t].all() {
			s.loosen(id)
		}
	}
}

// report takes in what an Envoy says it has from an earlier stream.
func (s *session) report(t resource.Type, versions iter.Seq2[string, string]) {
	sub := s.sub(t)
	for name, version := range versions {
		s.returned = true
		if s.settled.IsZero() {
			s.settled = s.now().Add(settleTime)
			s.stillWarming = s.now().Add(warmingTime)
		}
		id := s.store.names.use(name, s.number)
		if sub.has(id) {
			continue
		}
		known := s.recognise(t, id, version)
		if known == nil {
			s.setHeld(t, id, held{unknown: strings.Clone(version)})
			if countsAsNaming(t) {
				s.unknown++
			}
		} else {
			s.setHeld(t, id, held{acked: known, sent: known})
			if t == resource.Endpoint {
				s.reportReplaced(id, known)
			}
		}
		sub.touch(id)
		if t == resource.Cluster {
			s.reported(id)
		}
	}
	sub.doubts = s.doubtsOf(t)
}

// recognise finds the bytes of a version that an Envoy says it has.
func (s *session) recognise(t resource.Type, id uint32, version string) *composed {
	if c := s.view(t, id); c != nil {
		if c.version == version {
			return c
		}
		if had := s.withGood(t, c); had != nil && had.version == version {
			return had
		}
	}
	if s.earlier == nil {
		return nil
	}
	h, _ := s.earlier.held(t, id)
	for _, c := range []*composed{h.acked, h.sent} {
		if c != nil && c.version == version {
			return c
		}
	}
	if was := s.earlier.subs[t]; was != nil {
		for _, r := range was.inflight {
			for _, c := range r.items {
				if c.id == id && c.version == version {
					return c
				}
			}
		}
	}
	return nil
}
