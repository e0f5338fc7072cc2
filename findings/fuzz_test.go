package findings

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gateway-cp/gateway-cp/api"
)

// FuzzNotes: whatever is in a file, its comments are read without a panic, and every
// suppression is either in effect somewhere or complained about.
func FuzzNotes(f *testing.F) {
	f.Add("# gateway-cp:ignore InvalidField why\nkind: A\n--- # gateway-cp:ignore X\nb: |\n  c # gateway-cp:ignore InvalidName why\n")
	f.Add("# Source: a\n# gateway-cp:ignore ,\n...\n- - \"' #\n\t#gateway-cp:ignore InvalidField,X y\n")
	f.Fuzz(func(t *testing.T, text string) {
		var n Notes
		n.ReadFile("f", []byte(text))
		lines := strings.Count(text, "\n") + 1
		var list []Finding
		for _, reason := range []api.Reason{api.ReasonInvalidField, api.ReasonInvalidName} {
			for line := range min(lines, 200) {
				p := problem("f", line+1, 1, "", reason)
				list = append(list, Of(p))
			}
		}
		kept, silenced := n.Apply(list)
		if len(kept)+silenced != len(list) {
			t.Fatalf("%d kept, %d silenced of %d", len(kept), silenced, len(list))
		}
		for _, p := range n.Problems(none) {
			if p.Position.Line < 1 || p.Position.Line > lines || p.Position.Column < 1 {
				t.Fatalf("%v is not in a text of %d lines", p, lines)
			}
		}
	})
}

// FuzzWriters: no text in a finding or file breaks a format, or gets a Secret shown.
func FuzzWriters(f *testing.F) {
	f.Add("a.yaml", "kind: Secret\ndata:\n  a: hunter2\n", "bad\nthing", 3, 3)
	f.Add("::error::,%0A", "{\"a\": [\x1b[2J]", "]]>\x00\xff", 1, 7)
	f.Fuzz(func(t *testing.T, file, text, message string, line, column int) {
		p := problem(file, line, column, message, api.ReasonInvalidField)
		p.Message, p.Object.Name = message, text
		list := []Finding{Of(p), Of(p)}
		texts(map[string]string{file: text}).Complete(list)
		Fingerprints(list)
		r := &Report{Findings: list}
		for _, format := range []string{"json", "sarif", "gitlab"} {
			if out := write(t, format, r); !json.Valid(out) {
				t.Errorf("%s: %q", format, out)
			}
		}
		var suites junitSuites
		if err := xml.Unmarshal(write(t, "junit", r), &suites); err != nil || suites.Failures != 1 {
			t.Errorf("junit: %v", err)
		}
		if out := write(t, "github", r); bytes.Count(out, []byte("\n")) != 3 || bytes.ContainsAny(out, "\r") {
			t.Errorf("github: %q", out)
		}
		out := write(t, "text", r)
		if bytes.ContainsAny(out, "\x1b\x00\r\x07") || utf8.ValidString(text+message+file) && !utf8.Valid(out) {
			t.Errorf("text: %q", out)
		}
	})
}
