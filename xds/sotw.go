package xds

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/mem"

	"github.com/gateway-cp/gateway-cp/resource"
)

// sotw is the state-of-the-world protocol variant; gRPC's own xDS clients speak it.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview
//
// An Envoy that speaks it and comes back with a version that this process has not sent it does
// not say what it has: of a cluster that is gone meanwhile nobody knows, and a response without it takes
// it away at once. Its routes stay as they are until the clusters are acknowledged, rather than
// answering 503 till then.
type sotw struct{}

func (sotw) newRequest() request { return &discoveryv3.DiscoveryRequest{} }

func (sotw) receive(s *session, t resource.Type, r request) {
	req := r.(*discoveryv3.DiscoveryRequest)
	sub := s.sub(t)
	first := !sub.asked
	names := map[string]struct{}{}
	for _, name := range req.ResourceNames {
		names[name] = struct{}{}
	}
	// No names mean all of them, for the types that have a wildcard, unless something was named
	// before. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
	_, star := names["*"]
	delete(names, "*")
	sub.named = sub.named || len(req.ResourceNames) > 0
	sub.asked = true
	switch {
	case star, fullState(t) && !sub.named:
		s.subscribeAll(t)
	case sub.wildcard:
		s.unsubscribeAll(t)
	}
	for id := range sub.names.all() {
		if _, ok := names[s.store.names.of(id)]; !ok {
			s.unsubscribeID(t, id)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !sub.names.has(s.store.names.find(name)) {
			s.subscribe(t, name, !first)
		}
	}
	if first && req.VersionInfo != "" {
		s.resume(t, req.VersionInfo)
	}
	if req.ResponseNonce != "" {
		s.answer(t, parseNonce(req.ResponseNonce), refusalOf(req.ErrorDetail))
	}
}

// fullState says whether a response of the type holds all resources, so that one which is not
// in it is gone.
func fullState(t resource.Type) bool {
	return t == resource.Cluster || t == resource.Listener || t == resource.Scope
}

// resume takes in the version that a client has from an earlier stream: if it is that of
// what it would get now, or of something that this process has sent it, it has that.
func (s *session) resume(t resource.Type, version string) {
	sub := s.sub(t)
	s.returned = true
	all := map[string]string{}
	for id := range sub.dirty.all() {
		if c := s.view(t, id); c != nil {
			all[c.name] = c.version
		}
	}
	has := all
	if version != stateVersion(all) {
		has = s.earlier.stateOf(t, version)
	}
	switch {
	case has != nil:
		s.report(t, maps.All(has))
	case s.patience.IsZero():
		s.patience = s.now().Add(settleTime)
	}
	for id := range sub.forced.all() {
		if sub.has(id) && !(t == resource.Endpoint && s.awaitsEndpoints(id)) {
			sub.forced.remove(id)
		}
	}
}

// withholds says whether nothing of a type is to be sent before the clusters are warm.
func (s *session) withholds(t resource.Type) bool {
	if s.patience.IsZero() || !countsAsNaming(t) {
		return false
	}
	clusters, endpoints := s.subs[resource.Cluster], s.subs[resource.Endpoint]
	busy := func(sub *subscription) bool { return sub != nil && (len(sub.inflight) > 0 || sub.dirty.n > 0) }
	if s.now().Before(s.patience) && (busy(clusters) || busy(endpoints)) {
		return true
	}
	s.patience = time.Time{}
	return false
}

// stateOf gives the versions of everything that a client has which says a version of the whole: what
// it has acknowledged, or one of the responses that were on their way after that. Nil: it is none of
// them, or nothing was sent.
func (s *session) stateOf(t resource.Type, version string) map[string]string {
	if s == nil || s.subs[t] == nil {
		return nil
	}
	all := map[string]string{}
	s.subs[t].ids(func(id uint32) {
		if h, _ := s.held(t, id); h.acked != nil {
			all[h.acked.name] = h.acked.version
		}
	})
	if stateVersion(all) == version {
		return all
	}
	for _, r := range s.subs[t].inflight {
		for _, c := range r.items {
			all[c.name] = c.version
		}
		for _, name := range r.removed {
			delete(all, name)
		}
		if stateVersion(all) == version {
			return all
		}
	}
	return nil
}

// versions gives the version of everything that was sent.
func (s *session) versions(t resource.Type) map[string]string {
	all := map[string]string{}
	if sub := s.subs[t]; sub != nil {
		sub.ids(func(id uint32) {
			if h, _ := s.held(t, id); h.sent != nil && !h.removing {
				all[h.sent.name] = h.sent.version
			}
		})
	}
	return all
}

// stateVersion is the version of a set of resources.
func stateVersion(versions map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		h.Write([]byte(name + "\x00" + versions[name] + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// The Protobuf fields of DiscoveryResponse.
const (
	sotwVersion   = 1
	sotwResources = 2
	sotwTypeURL   = 4
	sotwNonce     = 5
	sotwIdentity  = 6
)

func (sotw) identity(of string) []byte { return appendIdentity(sotwIdentity, of) }

func (sotw) encode(s *session, r *response) *encoded {
	sub := s.subs[r.kind]
	items := r.items
	if r.kind == resource.Endpoint {
		items = append(slices.Clip(items), emptyAssignments(r.none)...)
	}
	if fullState(r.kind) {
		items = nil
		sub.ids(func(id uint32) {
			if h, _ := s.held(r.kind, id); h.sent != nil && !h.removing && sub.wants(id) {
				items = append(items, h.sent)
			}
		})
		slices.SortFunc(items, func(a, b *composed) int { return strings.Compare(a.name, b.name) })
	}
	m := &encoded{pieces: make([]mem.SliceBuffer, 0, 1+2*len(items))}
	for _, c := range items {
		body := anyHead(r.kind, c.size)
		frame := appendHead(nil, sotwResources, len(body)+c.size)
		m.pieces = c.appendTo(append(m.pieces, append(frame, body...)))
	}
	tail := appendString(nil, sotwVersion, stateVersion(s.versions(r.kind)))
	tail = appendString(tail, sotwTypeURL, r.kind.URL())
	tail = appendString(tail, sotwNonce, strconv.FormatUint(r.nonce, 10))
	m.pieces = append(m.pieces, tail)
	return m
}
