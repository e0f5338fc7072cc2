package main

import (
	"strings"
	"unicode/utf16"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/findings"
)

// diagnostic is a finding as the protocol has it.
type diagnostic struct {
	Range           textRange      `json:"range"`
	Severity        int            `json:"severity"` // 1 error, 2 warning, 3 information
	Code            string         `json:"code"`
	CodeDescription map[string]any `json:"codeDescription,omitempty"`
	Source          string         `json:"source"`
	Message         string         `json:"message"`
	Related         []any          `json:"relatedInformation,omitempty"`
}

func (s *languageServer) diagnostic(f *findings.Finding, lines *lineReader) diagnostic {
	d := diagnostic{Code: string(f.Reason), Source: "gateway-cp", Severity: 3, Message: f.Message}
	switch f.Severity {
	case api.Error:
		d.Severity = 1
	case api.Warning:
		d.Severity = 2
	}
	if f.Path != "" {
		d.Message = f.Path + ": " + d.Message
	}
	if f.Hint != "" {
		d.Message += " (" + f.Hint + ")"
	}
	if f.Page != "" {
		d.CodeDescription = map[string]any{"href": f.Page}
	}
	for _, r := range f.Related {
		at := textPosition{Line: max(r.Position.Line-1, 0)}
		d.Related = append(d.Related, map[string]any{
			"location": map[string]any{"uri": s.uri(r.Position.File), "range": textRange{at, at}}, "message": r.Message,
		})
	}
	line, start := max(f.Position.Line-1, 0), max(f.Position.Column-1, 0)
	length := 0
	if f.Snippet != nil {
		length = f.Snippet.End - f.Snippet.Start
	}
	text := lines.line(line)
	d.Range.Start = textPosition{line, units(text, start)}
	d.Range.End = textPosition{line, units(text, start+length)}
	return d
}

// units gives how many units of UTF-16 a number of characters of a line are.
func units(line []rune, characters int) int {
	characters = min(characters, len(line))
	return len(utf16.Encode(line[:characters]))
}

// lineReader gives lines of a file.
type lineReader struct{ lines []string }

func newLineReader(v *validation, file string) *lineReader {
	text, err := v.read(file)
	if err != nil {
		return &lineReader{}
	}
	return &lineReader{strings.Split(string(text), "\n")}
}

// line gives a line, counted from 0; nothing when there is none.
func (r *lineReader) line(n int) []rune {
	if n >= len(r.lines) {
		return nil
	}
	return []rune(strings.TrimSuffix(r.lines[n], "\r"))
}
