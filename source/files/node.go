package files

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is a value of a document: JSON's data model, with positions. Anchors are resolved by
// sharing: a node may have several parents, but never itself among its children.
type node struct {
	kind   nodeKind
	line   int
	column int
	scalar string // of a scalar: what a string says, or the JSON text of anything else
	isText bool   // it is a string
	plain  string // how a scalar is written that YAML reads as something else, such as no or 0777
	fields []field
	items  []*node
}

type nodeKind uint8

const (
	scalarNode nodeKind = iota
	mapNode
	listNode
)

// field is one entry of a map. Its place is that of its name.
type field struct {
	name         string
	line, column int
	value        *node
}

// get gives the value of a field, nil when it is not there.
func (n *node) get(name string) *node {
	if n == nil || n.kind != mapNode {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].name == name {
			return n.fields[i].value
		}
	}
	return nil
}

// text gives the content of a string; false when the node is something else.
func (n *node) text() (string, bool) {
	if n == nil || !n.isText {
		return "", false
	}
	return n.scalar, true
}

// isNull says whether the node is null, or not there.
func (n *node) isNull() bool {
	return n == nil || n.kind == scalarNode && !n.isText && n.scalar == "null"
}

// tag names the type of a scalar.
func (n *node) tag() string {
	if n.isText {
		return "!!str"
	}
	return tagOf(n.scalar)
}

// json gives the JSON text of a scalar.
func (n *node) json() string {
	if n.isText {
		return quote(n.scalar)
	}
	return n.scalar
}

// describe names the node's type and, for short scalars, its value.
func (n *node) describe() string {
	switch {
	case n.kind == mapNode:
		return "a map"
	case n.kind == listNode:
		return "a list"
	case n.isNull():
		return "nothing"
	case len(n.json()) > 40:
		return "a string"
	case n.isText:
		return "the string " + n.json()
	case n.scalar == "true" || n.scalar == "false":
		return "the boolean " + n.scalar
	}
	return "the number " + n.scalar
}

var errTooLarge = errors.New("the anchors of the document expand to too much")

// appendJSON appends the node as JSON. It fails with errTooLarge, instead of growing beyond
// limit bytes, when anchors are used to make little text mean a lot.
func (n *node) appendJSON(b []byte, limit int) ([]byte, error) {
	if len(b) > limit {
		return b, errTooLarge
	}
	var err error
	switch n.kind {
	case scalarNode:
		if n.isText {
			return appendString(b, n.scalar), nil
		}
		return append(b, n.scalar...), nil
	case listNode:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = item.appendJSON(b, limit); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
	b = append(b, '{')
	for i := range n.fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, n.fields[i].name), ':')
		if b, err = n.fields[i].value.appendJSON(b, limit); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// appendString appends a JSON string.
func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string cannot fail
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func quote(s string) string { return string(appendString(nil, s)) }

// step is one part of a field path: a field's name, or an index of a list.
type step struct {
	name  string
	index int // used when name is empty
}

// appendStep extends a path as Problem.Path writes it: spec.rules[0], metadata.labels[a.b/c].
func appendStep(path string, s step) string {
	switch {
	case s.name == "":
		return path + "[" + strconv.Itoa(s.index) + "]"
	case strings.ContainsAny(s.name, `[]"`):
		return path + "[" + strconv.Quote(s.name) + "]"
	case strings.ContainsAny(s.name, "./ "):
		return path + "[" + s.name + "]"
	case path == "":
		return s.name
	}
	return path + "." + s.name
}

// parsePath reads a field path. It is lenient: a key in brackets may go without quotes, as
// Kubernetes' own validation writes it.
func parsePath(path string) []step {
	var steps []step
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			s, rest := parseBracket(path)
			steps = append(steps, s)
			path = rest
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps = append(steps, step{name: path[:end]})
			path = path[end:]
		}
	}
	return steps
}

func parseBracket(path string) (step, string) {
	if quoted, err := strconv.QuotedPrefix(path[1:]); err == nil {
		name, _ := strconv.Unquote(quoted)
		return step{name: name}, strings.TrimPrefix(path[1+len(quoted):], "]")
	}
	inner, rest, _ := strings.Cut(path[1:], "]")
	if index, err := strconv.Atoi(inner); err == nil && index >= 0 {
		return step{index: index}, rest
	}
	return step{name: inner}, rest
}

// find gives the place of a field, or of the nearest enclosing field that is there.
func (n *node) find(path string) (line, column int) {
	line, column = n.line, n.column
	for _, s := range parsePath(path) {
		switch {
		case n.kind == listNode && s.name == "" && s.index < len(n.items):
			n = n.items[s.index]
			line, column = n.line, n.column
		case n.kind == mapNode:
			name := s.name
			if name == "" {
				name = strconv.Itoa(s.index)
			}
			value := n.get(name)
			if value == nil {
				return line, column
			}
			for i := range n.fields {
				if n.fields[i].name == name {
					line, column = n.fields[i].line, n.fields[i].column
				}
			}
			n = value
		default:
			return line, column
		}
	}
	return line, column
}

// has says whether a field is written.
func (n *node) has(path string) bool {
	for _, s := range parsePath(path) {
		switch {
		case n == nil:
			return false
		case n.kind == listNode && s.name == "" && s.index < len(n.items):
			n = n.items[s.index]
		case s.name == "":
			n = n.get(strconv.Itoa(s.index))
		default:
			n = n.get(s.name)
		}
	}
	return n != nil
}

// kindName names the node's type, never its content.
func (n *node) kindName() string {
	if n.kind == scalarNode {
		return "text"
	}
	return n.describe()
}

// withKind gives a copy of an object with apiVersion and kind.
func (n *node) withKind(apiVersion, kind string) *node {
	c := *n
	c.fields = append([]field{
		{name: "apiVersion", line: n.line, column: n.column, value: &node{scalar: apiVersion, isText: true, line: n.line, column: n.column}},
		{name: "kind", line: n.line, column: n.column, value: &node{scalar: kind, isText: true, line: n.line, column: n.column}},
	}, n.fields...)
	return &c
}
