package main

import (
	"errors"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Messages of the incremental protocol, written and read without decoding them, so that a
// thousand clients cost little.

// The Protobuf fields of DeltaDiscoveryRequest and DeltaDiscoveryResponse.
const (
	requestNode      = 1
	requestURL       = 2
	requestSubscribe = 3
	requestVersions  = 5
	requestNonce     = 6

	responseResource = 2
	responseURL      = 4
	responseNonce    = 5
	responseRemoved  = 6

	resourceVersion = 1
	resourceName    = 3

	nodeID      = 1
	nodeCluster = 2
)

func field(b []byte, n protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), value)
}

// nodeField is a node's id and fleet, as a field of a request.
func nodeField(id string) []byte {
	return field(nil, requestNode, string(field(field(nil, nodeID, id), nodeCluster, "default")))
}

// request subscribes to names (none: to everything), with the versions of what the client has.
func request(node []byte, t resource.Type, names []string, versions map[string]string) []byte {
	b := field(append([]byte(nil), node...), requestURL, t.URL())
	for _, name := range names {
		b = field(b, requestSubscribe, name)
	}
	for name, version := range versions {
		b = field(b, requestVersions, string(field(field(nil, 1, name), 2, version)))
	}
	return b
}

func ack(r response) []byte {
	return field(field(make([]byte, 0, 128), requestURL, r.url), requestNonce, r.nonce)
}

// response is what a client looks at of a response. Its strings are the message's own bytes.
type response struct {
	url, nonce string
	resources  int
	removed    int
	bytes      []byte
}

func parseResponse(b []byte) (response, error) {
	r := response{bytes: b}
	ok := fields(b, func(n protowire.Number, value []byte) {
		switch n {
		case responseResource:
			r.resources++
		case responseURL:
			r.url = text(value)
		case responseNonce:
			r.nonce = text(value)
		case responseRemoved:
			r.removed++
		}
	})
	if !ok {
		return r, errors.New("a response that is no message")
	}
	return r, nil
}

// each calls f with the name, the version and the bytes of every resource.
func (r response) each(f func(name, version string, resource []byte)) {
	fields(r.bytes, func(n protowire.Number, resource []byte) {
		if n != responseResource {
			return
		}
		var name, version string
		fields(resource, func(n protowire.Number, value []byte) {
			switch n {
			case resourceName:
				name = text(value)
			case resourceVersion:
				version = text(value)
			}
		})
		f(name, version, resource)
	})
}

// fields calls f with every field of a message that is of the type of bytes.
func fields(b []byte, f func(protowire.Number, []byte)) bool {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return false
		}
		b = b[size:]
		if kind == protowire.BytesType {
			value, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return false
			}
			f(n, value)
			b = b[size:]
			continue
		}
		if size = protowire.ConsumeFieldValue(n, kind, b); size < 0 {
			return false
		}
		b = b[size:]
	}
	return true
}

// text is bytes as a string, without a copy: nobody writes to a message that was received.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
