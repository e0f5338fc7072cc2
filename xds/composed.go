package xds

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"google.golang.org/grpc/mem"

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
	// fallback stands in for the part; nil when it has none.
	fallback *content
}

func newContent(part string, out *resource.Output) *content {
	c := &content{part: part, output: out, hash: hashOf(out.Bytes)}
	if out.Fallback != nil {
		c.fallback = &content{
			part:   part,
			output: &resource.Output{Bytes: out.Fallback, Sources: out.Sources},
			hash:   hashOf(out.Fallback),
		}
	}
	return c
}

func hashOf(b []byte) hash {
	sum := sha256.Sum256(b)
	return hash(sum[:len(hash{})])
}

// composed is one whole version of a resource: a head and its parts in order. It is immutable
// and, unless an Envoy deviates for a moment, shared by all sessions.
type composed struct {
	id      uint32 // of the name, in the store
	name    string
	head    *content
	parts   []*content // sorted by key
	version string     // a hash of everything that is delivered
	size    int        // of the message, in bytes
}

func compose(id uint32, name string, head *content, parts []*content) *composed {
	c := &composed{id: id, name: name, head: head, parts: parts, size: len(head.output.Bytes)}
	if len(parts) == 0 {
		c.version = hex.EncodeToString(head.hash[:8])
		return c
	}
	h := sha256.New()
	h.Write(head.hash[:])
	for _, p := range parts {
		h.Write(p.hash[:])
		c.size += len(p.output.Bytes)
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

// without calls f with the contents that c has and another version does not.
func (c *composed) without(other *composed, f func(*content)) {
	switch {
	case c == other || c == nil:
		return
	case other == nil:
		c.contents(f)
		return
	case c.head != other.head:
		f(c.head)
	}
	rest := other.parts
	for _, p := range c.parts {
		for len(rest) > 0 && rest[0].part < p.part {
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0] != p {
			f(p)
		}
	}
}

// appendTo adds the encoded message, in pieces that are shared with everybody: parsers merge
// a message from its pieces laid end to end.
// https://protobuf.dev/programming-guides/encoding/#last-one-wins
func (c *composed) appendTo(pieces []mem.SliceBuffer) []mem.SliceBuffer {
	pieces = append(pieces, c.head.output.Bytes)
	for _, p := range c.parts {
		pieces = append(pieces, p.output.Bytes)
	}
	return pieces
}
