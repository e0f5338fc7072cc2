package findings

import (
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// Texts gives the lines that findings are about. It reads a file when a finding in it is
// completed, and holds one file at a time.
type Texts struct {
	// Read gives the text of a file by its name in positions; as UTF-8, without a byte order
	// mark. A file that cannot be read has no snippets.
	Read func(file string) ([]byte, error)

	file string
	text string
	err  error
	// The latest line asked for: 1-based, with its offset; and the latest document's bounds.
	line, offset int
	from, to     int
	secret       bool
}

// maxLine is how long a line may be, in bytes, that is shown in part. Longer ones are not for
// people.
const maxLine = 64 << 10

// Complete fills in the snippets of findings that have a line and no snippet yet. It costs
// least when they are sorted.
func (t *Texts) Complete(list []Finding) {
	for i := range list {
		f := &list[i]
		if f.Snippet != nil || f.Position.Line < 1 {
			continue
		}
		if line, ok := t.find(f.Position); ok {
			f.Snippet = cut(line, &f.Problem, f.Object.Kind == api.KindSecret || t.secret)
		}
	}
}

// find gives the line of a position, and notes whether it is in a document with secrets.
func (t *Texts) find(at api.Position) (string, bool) {
	if at.File != t.file || t.line == 0 {
		data, err := t.Read(at.File)
		*t = Texts{Read: t.Read, file: at.File, text: string(data), err: err, line: 1, from: -1}
	}
	if t.err != nil {
		return "", false
	}
	if at.Line < t.line {
		t.line, t.offset = 1, 0
	}
	for t.line < at.Line {
		i := strings.IndexByte(t.text[t.offset:], '\n')
		if i < 0 {
			return "", false
		}
		t.offset += i + 1
		t.line++
	}
	if t.offset >= len(t.text) && at.Line > 1 {
		return "", false
	}
	if t.from < 0 || t.offset < t.from || t.offset >= t.to {
		t.document()
	}
	line := firstLine(t.text[t.offset:])
	return line, len(line) <= maxLine
}

// document finds the bounds of the document that the line at offset is in.
func (t *Texts) document() {
	t.from, t.to = 0, len(t.text)
	for from := t.offset; from >= 0; from = strings.LastIndexByte(t.text[:max(from-1, 0)], '\n') + 1 {
		if documentStart.MatchString(firstLine(t.text[from:])) || from == 0 {
			t.from = from
			break
		}
	}
	if rest := t.offset + len(firstLine(t.text[t.offset:])) + 1; rest <= len(t.text) {
		if at := documentStart.FindStringIndex(t.text[rest:]); at != nil {
			t.to = rest + at[0]
		}
	}
	t.secret = secretive(t.text[t.from:t.to])
}

func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i]
	}
	return s
}
