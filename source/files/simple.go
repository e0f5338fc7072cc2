package files

import (
	"strings"
	"unicode/utf8"
)

// Most manifests are written in a small part of YAML: maps and lists in block style, scalars on
// one line, literal text (|), short lists and maps in brackets, comments. simpleYAML reads that
// part, several times as fast as the YAML library and without its tree, and gives up on everything
// else. What it reads, it reads as the library does, to the column: FuzzSimpleYAML compares the two.

// simpleYAML reads a segment into an arena; it is false where the library has to.
func simpleYAML(part []byte, seg segment, in *arena) (document, bool) {
	p := simple{text: string(part), line: seg.line - 1, arena: in}
	for i := range part {
		if c := part[i]; c >= utf8.RuneSelf || c < ' ' && c != '\n' {
			return document{}, false
		}
	}
	p.advance()
	if p.here && p.indent == 0 && p.rest == "---" {
		p.advance()
	}
	if !p.here {
		return document{}, false
	}
	root := p.block(0)
	if p.failed || p.here || root.kind == scalarNode {
		return document{}, false
	}
	return document{root: root}, true
}

// simple is where the reading stands: at what is left of a line with content, or (not here) at
// the end.
type simple struct {
	text   string // all of it
	next   int    // where the line after this one begins
	line   int    // of this one
	here   bool
	indent int    // the column, from 0, of the rest
	rest   string // of this line, without spaces around it
	failed bool   // this is not simple

	*arena
}

func (p *simple) fail() *node {
	p.failed, p.here = true, false
	return &node{scalar: "null"}
}

// advance goes to the next line with content.
func (p *simple) advance() {
	for p.next < len(p.text) {
		line := p.text[p.next:]
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
			p.next++
		}
		p.next += len(line)
		p.line++
		for p.indent = 0; p.indent < len(line) && line[p.indent] == ' '; {
			p.indent++
		}
		if p.indent == len(line) || line[p.indent] == '#' {
			continue
		}
		p.rest = strings.TrimRight(line[p.indent:], " ")
		p.here = true
		if p.indent == 0 && (p.rest[0] == '%' || isEnd([]byte(p.rest))) {
			p.fail()
		}
		return
	}
	p.here = false
}

// skip goes on in the line.
func (p *simple) skip(bytes int) {
	rest := strings.TrimLeft(p.rest[bytes:], " ")
	p.indent += len(p.rest) - len(rest)
	p.rest = rest
}

// isItem says whether an item of a list begins here.
func (p *simple) isItem() bool {
	return p.rest[0] == '-' && (len(p.rest) == 1 || p.rest[1] == ' ')
}

func (p *simple) node(kind nodeKind, column int) *node {
	n := &p.nodes.take(1)[0]
	*n = node{kind: kind, line: p.line, column: column + 1}
	return n
}

// block reads the map, list or scalar that begins here, and all lines that belong to it.
func (p *simple) block(depth int) *node {
	if depth > 100 {
		return p.fail()
	}
	if p.isItem() {
		return p.list(depth)
	}
	if _, length := p.key(); length > 0 {
		return p.mapping(depth)
	}
	return p.scalarLine()
}

func (p *simple) list(depth int) *node {
	at, first := p.indent, len(p.openItems)
	n := p.node(listNode, at)
	for p.here && p.indent == at && p.isItem() {
		line := p.line
		p.skip(1)
		var item *node
		if p.rest != "" && p.rest[0] != '#' {
			item = p.block(depth + 1)
		} else if p.advance(); p.here && p.indent > at {
			item = p.block(depth + 1)
		} else {
			item = p.null(line, at+1)
		}
		if p.here && p.indent > at {
			return p.fail() // the scalar goes on, or the indentation is wrong
		}
		p.openItems = append(p.openItems, item)
	}
	n.items = p.items.keep(p.openItems[first:])
	p.openItems = p.openItems[:first]
	return n
}

func (p *simple) mapping(depth int) *node {
	at, first := p.indent, len(p.openFields)
	n := p.node(mapNode, at)
	for p.here && p.indent == at && !p.isItem() {
		name, length := p.key()
		if length == 0 || p.hasField(first, name) {
			return p.fail()
		}
		f := field{name: name, line: p.line, column: at + 1}
		p.openFields = append(p.openFields, f)
		p.skip(length)
		value := p.value(at, at+length, depth)
		if p.here && p.indent > at {
			return p.fail()
		}
		if !p.failed {
			p.openFields[len(p.openFields)-1].value = value
		}
	}
	n.fields = p.fields.keep(p.openFields[first:])
	p.openFields = p.openFields[:first]
	return n
}

// hasField says whether a map whose fields begin at first has the field already.
func (p *simple) hasField(first int, name string) bool { return among(p.openFields[first:], name) }

// among says whether a field is one of several, or may be: of very many it would take too long to
// find out, and the library does that better.
func among(fields []field, name string) bool {
	for i := range fields {
		if fields[i].name == name {
			return true
		}
	}
	return len(fields) > 200
}

// value reads what stands behind the colon of a field in a map that begins at a column.
func (p *simple) value(at, colon, depth int) *node {
	if p.rest != "" && p.rest[0] != '#' {
		if p.isItem() {
			return p.fail()
		}
		if p.rest[0] == '|' {
			return p.literal(at)
		}
		return p.scalarLine()
	}
	line := p.line
	p.advance()
	switch {
	case p.here && p.indent > at:
		return p.block(depth + 1)
	case p.here && p.indent == at && p.isItem():
		return p.list(depth + 1)
	}
	return p.null(line, colon)
}

func (p *simple) null(line, column int) *node {
	n := p.node(scalarNode, column)
	n.line, n.scalar = line, "null"
	return n
}

// maxKey is how long a name may be: https://yaml.org/spec/1.2.2/#rule-ns-s-implicit-yaml-key
const maxKey = 1000

// key reads a field's name; length is that of the name and its colon, 0 when there is none.
func (p *simple) key() (name string, length int) {
	length = p.quotedEnd(0)
	if length > 0 {
		if length == len(p.rest) || p.rest[length] != ':' {
			return "", 0
		}
		name = p.rest[1 : length-1]
	} else {
		if !startsPlain(p.rest) {
			return "", 0
		}
		for length = 1; ; length++ {
			if length == len(p.rest) || p.rest[length] == ' ' {
				return "", 0
			}
			if p.rest[length] == ':' && (length+1 == len(p.rest) || p.rest[length+1] == ' ') {
				break
			}
		}
		name = p.rest[:length]
		if s, err := resolvePlain(name); err != nil || s.tag != "!!str" || name == "<<" {
			return "", 0
		}
	}
	length++
	if length > maxKey || length < len(p.rest) && p.rest[length] != ' ' {
		return "", 0
	}
	return p.own(name), length
}

// quotedEnd gives the end of a quoted scalar without escapes; 0 when there is none.
func (p *simple) quotedEnd(start int) int {
	quote := p.rest[start]
	if quote != '"' && quote != '\'' {
		return 0
	}
	end := strings.IndexByte(p.rest[start+1:], quote) + 1
	if end <= 0 || quote == '"' && strings.IndexByte(p.rest[start:start+end], '\\') >= 0 {
		return 0
	}
	return start + end + 1
}

// startsPlain says whether a scalar without quotes may begin so. The indicators of YAML may not,
// nor may a few that need a second look.
func startsPlain(s string) bool {
	c := s[0]
	if c == '-' {
		if len(s) == 1 {
			return false
		}
		c = s[1]
		if c == '-' && len(s) > 2 {
			c = s[2] // such as --flag
		}
	}
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '/' || c == '~' || c == '$'
}

// scalarLine reads the scalar, or the list or map in brackets, that the rest of the line is.
func (p *simple) scalarLine() *node {
	var n *node
	length := 0
	switch c := p.rest[0]; {
	case c == '"' || c == '\'':
		if length = p.quotedEnd(0); length > 0 {
			n = p.quotedNode(0, length)
		}
	case c == '[' || c == '{':
		n, length = p.flow(0, 0)
	case startsPlain(p.rest):
		length = len(p.rest)
		if i := strings.Index(p.rest, " #"); i >= 0 {
			length = len(strings.TrimRight(p.rest[:i], " "))
		}
		text := p.rest[:length]
		if strings.HasSuffix(text, ":") || strings.Contains(text, ": ") {
			return p.fail()
		}
		n = p.plainNode(0, text)
	}
	if n == nil || p.failed {
		return p.fail()
	}
	if rest := p.rest[length:]; rest != "" {
		if rest[0] != ' ' || strings.TrimLeft(rest, " ")[0] != '#' {
			return p.fail()
		}
	}
	p.advance()
	return n
}

func (p *simple) quotedNode(start, end int) *node {
	n := p.node(scalarNode, p.indent+start)
	n.scalar, n.isText = p.own(p.rest[start+1:end-1]), true
	return n
}

func (p *simple) plainNode(start int, text string) *node {
	s, err := resolvePlain(text)
	if err != nil {
		return p.fail()
	}
	n := p.node(scalarNode, p.indent+start)
	n.scalar, n.isText = s.text, s.tag == "!!str"
	switch {
	case n.isText:
		n.scalar = p.own(s.text)
	case s.tag != "!!null" && s.text != text:
		n.plain = text
	}
	return n
}
