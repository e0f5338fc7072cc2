package xds

import (
	"maps"
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gateway-cp/gateway-cp/resource"
)

// delta is the incremental protocol variant.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
type delta struct{}

func (delta) newRequest() request { return &discoveryv3.DeltaDiscoveryRequest{} }

func (delta) receive(s *session, t resource.Type, r request) {
	req := r.(*discoveryv3.DeltaDiscoveryRequest)
	first := !s.sub(t).asked
	if first {
		s.report(t, req.InitialResourceVersions)
	}
	for _, name := range req.ResourceNamesUnsubscribe {
		if name == "*" {
			s.unsubscribeAll(t)
		} else {
			s.unsubscribe(t, name)
		}
	}
	// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
	if first && len(req.ResourceNamesSubscribe) == 0 && fullState(t) {
		s.subscribeAll(t)
	}
	for _, name := range req.ResourceNamesSubscribe {
		if name == "*" {
			s.subscribeAll(t)
		} else {
			s.subscribe(t, name, !first)
		}
	}
	if req.ResponseNonce != "" {
		s.answer(t, parseNonce(req.ResponseNonce), refusalOf(req.ErrorDetail))
	}
}

// The Protobuf fields of DeltaDiscoveryResponse, its Resource, and Any.
const (
	deltaResources = 2
	deltaTypeURL   = 4
	deltaNonce     = 5
	deltaRemoved   = 6

	resourceVersion = 1
	resourceAny     = 2
	resourceName    = 3

	anyTypeURL = 1
	anyValue   = 2
)

func (delta) encode(_ *session, r *response) *encoded {
	m := &encoded{pieces: make([][]byte, 0, 1+2*len(r.items))}
	for _, c := range r.items {
		head := appendString(nil, resourceName, c.name)
		head = appendString(head, resourceVersion, c.version)
		body := anyHead(r.kind, c.size)
		head = protowire.AppendTag(head, resourceAny, protowire.BytesType)
		head = protowire.AppendVarint(head, uint64(len(body)+c.size))
		head = append(head, body...)
		frame := protowire.AppendTag(nil, deltaResources, protowire.BytesType)
		frame = protowire.AppendVarint(frame, uint64(len(head)+c.size))
		m.pieces = c.appendTo(append(m.pieces, append(frame, head...)))
	}
	tail := appendString(nil, deltaTypeURL, r.kind.URL())
	tail = appendString(tail, deltaNonce, strconv.FormatUint(r.nonce, 10))
	for _, name := range r.removed {
		tail = appendString(tail, deltaRemoved, name)
	}
	m.pieces = append(m.pieces, tail)
	return m
}

// anyHead is the beginning of an Any, up to the message of the given size.
func anyHead(t resource.Type, size int) []byte {
	b := appendString(nil, anyTypeURL, t.URL())
	b = protowire.AppendTag(b, anyValue, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(size))
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendString(b, s)
}

// unsubscribeAll ends a wildcard subscription.
func (s *session) unsubscribeAll(t resource.Type) {
	sub := s.sub(t)
	sub.wildcard = false
	for _, name := range slices.Collect(maps.Keys(sub.held)) {
		if !sub.wants(name) {
			s.unsubscribe(t, name)
		}
	}
}

func parseNonce(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0 // no response has it
	}
	return n
}

// request is what both kinds of discovery requests have.
type request interface {
	GetNode() *corev3.Node
	GetTypeUrl() string
}
