package xds

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gateway-cp/gateway-cp/resource"
)

// hash identifies bytes: the first half of their SHA-256.
type hash [16]byte

// content is the head of a resource or one of its parts. It is immutable and shared by all
// sessions.
type content struct {
	part   string // empty: the head
	output *resource.Output
	hash   hash
	// prefix goes before the bytes of a part: the Protobuf field that it is an element of.
	prefix []byte
	// fallback stands in for the part; nil when it has none.
	fallback *content
}

// partFields is the path of Protobuf fields from a resource to its parts. A resource may
// carry a field on the path several times: parsers merge them.
// https://protobuf.dev/programming-guides/encoding/#last-one-wins
var partFields = [resource.NumTypes][]protowire.Number{
	resource.Listener: {3},    // filter_chains
	resource.Scope:    {5, 2}, // route_configuration.virtual_hosts
	resource.Route:    {2},    // virtual_hosts
}

func newContent(t resource.Type, part string, out *resource.Output) *content {
	c := &content{part: part, output: out, hash: hashOf(out.Bytes)}
	if part == "" {
		return c
	}
	c.prefix = partPrefix(t, len(out.Bytes))
	if out.Fallback != nil {
		c.fallback = &content{
			part:   part,
			output: &resource.Output{Bytes: out.Fallback, Sources: out.Sources},
			hash:   hashOf(out.Fallback),
			prefix: partPrefix(t, len(out.Fallback)),
		}
	}
	return c
}

func hashOf(b []byte) hash {
	sum := sha256.Sum256(b)
	return hash(sum[:len(hash{})])
}

func partPrefix(t resource.Type, size int) []byte {
	var prefix []byte
	for _, field := range slices.Backward(partFields[t]) {
		tag := protowire.AppendTag(nil, field, protowire.BytesType)
		tag = protowire.AppendVarint(tag, uint64(size+len(prefix)))
		prefix = append(tag, prefix...)
	}
	return prefix
}

// composed is one whole version of a resource: a head and its parts in order. It is immutable
// and, unless an Envoy deviates for a moment, shared by all sessions.
type composed struct {
	name    string
	head    *content
	parts   []*content // sorted by key
	version string     // a hash of everything that is delivered
	size    int        // of the message, in bytes
}

func compose(name string, head *content, parts []*content) *composed {
	c := &composed{name: name, head: head, parts: parts, size: len(head.output.Bytes)}
	if len(parts) == 0 {
		c.version = hex.EncodeToString(head.hash[:8])
		return c
	}
	h := sha256.New()
	h.Write(head.hash[:])
	for _, p := range parts {
		h.Write(p.hash[:])
		c.size += len(p.prefix) + len(p.output.Bytes)
	}
	c.version = hex.EncodeToString(h.Sum(nil)[:8])
	return c
}

// get returns a part by its key, the head by the empty key, or nil.
func (c *composed) get(part string) *content {
	if c == nil {
		return nil
	}
	if part == "" {
		return c.head
	}
	i, found := slices.BinarySearchFunc(c.parts, part, func(p *content, key string) int { return strings.Compare(p.part, key) })
	if !found {
		return nil
	}
	return c.parts[i]
}

// contents calls f with the head and every part.
func (c *composed) contents(f func(*content)) {
	if c == nil {
		return
	}
	f(c.head)
	for _, p := range c.parts {
		f(p)
	}
}

// appendTo adds the encoded message, in pieces that are shared with everybody.
func (c *composed) appendTo(pieces [][]byte) [][]byte {
	pieces = append(pieces, c.head.output.Bytes)
	for _, p := range c.parts {
		pieces = append(pieces, p.prefix, p.output.Bytes)
	}
	return pieces
}
