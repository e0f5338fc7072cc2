package xds

import (
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"
	"unsafe"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// deltaRequest is a DeltaDiscoveryRequest. After a restart all Envoys come back at once, and each
// says the version of everything that it has; the generated decoder makes a map and two strings
// for each of these thousands of names. Here they are where they stand in the message, whose
// memory is used again after free: what is kept of them must be copied.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto#service-discovery-v3-deltadiscoveryrequest
type deltaRequest struct {
	node                   *corev3.Node
	url, nonce             string
	subscribe, unsubscribe []string
	refused                *status.Status

	message []byte
	memory  mem.Buffer // of the message; nil if it is not to be used again
}

// The Protobuf fields of DeltaDiscoveryRequest, and of the entries of its map.
const (
	requestNode        = 1
	requestURL         = 2
	requestSubscribe   = 3
	requestUnsubscribe = 4
	requestVersions    = 5
	requestNonce       = 6
	requestError       = 7

	entryKey   = 1
	entryValue = 2
)

func (r *deltaRequest) GetNode() *corev3.Node               { return r.node }
func (r *deltaRequest) GetTypeUrl() string                  { return r.url }
func (r *deltaRequest) GetResourceNamesSubscribe() []string { return r.subscribe }

// versions are the initial_resource_versions.
func (r *deltaRequest) versions() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = eachField(r.message, func(n protowire.Number, b []byte) error { // it has been read without an error
			if n != requestVersions {
				return nil
			}
			if name, version, _ := readVersion(b); !yield(name, version) {
				return errEnough
			}
			return nil
		})
	}
}

var errEnough = errors.New("enough has been read")

// free gives the memory of the message back; nothing of the request may be used after it.
func (r *deltaRequest) free() {
	if r.memory != nil {
		r.memory.Free()
	}
	*r = deltaRequest{}
}

// Unmarshal reads a message, which belongs to the request from then on.
func (r *deltaRequest) Unmarshal(message []byte) error {
	r.message = message
	err := eachField(message, func(n protowire.Number, b []byte) (err error) {
		switch n {
		case requestNode:
			r.node = &corev3.Node{}
			return proto.Unmarshal(b, r.node)
		case requestError:
			r.refused = &status.Status{}
			return proto.Unmarshal(b, r.refused)
		case requestURL:
			r.url, err = text(b)
		case requestNonce:
			r.nonce, err = text(b)
		case requestSubscribe:
			r.subscribe, err = appendText(room(r.subscribe, len(message), len(b)), b)
		case requestUnsubscribe:
			r.unsubscribe, err = appendText(r.unsubscribe, b)
		case requestVersions:
			_, _, err = readVersion(b)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("DeltaDiscoveryRequest: %w", err)
	}
	return nil
}

// room makes room at the first of many entries, which are of about the same size.
func room(all []string, message, entry int) []string {
	if all != nil {
		return all
	}
	return make([]string, 0, min(message/(entry+2)+1, 4096))
}

func readVersion(entry []byte) (name, version string, err error) {
	err = eachField(entry, func(n protowire.Number, b []byte) (err error) {
		switch n {
		case entryKey:
			name, err = text(b)
		case entryValue:
			version, err = text(b)
		}
		return err
	})
	return name, version, err
}

// eachField calls f with every field of a message that has bytes; it skips others.
func eachField(message []byte, f func(protowire.Number, []byte) error) error {
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		if kind != protowire.BytesType {
			if size = protowire.ConsumeFieldValue(n, kind, message); size < 0 {
				return protowire.ParseError(size)
			}
			message = message[size:]
			continue
		}
		b, size := protowire.ConsumeBytes(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := f(n, b); err != nil {
			return err
		}
		message = message[size:]
	}
	return nil
}

// text is bytes as a string, without a copy. Strings must be UTF-8:
// https://protobuf.dev/programming-guides/proto3/#scalar
func text(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errors.New("a string is not UTF-8")
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), nil
}

func appendText(to []string, b []byte) ([]string, error) {
	s, err := text(b)
	return append(to, s), err
}
