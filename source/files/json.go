package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
)

// splitJSON cuts a text of one or more JSON objects; nil when it is something else, which
// YAML may be able to read: most JSON is YAML, but not all of it, and not several in a row.
func splitJSON(text []byte) []segment {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil
	}
	var segments []segment
	decoder := json.NewDecoder(bytes.NewReader(text))
	line, lineStart, counted := 1, 0, 0
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return segments
		} else if err != nil {
			return nil
		}
		end := int(decoder.InputOffset())
		start := end - len(raw)
		skipped := text[counted:start]
		line += bytes.Count(skipped, []byte("\n"))
		if i := bytes.LastIndexByte(skipped, '\n'); i >= 0 {
			lineStart = counted + i + 1
		}
		counted = start
		segments = append(segments, segment{offset: start, length: len(raw), line: line, column: start - lineStart + 1, json: true})
	}
}

// jsonBuilder reads JSON into nodes, with positions and double fields.
type jsonBuilder struct {
	text    []byte
	decoder *json.Decoder
	seg     segment
	at      int // an offset in text,
	line    int // its line,
	begin   int // and where that line begins; negative for the rest of a line
	path    []step
	errs    []fieldError
}

// parseJSON reads one JSON value that is known to be valid.
func parseJSON(part []byte, seg segment) ([]document, *textError) {
	b := &jsonBuilder{text: part, decoder: json.NewDecoder(bytes.NewReader(part)), seg: seg, line: seg.line, begin: 1 - seg.column}
	b.decoder.UseNumber()
	root, err := b.value()
	if err != nil {
		return nil, &textError{line: b.line, column: 1, message: err.Error(), hint: "fix the JSON syntax"}
	}
	return []document{{root: root, errs: b.errs}}, nil
}

// place gives line and column of the next token.
func (b *jsonBuilder) place() (line, column int) {
	start := int(b.decoder.InputOffset())
	for start < len(b.text) && strings.IndexByte(" \t\r\n,:", b.text[start]) >= 0 {
		start++
	}
	skipped := b.text[b.at:start]
	if i := bytes.LastIndexByte(skipped, '\n'); i >= 0 {
		b.line += bytes.Count(skipped, []byte("\n"))
		b.begin = b.at + i + 1
	}
	b.at = start
	return b.line, start - b.begin + 1
}

func (b *jsonBuilder) fail(line, column int, message, hint string) {
	if len(b.errs) > maxFieldErrors {
		return
	}
	b.errs = append(b.errs, fieldError{path: append([]step(nil), b.path...), textError: textError{line: line, column: column, message: message, hint: hint}})
}

var errDeep = errors.New("nested too deeply")

func (b *jsonBuilder) value() (*node, error) {
	if len(b.path) > maxDepth {
		return nil, errDeep
	}
	n := new(node)
	n.line, n.column = b.place()
	token, err := b.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			n.kind = listNode
			return n, b.list(n)
		}
		n.kind = mapNode
		return n, b.object(n)
	case string:
		n.scalar, n.isText = token, true
	case json.Number:
		n.scalar = token.String()
	case bool:
		n.scalar = map[bool]string{true: "true", false: "false"}[token]
	default:
		n.scalar = "null"
	}
	return n, nil
}

func (b *jsonBuilder) list(n *node) error {
	for b.decoder.More() {
		b.path = append(b.path, step{index: len(n.items)})
		item, err := b.value()
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
		b.path = b.path[:len(b.path)-1]
	}
	_, err := b.decoder.Token()
	return err
}

func (b *jsonBuilder) object(n *node) error {
	seen := make(map[string]int)
	for b.decoder.More() {
		line, column := b.place()
		token, err := b.decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		b.path = append(b.path, step{name: name})
		value, err := b.value()
		if err != nil {
			return err
		}
		if first, twice := seen[name]; twice {
			b.fail(line, column, twiceMessage(name, first), "remove one of them")
		} else {
			seen[name] = line
			n.fields = append(n.fields, field{name: name, line: line, column: column, value: value})
		}
		b.path = b.path[:len(b.path)-1]
	}
	_, err := b.decoder.Token()
	return err
}

// jsonStart tells JSON from the flow style of YAML, whose names need no quotes.
var jsonStart = regexp.MustCompile(`^\s*\{\s*"`)

// jsonError finds the first syntax error in a text that is meant as JSON; nil when it is
// meant as something else, or has none.
func jsonError(part []byte, seg segment) *textError {
	if !jsonStart.Match(part) {
		return nil
	}
	start := 0
	decoder := json.NewDecoder(bytes.NewReader(part))
	for raw := (json.RawMessage{}); decoder.Decode(&raw) == nil; {
		start = int(decoder.InputOffset())
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(part[start:], new(json.RawMessage)); !errors.As(err, &syntax) {
		return nil
	}
	e := &textError{message: syntax.Error(), hint: "fix the JSON syntax"}
	at := start + max(int(syntax.Offset)-1, 0)
	switch {
	case strings.Contains(e.message, "unexpected end"):
		at = len(bytes.TrimRight(part, " \t\r\n"))
		e.hint = "the file ends before all brackets and quotes are closed"
	case strings.Contains(e.message, "after object key:value pair"), strings.Contains(e.message, "after array element"):
		e.hint = "put a comma before it, or close the bracket"
	case strings.Contains(e.message, "looking for beginning of object key"):
		e.hint = "JSON has no comma before a closing bracket, and its field names are in double quotes"
	case strings.Contains(e.message, "looking for beginning of value"):
		e.hint = "JSON has no comma before a closing bracket, and its text is in double quotes"
	}
	e.line, e.column = lineColumn(part, at)
	if e.line == 1 {
		e.column += seg.column - 1
	}
	e.line += seg.line - 1
	return e
}
