package findings

import (
	"strings"
	"unicode"

	"github.com/gateway-cp/gateway-cp/api"
)

// Snippet is a line of a file and the part of it that a finding is about.
type Snippet struct {
	// Text is the line, or the part of a long line around the finding, without control
	// characters. In a Secret it ends after the name of the field.
	Text string `json:"text"`
	// Start and End are the part: characters of Text, counted from 0, End not included.
	Start int `json:"start"`
	End   int `json:"end"`
	// Column is that of the first character of Text in the line, counted from 1.
	Column int `json:"column"`
}

const (
	maxSnippet = 160 // characters that are shown of a line
	before     = 60  // of them before the finding, when the line is longer
)

// cut makes the snippet of a finding from its line, which has no line end.
func cut(line string, p *api.Problem, secret bool) *Snippet {
	text := []rune(strings.TrimRight(line, "\r\n \t"))
	if secret {
		text = mask(text)
	}
	start := min(max(p.Position.Column-1, 0), len(text))
	if p.Position.Column == 0 {
		for start < len(text) && unicode.IsSpace(text[start]) {
			start++
		}
	}
	end := max(span(text, start, p.Reason), min(start+1, len(text)+1))
	s := &Snippet{Start: start, End: end, Column: 1}
	if len(text) > maxSnippet {
		from := max(0, min(start-before, len(text)-maxSnippet))
		to := min(from+maxSnippet, len(text))
		text = text[from:to]
		s.Column, s.Start, s.End = from+1, start-from, min(end, to)-from
		s.End = max(s.End, s.Start+1)
	}
	for i, r := range text {
		if r != '\t' && !unicode.IsPrint(r) {
			text[i] = '\ufffd'
		}
	}
	s.Text = string(text)
	return s
}

// span gives the end of what a finding at start is about: a name, or a name and its value
// when the value stands in the same line.
func span(text []rune, start int, reason api.Reason) int {
	end := token(text, start)
	switch reason {
	case api.ReasonUnknownField, api.ReasonMissingField, api.ReasonDuplicateObject:
		return end
	}
	if end >= len(text) || text[end] != ':' {
		return end
	}
	value := end + 1
	for value < len(text) && text[value] == ' ' {
		value++
	}
	if value == len(text) || strings.ContainsRune("{[#|>&", text[value]) {
		return end
	}
	return token(text, value)
}

// token gives the end of a name or value of YAML or JSON.
func token(text []rune, start int) int {
	if start >= len(text) {
		return start
	}
	if quote := text[start]; quote == '"' || quote == '\'' {
		for i := start + 1; i < len(text); i++ {
			if text[i] == '\\' && quote == '"' {
				i++
			} else if text[i] == quote {
				return i + 1
			}
		}
		return len(text)
	}
	for i := start; i < len(text); i++ {
		next := rune(' ')
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch {
		case text[i] == ':' && (next == ' ' || next == '\t'),
			text[i] == ' ' && next == '#',
			strings.ContainsRune(",]}", text[i]):
			return trimEnd(text, start, i)
		}
	}
	return trimEnd(text, start, len(text))
}

func trimEnd(text []rune, start, end int) int {
	for end > start && unicode.IsSpace(text[end-1]) {
		end--
	}
	return end
}
