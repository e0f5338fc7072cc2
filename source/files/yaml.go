package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxDepth = 500 // levels of nesting; Kubernetes objects have about 20
	// maxFieldErrors in one document; with more of them the document is not looked at.
	maxFieldErrors = 1000
	maxMerged      = 1_000_000 // fields that merge keys (<<) may copy in one segment
)

// document is one YAML or JSON document. Errs are what is wrong within it where the rest
// could still be read.
type document struct {
	root *node
	errs []fieldError
}

type fieldError struct {
	path []step
	textError
}

// parse reads the documents of a segment. Where the syntax is broken it gives the documents
// before that, and the error.
func parse(text []byte, seg segment) ([]document, *textError) {
	return parseIn(newArena(), text, seg)
}

// parseIn is parse with documents that are gone once the arena is reset.
func parseIn(in *arena, text []byte, seg segment) ([]document, *textError) {
	part := text[seg.offset : seg.offset+seg.length]
	if seg.json {
		return parseJSON(part, seg)
	}
	if doc, ok := simpleYAML(part, seg, in); ok {
		return []document{doc}, nil
	}
	return parseYAML(part, seg)
}

// parseYAML reads all of YAML, through the library.
func parseYAML(part []byte, seg segment) ([]document, *textError) {
	roots, err := yamlNodes(part)
	docs := make([]document, 0, len(roots))
	merged := 0
	for _, root := range roots {
		b := builder{shift: seg.line - 1, anchors: make(map[*yaml.Node]*node), merged: &merged}
		n := b.build(root)
		if n == nil {
			n = &node{scalar: "null", line: seg.line, column: 1}
		}
		docs = append(docs, document{root: n, errs: b.errs})
	}
	if err == nil {
		return docs, nil
	}
	if bad := jsonError(part, seg); bad != nil {
		return nil, bad
	}
	return docs, syntaxError(part, seg, err)
}

// yamlNodes gives the documents before the first syntax error.
func yamlNodes(part []byte) (roots []*yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil { // the parser's bugs are the document's problem, not ours
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(part))
	for {
		root := new(yaml.Node)
		if err := decoder.Decode(root); errors.Is(err, io.EOF) {
			return roots, nil
		} else if err != nil {
			return roots, err
		}
		roots = append(roots, root)
	}
}

var yamlErrorLine = regexp.MustCompile(`^(?:yaml: )?(?:line \d+: )?`)

// syntaxError finds the place of a syntax error. The parser names the line where the broken
// construct begins, if any; people want the line that breaks it. That is the shortest text,
// in lines, that fails in the same way: the parser reads from top to bottom.
func syntaxError(part []byte, seg segment, err error) *textError {
	lines := bytes.SplitAfter(part, []byte("\n"))
	ends := make([]int, len(lines))
	end := 0
	for i, line := range lines {
		end += len(line)
		ends[i] = end
	}
	bad := 0
	if len(part) <= 1<<20 { // the search parses the text about 15 times
		bad = sort.Search(len(lines)-1, func(i int) bool {
			_, e := yamlNodes(part[:ends[i]])
			return e != nil && e.Error() == err.Error()
		})
	} else if m := yamlErrorNumber.FindStringSubmatch(err.Error()); m != nil {
		n, _ := strconv.Atoi(m[1])
		bad = min(max(n-1, 0), len(lines)-1)
	}
	line := lines[bad]
	e := &textError{
		line:    seg.line + bad,
		column:  len(line) - len(bytes.TrimLeft(line, " \t")) + 1,
		message: yamlErrorLine.ReplaceAllString(err.Error(), ""),
	}
	e.hint = syntaxHint(e.message, line)
	return e
}

var yamlErrorNumber = regexp.MustCompile(`line (\d+):`)

func syntaxHint(message string, line []byte) string {
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("\t")):
		return "YAML is indented with spaces, not with tabs"
	case strings.Contains(message, "mapping values are not allowed"):
		return "check the indentation of this line, and quote a value that has a colon in it"
	case strings.Contains(message, "did not find expected key"), strings.Contains(message, "did not find expected '-'"):
		return "check the indentation of this line and the one before"
	case strings.Contains(message, "could not find expected ':'"):
		return "a field needs a colon and a space after its name"
	case strings.Contains(message, "unknown anchor"):
		return "define the anchor (&name) before it is used"
	}
	return "fix the YAML syntax"
}

// builder turns YAML nodes into ours: aliases and merge keys resolved, scalars as JSON.
type builder struct {
	shift   int // lines before the segment
	anchors map[*yaml.Node]*node
	path    []step
	errs    []fieldError
	merged  *int
}

func (b *builder) fail(n *yaml.Node, hint, format string, args ...any) {
	if len(b.errs) > maxFieldErrors {
		return
	}
	b.errs = append(b.errs, fieldError{
		path:      append([]step(nil), b.path...),
		textError: textError{line: n.Line + b.shift, column: n.Column, message: fmt.Sprintf(format, args...), hint: hint},
	})
}

func (b *builder) null(n *yaml.Node) *node {
	return &node{scalar: "null", line: n.Line + b.shift, column: n.Column}
}

func (b *builder) build(n *yaml.Node) *node {
	if len(b.path) > maxDepth {
		b.fail(n, "make it flatter", "nested deeper than %d levels", maxDepth)
		return b.null(n)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil
		}
		return b.build(n.Content[0])
	case yaml.AliasNode:
		target, known := b.anchors[n.Alias]
		if known && target == nil {
			b.fail(n, "write the value out", "anchor %s contains itself", n.Value)
			return b.null(n)
		}
		if known {
			return target
		}
		return b.build(n.Alias)
	}
	if n.Anchor == "" {
		return b.value(n)
	}
	b.anchors[n] = nil
	out := b.value(n)
	b.anchors[n] = out
	return out
}

func (b *builder) value(n *yaml.Node) *node {
	out := &node{line: n.Line + b.shift, column: n.Column}
	switch n.Kind {
	case yaml.SequenceNode:
		out.kind = listNode
		out.items = make([]*node, 0, len(n.Content))
		for i, item := range n.Content {
			b.path = append(b.path, step{index: i})
			out.items = append(out.items, b.build(item))
			b.path = b.path[:len(b.path)-1]
		}
	case yaml.MappingNode:
		out.kind = mapNode
		b.fields(n, out)
	default:
		s, err := resolve(n)
		if err != nil {
			b.fail(n, "quote it if it is meant as text", "%v", err)
			s = scalar{"null", "!!null"}
		}
		out.scalar, out.isText = s.text, s.tag == "!!str"
		if !out.isText && s.tag != "!!null" && s.text != n.Value {
			out.plain = n.Value
		}
	}
	return out
}

// fields reads a map. Its own fields win over merged ones, wherever the merge key stands.
func (b *builder) fields(n *yaml.Node, out *node) {
	seen := make(map[string]int, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if isMerge(key) {
			merges = append(merges, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			b.fail(n.Content[i], "field names are plain text", "a field's name is a map or a list")
			continue
		}
		name, err := keyName(key)
		if err != nil {
			b.fail(n.Content[i], "give the field a name", "%v", err)
			continue
		}
		b.path = append(b.path, step{name: name})
		if line, twice := seen[name]; twice {
			b.fail(n.Content[i], b.twiceHint(name), "%s", twiceMessage(name, line))
		} else {
			seen[name] = n.Content[i].Line + b.shift
			out.fields = append(out.fields, field{name: name, line: n.Content[i].Line + b.shift, column: n.Content[i].Column, value: b.build(value)})
		}
		b.path = b.path[:len(b.path)-1]
	}
	for _, m := range merges {
		b.merge(m, out, seen)
	}
}

func twiceMessage(name string, first int) string {
	return fmt.Sprintf("field %q is set twice, first in line %d", name, first)
}

// twiceHint says what to do about a field that is set twice: where it is one that each object has, two of
// them may have become one.
func (b *builder) twiceHint(name string) string {
	if len(b.path) == 1 && (name == "apiVersion" || name == "kind" || name == "metadata") {
		return "put a line --- between two objects, or remove one of them"
	}
	return "remove one of them"
}

func isMerge(key *yaml.Node) bool {
	if key.Kind != yaml.ScalarNode || key.Value != "<<" {
		return false
	}
	return key.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 || key.ShortTag() == "!!merge"
}

// merge adds the fields of a map, or of a list of maps of which earlier ones win, that are
// not there yet.
func (b *builder) merge(value *yaml.Node, out *node, seen map[string]int) {
	b.path = append(b.path, step{name: "<<"})
	defer func() { b.path = b.path[:len(b.path)-1] }()
	from := b.build(value)
	sources := []*node{from}
	if from.kind == listNode {
		sources = from.items
	}
	for _, source := range sources {
		if source.kind != mapNode {
			b.fail(value, "merge an anchor of a map", "<< can only merge maps, not %s", source.describe())
			return
		}
		if *b.merged += len(source.fields) + 1; *b.merged > maxMerged {
			b.fail(value, "write the values out", "%v", errTooLarge)
			return
		}
		for _, f := range source.fields {
			if _, there := seen[f.name]; !there {
				seen[f.name] = f.line
				out.fields = append(out.fields, f)
			}
		}
	}
}
