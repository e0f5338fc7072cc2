package xds

import (
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// lost gives what the Envoy has and shall lose: all that is not there for it. The caller holds the
// store's lock.
func (s *session) lost(there map[resource.Ref]*composed) (all []Wanted) {
	var users map[uint32]resource.Ref
	for t, sub := range s.subs {
		if sub == nil {
			continue
		}
		sub.ids(func(id uint32) {
			of := ref{resource.Type(t), id}
			w := Wanted{Ref: s.refOf(of)}
			if there[w.Ref] != nil {
				return
			}
			if of.kind == resource.Cluster && users == nil {
				users = s.users()
			}
			w.Kept, w.Until = s.whyKept(of, users)
			h, _ := sub.others.get(id)
			switch {
			case w.Kept != "":
			case h.removing:
				w.Why = []string{"its removal has been sent, and not acknowledged yet"}
			case sub.dirty.has(id):
				w.Why = []string{"its removal goes out when what was sent before it is acknowledged"}
			}
			all = append(all, w)
		})
	}
	return all
}

// whyKept says, in words, why an Envoy may keep for now what it shall lose, and until when if that is
// known; empty: it has no reason. See mayRemove, which decides.
func (s *session) whyKept(of ref, users map[uint32]resource.Ref) (why string, until time.Time) {
	switch of.kind {
	case resource.Cluster:
	case resource.Listener, resource.Scope, resource.VirtualHost:
		return "", time.Time{}
	default:
		return "the Envoy drops it with the listener or cluster that needed it, once that is drained or replaced", time.Time{}
	}
	if h, _ := s.held(of.kind, of.id); h.removing {
		return "", time.Time{}
	}
	if user, named := users[of.id]; named {
		return user.Type.String() + " " + user.Name + " sends requests to it, and is still in use there", time.Time{}
	}
	if s.unknown > 0 {
		return "the Envoy came with configuration that is not known here, and may send requests to it", time.Time{}
	}
	if at, is := s.retiring.get(of.id); is && s.now().Before(at) {
		return "requests to it may still be running", at
	}
	return "", time.Time{}
}

// users gives, for each cluster, one resource that the Envoy has, or may have, and that sends requests
// to it: of several the first.
func (s *session) users() map[uint32]resource.Ref {
	all := map[uint32]resource.Ref{}
	for t, sub := range s.subs {
		if sub == nil || !countsAsNaming(resource.Type(t)) {
			continue
		}
		sub.ids(func(id uint32) {
			of := s.refOf(ref{resource.Type(t), id})
			h, _ := s.held(of.Type, id)
			for _, version := range append([]*composed{h.acked, h.sent}, h.maybe...) {
				version.contents(func(p *content) {
					for _, cluster := range p.output.Clusters {
						c := s.store.names.find(cluster.Name)
						if before, is := all[c]; !is || compareRefs(of, before) < 0 {
							all[c] = of
						}
					}
				})
			}
		})
	}
	return all
}
