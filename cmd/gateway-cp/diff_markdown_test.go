package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gateway-cp/gateway-cp/traffic"
)

// A comment is never longer than GitHub takes, shows the first changes of many, counts the others,
// and does not let what users wrote become Markdown, HTML or a mention.
func TestMarkdownIsBoundedAndEscaped(t *testing.T) {
	d := &traffic.Difference{}
	for i := range 3000 {
		d.Routes = append(d.Routes, traffic.RouteChange{
			Kind: traffic.Changed, Listeners: []string{"0.0.0.0:80"}, Hosts: []string{"a.com"},
			Sentence: fmt.Sprintf("requests to a.com/ü%d|<b>*x*`@team #1", i), Example: traffic.Request{Method: "GET", Scheme: "http", Authority: "a.com", Path: "/`x`"},
		})
	}
	r := &diffReport{Old: "old", New: "new", Different: true, Fleets: []*traffic.Difference{d},
		Resources: []resourceDiff{{Type: "route", Name: "r", Diff: strings.Repeat("+x\n", 50_000)}}}
	var b strings.Builder
	if err := writeDiffMarkdown(&b, r); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := utf8.RuneCountInString(text); n > 65_536 || n < 50_000 {
		t.Errorf("it has %d characters", n)
	}
	shown := strings.Count(text, "\n- requests to")
	if !strings.Contains(text, fmt.Sprintf("\n%d changes left out here", 3001-shown)) {
		t.Errorf("%d are shown, and at the end it says %s", shown, text[len(text)-100:])
	}
	for _, want := range []string{`a.com/ü0\|&lt;b&gt;\*x\*\` + "`@<!-- -->team #<!-- -->1", "`` GET 'http://a.com/`x`' ``"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in %s", want, text[:1500])
		}
	}
	if strings.Count(text, "<details>") != strings.Count(text, "</details>") {
		t.Error("a section is not closed")
	}
}

// Examples are words for a shell, and lines of text hold nothing that a terminal or a CI job obeys.
func TestExamplesAndLinesAreSafe(t *testing.T) {
	q := traffic.Request{Method: "GET", Scheme: "https", Authority: "a.example.com", Path: "/x?a=1&b=2", ServerName: "any.example.com",
		Listener: "0.0.0.0:8443", Headers: []traffic.Header{{Name: "x-name", Value: "it's"}}}
	want := `GET 'https://a.example.com/x?a=1&b=2' -H 'x-name: it'\''s' --sni any.example.com --listener 0.0.0.0:8443`
	if got := exampleWords(q); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	q = traffic.Request{Method: "GET", Scheme: "https", Authority: "a.example.com", Path: "/", ServerName: "a.example.com"}
	if got, want := exampleWords(q), "GET https://a.example.com/"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	var b strings.Builder
	(&diffWriter{w: &b}).line("%s", "a\n::error ::b\x1b")
	if got, want := b.String(), `a\n::error ::b\x1b`+"\n"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
