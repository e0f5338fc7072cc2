package xds

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/api/objectkey"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Wanted is a resource that an Envoy shall have, or, without a message, one that it shall lose.
type Wanted struct {
	resource.Ref
	Version string
	// Message is the whole resource, encoded. It may hold private keys.
	Message []byte
	// Sources are the objects that it comes from.
	Sources []objectkey.Key
	// Why says, in words, what keeps the Envoy from having exactly this; empty: nothing that is
	// known here.
	Why []string
	// Kept says, in words, why the Envoy may keep what it shall lose for now; empty: it has no reason.
	Kept string
	// Until is, of a cluster that is kept for requests that may still be running, until when.
	Until time.Time
}

// Config is everything that one Envoy shall have, sorted by type and name.
type Config struct {
	Node
	Peer      string // where it connects from
	Connected bool
	Resources []Wanted
}

// Wanted gives what the Envoys of a node id that Fleet shows shall have. Usually there is one.
func (s *Server) Wanted(id string) []Config {
	var all []Config
	for _, c := range s.known(s.now()) {
		if c.session.node.ID == id {
			all = append(all, c.wanted())
		}
	}
	slices.SortFunc(all, func(a, b Config) int { return cmp.Compare(a.Peer, b.Peer) })
	return all
}

// WantedBy gives everything that an Envoy which has never connected would get.
func (s *Server) WantedBy(node Node) Config {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	var all []Wanted
	for ref, c := range s.store.closure(s.store.groups(node), nil) {
		all = append(all, wanted(ref, c))
	}
	return Config{Node: node, Resources: sortWanted(all)}
}

func (c *conn) wanted() Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.session
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	there := s.store.closure(s.audiences, s)
	var all []Wanted
	for ref, target := range there {
		if r, is := s.replaced.get(target.id); is && ref.Type == resource.Endpoint && r.target == target {
			target = r.whole
		}
		w := wanted(ref, target)
		w.Why = s.whyOther(ref, target)
		all = append(all, w)
	}
	all = append(all, s.lost(there)...)
	return Config{Node: s.node, Peer: c.peer, Connected: c.ended.IsZero(), Resources: sortWanted(all)}
}

func wanted(ref resource.Ref, c *composed) Wanted {
	w := Wanted{Ref: ref, Version: c.version}
	c.contents(func(p *content) { w.Message = append(w.Message, p.output.Bytes...) })
	c.contents(func(p *content) {
		for _, k := range p.output.Sources {
			if !slices.Contains(w.Sources, k) {
				w.Sources = append(w.Sources, k)
			}
		}
	})
	return w
}

func sortWanted(all []Wanted) []Wanted {
	slices.SortFunc(all, func(a, b Wanted) int { return compareRefs(a.Ref, b.Ref) })
	return all
}

// closure gives what audiences see of the types that are asked for as a whole, or what a session
// has asked for of them by name, with all that Envoy fetches because of it. The caller holds the
// lock.
func (s *store) closure(audiences []*group, session *session) map[resource.Ref]*composed {
	all := map[resource.Ref]*composed{}
	var add func(resource.Ref)
	add = func(ref resource.Ref) {
		c := s.find(audiences, ref.Type, ref.Name)
		if c == nil || all[ref] != nil {
			return
		}
		all[ref] = c
		c.contents(func(p *content) {
			for _, f := range p.output.Fetches {
				if f.Name != resource.All {
					add(f)
				}
			}
		})
	}
	for t := range resource.NumTypes {
		if !fullState(t) {
			continue
		}
		if session != nil && session.subs[t] != nil && !session.subs[t].wildcard {
			for id := range session.subs[t].names.all() {
				add(session.refOf(ref{t, id}))
			}
			continue
		}
		for _, a := range audiences {
			for id := range a.there[t].all() {
				add(resource.Ref{Type: t, Name: s.names.of(id)})
			}
		}
	}
	return all
}

// whyOther says what keeps an Envoy from having a version of a resource. The caller holds the
// store's lock.
func (s *session) whyOther(ref resource.Ref, target *composed) []string {
	var why []string
	for _, r := range s.refusalList() {
		if r.Type == ref.Type && r.Name == ref.Name {
			what := "it"
			if r.Part != "" {
				what = r.Part
			}
			why = append(why, "the Envoy refuses "+what+": "+r.Message)
		}
	}
	for _, what := range s.missingOf(ref.Type, target.id) {
		why = append(why, "waits for "+what.Type.String()+" "+what.Name+": "+s.whyNot(what))
	}
	target.contents(func(p *content) {
		if p.output.Invalid {
			why = append(why, strings.TrimSpace("never sent, for it fails Envoy's own validation: "+p.part))
		}
	})
	sub := s.subs[ref.Type]
	switch {
	case fullState(ref.Type) && (sub == nil || !sub.asked):
		return append(why, "the Envoy has not asked for resources of this type")
	case sub == nil || !sub.wants(target.id):
		return append(why, "the Envoy asks for it once it has what names it")
	}
	if len(why) > 0 {
		return why
	}
	for _, r := range sub.inflight {
		if slices.ContainsFunc(r.items, func(c *composed) bool { return c.id == target.id }) {
			return append(why, "sent, and not acknowledged yet")
		}
	}
	if sub.dirty.has(target.id) {
		return append(why, "it goes out when what was sent before it is acknowledged")
	}
	return why
}

// missingOf is what a resource waits for, each once, sorted.
func (s *session) missingOf(t resource.Type, id uint32) (all []resource.Ref) {
	missed, _ := s.waits.missing[t].get(id)
	for _, what := range missed {
		all = append(all, s.refOf(what))
	}
	slices.SortFunc(all, compareRefs)
	return slices.Compact(all)
}
