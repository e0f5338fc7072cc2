package xds

import (
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gateway-cp/gateway-cp/resource"
)

// delta is the incremental protocol variant.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
type delta struct{}

func (delta) newRequest() request { return &deltaRequest{} }

func (delta) receive(s *session, t resource.Type, r request) {
	req := r.(*deltaRequest)
	defer req.free()
	first := !s.sub(t).asked
	if first {
		s.report(t, req.versions())
	}
	for _, name := range req.unsubscribe {
		if name == "*" {
			s.unsubscribeAll(t)
		} else {
			s.unsubscribeOne(t, name)
		}
	}
	// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
	if first && len(req.subscribe) == 0 && fullState(t) {
		s.subscribeAll(t)
	}
	for _, name := range req.subscribe {
		if name == "*" {
			s.subscribeAll(t)
		} else {
			s.subscribe(t, name, !first)
		}
	}
	if req.nonce != "" {
		s.answer(t, parseNonce(req.nonce), refusalOf(req.refused))
	}
}

// unsubscribeOne ends a subscription to one name. An Envoy that wants all of the type does not
// know whether that is still among them, and is told.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#unsubscribing-from-resources
func (s *session) unsubscribeOne(t resource.Type, name string) {
	sub, id := s.sub(t), s.store.names.find(name)
	tell := sub.wildcard && sub.names.has(id)
	s.unsubscribe(t, name)
	if tell {
		sub.force(id)
	}
}

// The Protobuf fields of DeltaDiscoveryResponse, its Resource, and Any.
const (
	deltaResources = 2
	deltaTypeURL   = 4
	deltaNonce     = 5
	deltaRemoved   = 6
	deltaIdentity  = 7

	resourceVersion = 1
	resourceAny     = 2
	resourceName    = 3
	resourceAlias   = 4

	anyTypeURL = 1
	anyValue   = 2
)

func (delta) encode(_ *session, r *response) *encoded {
	url := r.kind.URL()
	items := r.items
	if r.kind == resource.Endpoint {
		items = append(slices.Clip(items), emptyAssignments(r.none)...)
	}
	room := 0
	for _, c := range items {
		room += len(c.name) + len(c.version) + len(url) + frameRoom
	}
	// What is said of each resource before its bytes stands in one piece of memory.
	frames := make([]byte, 0, room)
	m := &encoded{pieces: make([]mem.SliceBuffer, 0, 2+2*len(items))}
	for _, c := range items {
		body := sizeOf(anyTypeURL, len(url)) + sizeOf(anyValue, c.size)
		all := sizeOf(resourceName, len(c.name)) + sizeOf(resourceVersion, len(c.version)) + sizeOf(resourceAny, body)
		from := len(frames)
		frames = appendHead(frames, deltaResources, all)
		frames = appendString(frames, resourceName, c.name)
		frames = appendString(frames, resourceVersion, c.version)
		frames = appendHead(frames, resourceAny, body)
		frames = appendString(frames, anyTypeURL, url)
		frames = appendHead(frames, anyValue, c.size)
		m.pieces = c.appendTo(append(m.pieces, frames[from:]))
	}
	tail := appendString(nil, deltaTypeURL, url)
	tail = appendString(tail, deltaNonce, strconv.FormatUint(r.nonce, 10))
	for _, name := range r.removed {
		tail = appendString(tail, deltaRemoved, name)
	}
	if r.kind == resource.VirtualHost {
		for _, name := range r.none {
			body := appendString(appendString(nil, resourceName, name), resourceAlias, name)
			tail = append(appendHead(tail, deltaResources, len(body)), body...)
		}
	}
	m.pieces = append(m.pieces, tail)
	return m
}

func (delta) identity(of string) []byte { return appendIdentity(deltaIdentity, of) }

// frameRoom is more than the tags and lengths before a resource's bytes take.
const frameRoom = 32

// sizeOf is how much a field of so many bytes takes.
func sizeOf(field protowire.Number, bytes int) int {
	return protowire.SizeTag(field) + protowire.SizeBytes(bytes)
}

// appendHead begins a field of so many bytes.
func appendHead(b []byte, field protowire.Number, bytes int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(bytes))
}

// anyHead is the beginning of an Any, up to the message of the given size.
func anyHead(t resource.Type, size int) []byte {
	b := appendString(nil, anyTypeURL, t.URL())
	return appendHead(b, anyValue, size)
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendString(b, s)
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
