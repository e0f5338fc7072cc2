package xds

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gateway-cp/gateway-cp/resource"
)

// sotw is the state-of-the-world protocol variant; gRPC's own xDS clients speak it.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview
//
// An Envoy that speaks it and comes back with a version that this process has not sent it does
// not say what it has: a cluster that is gone meanwhile is then taken away at once. Its routes
// stay as they are until the clusters are acknowledged, rather than answering 503 till then.
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
	// No names mean all of them, for the types that have a wildcard, unless some were named
	// before. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
	_, star := names["*"]
	delete(names, "*")
	switch {
	case star, fullState(t) && len(names) == 0 && len(sub.names) == 0:
		s.subscribeAll(t)
	case sub.wildcard:
		s.unsubscribeAll(t)
	}
	for _, name := range slices.Sorted(maps.Keys(sub.names)) {
		if _, ok := names[name]; !ok {
			s.unsubscribe(t, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if _, ok := sub.names[name]; !ok {
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
// what it would get now, or of what this process sent it last, it has that.
func (s *session) resume(t resource.Type, version string) {
	sub := s.sub(t)
	all := map[string]string{}
	s.store.mu.RLock()
	for name := range sub.dirty {
		if c := s.store.find(s.audiences, t, name); c != nil {
			all[name] = c.version
		}
	}
	s.store.mu.RUnlock()
	var had map[string]string
	if s.earlier != nil && s.earlier.subs[t] != nil {
		had = s.earlier.subs[t].versions()
	}
	switch version {
	case stateVersion(all):
		s.report(t, all)
	case stateVersion(had):
		s.report(t, had)
	default:
		if s.patience.IsZero() {
			s.patience = s.now().Add(settleTime)
		}
	}
	for name, force := range sub.dirty {
		if force && sub.held[name] != nil {
			sub.dirty[name] = false
		}
	}
}

// withholds says whether nothing of a type is to be sent before the clusters are warm.
func (s *session) withholds(t resource.Type) bool {
	if s.patience.IsZero() || !countsAsNaming(t) {
		return false
	}
	clusters, endpoints := s.subs[resource.Cluster], s.subs[resource.Endpoint]
	busy := func(sub *subscription) bool { return sub != nil && (len(sub.inflight) > 0 || len(sub.dirty) > 0) }
	if s.now().Before(s.patience) && (busy(clusters) || busy(endpoints)) {
		return true
	}
	s.patience = time.Time{}
	return false
}

// versions gives the version of everything that was sent.
func (s *subscription) versions() map[string]string {
	all := map[string]string{}
	for name, h := range s.held {
		if h.sent != nil && !h.removing {
			all[name] = h.sent.version
		}
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
)

func (sotw) encode(s *session, r *response) *encoded {
	sub := s.subs[r.kind]
	items := r.items
	if fullState(r.kind) {
		items = nil
		for _, name := range slices.Sorted(maps.Keys(sub.held)) {
			if h := sub.held[name]; h.sent != nil && !h.removing && sub.wants(name) {
				items = append(items, h.sent)
			}
		}
	}
	m := &encoded{pieces: make([][]byte, 0, 1+2*len(items))}
	for _, c := range items {
		body := anyHead(r.kind, c.size)
		frame := protowire.AppendTag(nil, sotwResources, protowire.BytesType)
		frame = protowire.AppendVarint(frame, uint64(len(body)+c.size))
		m.pieces = c.appendTo(append(m.pieces, append(frame, body...)))
	}
	tail := appendString(nil, sotwVersion, stateVersion(sub.versions()))
	tail = appendString(tail, sotwTypeURL, r.kind.URL())
	tail = appendString(tail, sotwNonce, strconv.FormatUint(r.nonce, 10))
	m.pieces = append(m.pieces, tail)
	return m
}
