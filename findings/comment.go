package findings

import (
	"bytes"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// The words that are looked for in comments.
const (
	ignoreWord = "gateway-cp:" // and then ignore, with or without a blank in between
	sourceWord = "# Source: "  // helm template writes it over every document
)

// scanner reads the comments of one file. It does not parse the YAML, which may be broken: it
// knows documents, quotes in a line and block scalars, and goes over the text once.
type scanner struct {
	file    string
	out     *fileNotes
	line    int
	doc     document
	content bool // the document has begun
	waiting []*ignore
	block   int // the indentation of the key whose block scalar this is; -1: none
}

// document is what comments say about one document of a file.
type document struct {
	from, to int // lines
	source   string
	ignores  []*ignore // of all of it
	inside   []*ignore // all that are written in it
}

// scan gives what the comments of a file say; nil when they say nothing.
func scan(file string, text []byte) *fileNotes {
	if !bytes.Contains(text, []byte(ignoreWord)) && !bytes.Contains(text, []byte(sourceWord)) {
		return nil
	}
	s := scanner{file: file, out: &fileNotes{lines: map[int][]*ignore{}}, block: -1, doc: document{from: 1}}
	for raw := range bytes.Lines(text) {
		s.line++
		s.next(strings.TrimRight(string(raw), "\r\n"))
	}
	s.end(s.line)
	return s.out
}

func (s *scanner) next(line string) {
	body := strings.TrimLeft(line, " \t")
	indent := len(line) - len(body)
	marker := isMarker(line, "---") || isMarker(line, "...")
	if s.block >= 0 && !marker && (body == "" || indent > s.block) {
		return // text of a block scalar, which has no comments
	}
	s.block = -1
	if marker && s.content {
		s.end(s.line - 1)
	}
	comment := commentStart(line)
	before := strings.TrimSpace(line[:comment])
	if marker {
		before = strings.TrimSpace(before[3:])
	}
	found := s.comment(line, comment)
	switch {
	case before != "" && !strings.HasPrefix(before, "%"):
		s.content = true
		s.at(append(found, s.waiting...)...)
		s.waiting = nil
		s.block = blockIndent(before, indent)
	case !s.content:
		s.doc.ignores = append(s.doc.ignores, found...)
	default:
		s.waiting = append(s.waiting, found...)
	}
}

// at applies ignores to the line at hand.
func (s *scanner) at(ignores ...*ignore) {
	if len(ignores) > 0 {
		s.out.lines[s.line] = append(s.out.lines[s.line], ignores...)
	}
}

// end finishes a document, whose last line is to.
func (s *scanner) end(to int) {
	s.doc.to = to
	if s.doc.source != "" || len(s.doc.inside) > 0 {
		s.out.docs = append(s.out.docs, s.doc)
	}
	s.doc, s.content, s.waiting = document{from: s.line}, false, nil
}

// comment reads what the comment that starts at a byte of the line says.
func (s *scanner) comment(line string, start int) []*ignore {
	if start == len(line) {
		return nil
	}
	text := line[start:]
	if source, ok := strings.CutPrefix(text, sourceWord); ok && !s.content {
		s.doc.source = strings.TrimSpace(source)
		return nil
	}
	rest, ok := strings.CutPrefix(strings.TrimLeft(text, "# \t"), ignoreWord)
	if ok {
		rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t"), "ignore")
	}
	if !ok || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return nil
	}
	at := api.Position{File: s.file, Line: s.line, Column: len([]rune(line[:start])) + 1}
	found := readIgnore(rest, at)
	s.out.ignores = append(s.out.ignores, found...)
	s.doc.inside = append(s.doc.inside, found...)
	return found
}

func isMarker(line, marker string) bool {
	return strings.HasPrefix(line, marker) && (len(line) == 3 || line[3] == ' ' || line[3] == '\t')
}

// commentStart gives where the comment of a line starts; the length of the line when it has
// none. A # begins one after a blank, outside of quotes; a quote begins a text only where a
// value may begin.
func commentStart(line string) int {
	var quote byte
	start := true // a value may begin here
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return i
		case start && (c == '"' || c == '\''):
			quote = c
		}
		start = strings.IndexByte(" \t[{,:", c) >= 0
	}
	return len(line)
}

// blockIndent gives the indentation of what a block scalar (key: |) in this line belongs to;
// -1 when none begins.
func blockIndent(line string, indent int) int {
	last := line[strings.LastIndexAny(line, " \t")+1:]
	if last == "" || last[0] != '|' && last[0] != '>' || strings.Trim(last[1:], "+-0123456789") != "" {
		return -1
	}
	for {
		rest, item := strings.CutPrefix(line, "- ")
		trimmed := strings.TrimLeft(rest, " ")
		if !item || trimmed == last {
			return indent
		}
		indent += len(line) - len(trimmed)
		line = trimmed
	}
}
