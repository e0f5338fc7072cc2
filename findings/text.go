package findings

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/gateway-cp/gateway-cp/api"
)

// writeText writes for people: a line that editors understand (file:line:column: severity:
// message [Reason]), the line of the file with the place underlined, and what to do.
func writeText(w io.Writer, r *Report, o Options) error {
	p := painter(o.Color)
	b := bufio.NewWriter(w)
	for i := range r.Findings {
		p.finding(b, &r.Findings[i])
	}
	fmt.Fprintln(b, p.summary(r))
	return b.Flush()
}

// painter adds colour, when it is true.
type painter bool

const (
	bold   = "1"
	red    = "1;31"
	yellow = "1;33"
	blue   = "1;34"
	green  = "32"
	dim    = "2"
)

func (p painter) paint(color, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func (p painter) severity(s api.Severity) string {
	switch s {
	case api.Error:
		return p.paint(red, string(s))
	case api.Warning:
		return p.paint(yellow, string(s))
	}
	return p.paint(blue, string(s))
}

// mostShown is how much of a name or a message is shown, in bytes: a name may be as large as a file.
const mostShown = 1000

// shown is printable text that ends somewhere.
func shown(text string) string {
	if len(text) > mostShown {
		text = fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:mostShown], ""), len(text))
	}
	return Printable(text)
}

func (p painter) finding(w io.Writer, f *Finding) {
	if at := f.Position.String(); at != "" {
		fmt.Fprint(w, p.paint(bold, Printable(at)), ": ")
	}
	fmt.Fprint(w, p.severity(f.Severity), ": ")
	if f.Object != (api.Key{}) {
		fmt.Fprint(w, shown(objectName(f.Object)), ": ")
	}
	if f.Path != "" {
		fmt.Fprint(w, shown(f.Path), ": ")
	}
	fmt.Fprint(w, shown(f.Message))
	if f.Reason != "" {
		fmt.Fprint(w, " ", p.paint(dim, "["+Printable(string(f.Reason))+"]"))
	}
	fmt.Fprintln(w)
	if f.Snippet != nil {
		p.snippet(w, f)
	}
	if f.Source != "" {
		fmt.Fprintf(w, "  %s %s\n", p.paint(dim, "from:"), Printable(f.Source))
	}
	for _, r := range f.Related {
		fmt.Fprintf(w, "  %s %s %s\n", p.paint(dim, "see:"), Printable(r.Position.String()), Printable(r.Message))
	}
	if f.Hint != "" {
		fmt.Fprintf(w, "  %s %s\n", p.paint(dim, "hint:"), Printable(f.Hint))
	}
}

// snippet prints a line and underlines a part of it.
func (p painter) snippet(w io.Writer, f *Finding) {
	s := f.Snippet
	number := fmt.Sprintf("%5d", f.Position.Line)
	more := ""
	if s.Column > 1 {
		more = "…"
	}
	fmt.Fprintf(w, "%s %s%s\n", p.paint(dim, number+" |"), more, s.Text)
	var pad strings.Builder
	pad.WriteString(strings.Repeat(" ", len([]rune(more))))
	for i, r := range []rune(s.Text) {
		if i >= s.Start {
			break
		}
		pad.WriteString(blankLike(r))
	}
	under := 0
	for i, r := range []rune(s.Text) {
		if i >= s.Start && i < s.End {
			under += width(r)
		}
	}
	color := yellow
	if f.Severity == api.Error {
		color = red
	}
	fmt.Fprintf(w, "%s %s%s\n", p.paint(dim, "      |"), pad.String(), p.paint(color, strings.Repeat("^", max(under, 1))))
}

// blankLike gives blanks as wide as a character is on a terminal.
func blankLike(r rune) string {
	if r == '\t' {
		return "\t"
	}
	return strings.Repeat(" ", width(r))
}

// width is that of a character on a terminal, in columns.
func width(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		r >= 0xff01 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
		return 2
	}
	return 1
}

func (p painter) summary(r *Report) string {
	if r.Summary != "" {
		return r.Summary
	}
	errors, warnings, infos := Count(r.Findings)
	parts := []string{plural(r.Objects, "object")}
	parts = append(parts, p.count(red, errors, "error"), p.count(yellow, warnings, "warning"))
	if infos > 0 {
		parts = append(parts, p.count(blue, infos, "note"))
	}
	if r.Suppressed > 0 {
		parts = append(parts, strconv.Itoa(r.Suppressed)+" suppressed")
	}
	if r.Known > 0 {
		parts = append(parts, strconv.Itoa(r.Known)+" in the baseline")
	}
	return strings.Join(parts, ", ")
}

func (p painter) count(color string, n int, what string) string {
	if n == 0 {
		return plural(n, what)
	}
	return p.paint(color, plural(n, what))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Printable gives text in which nothing steers a terminal: file names and messages may come
// from anybody.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRune(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}
