package main

import (
	"fmt"
	"html"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// maxComment is how long a comment on GitHub may be, in characters, less some for those that a
// bot puts around it: https://github.com/orgs/community/discussions/27190.
const maxComment = 65_536 - 1_536

// markdown is a comment as it grows. What does not fit is counted.
type markdown struct {
	strings.Builder
	length, left int
}

// add adds a piece of some changes, unless it is too long.
func (m *markdown) add(changes int, text string) {
	n := utf8.RuneCountInString(text)
	if m.left > 0 || m.length+n > maxComment {
		m.left += max(changes, 1)
		return
	}
	m.length += n
	m.WriteString(text)
}

// writeDiffMarkdown writes a report as a comment on a pull request.
func writeDiffMarkdown(w io.Writer, r *diffReport) error {
	var m markdown
	fmt.Fprintf(&m, "### What changes for traffic\n\n%s → %s: %s\n\n", code(r.Old), code(r.New), r.summary())
	for _, d := range r.Fleets {
		if len(r.Fleets) > 1 && !d.Empty() {
			m.add(0, "#### Fleet "+code(d.Viewer.Fleet)+"\n\n")
		}
		m.fleet(d)
	}
	m.problems("New problems", r.NewProblems)
	m.problems("Problems that are gone", r.GoneProblems)
	if r.NewErrors > 0 {
		m.add(0, errorsNote(code(r.New), r.New, r.Old, r.NewErrors)+".\n\n")
	}
	for _, c := range r.Resources {
		m.add(1, details(fmt.Sprintf("Envoy %s %s", c.Type, c.Name), fence(c.Diff)))
	}
	if m.left > 0 {
		fmt.Fprintf(&m, "\n%s left out here, as comments are limited: `gateway-cp diff` shows all.\n", plural(m.left, "change"))
	}
	_, err := io.WriteString(w, m.String())
	return err
}

// summary counts.
func (r *diffReport) summary() string {
	var routes, listeners, clusters, certificates int
	for _, d := range r.Fleets {
		routes, listeners = routes+len(d.Routes)-minor(d), listeners+len(d.Listeners)
		clusters, certificates = clusters+len(d.Clusters), certificates+len(d.Certificates)
	}
	var parts []string
	for _, n := range []struct {
		count int
		what  string
	}{{routes, "change"}, {listeners, "listener"}, {clusters, "set"}, {certificates, "certificate"}, {len(r.NewProblems), "problem"}} {
		if n.count == 0 {
			continue
		}
		words := plural(n.count, n.what)
		switch n.what {
		case "change":
			words += " of where requests go"
		case "set":
			words += " of endpoints"
		case "problem":
			words = strings.Replace(words, " ", " new ", 1)
		}
		parts = append(parts, words)
	}
	switch {
	case len(parts) > 0:
		return "**" + strings.Join(parts, ", ") + "**"
	case r.Different:
		return "**no request goes elsewhere**"
	}
	return "**nothing changes**"
}

func (m *markdown) fleet(d *traffic.Difference) {
	for _, c := range d.Listeners {
		m.add(1, "- "+plain(listenerSentence(c))+"\n")
	}
	for i := 0; i < len(d.Routes); {
		var body strings.Builder
		group, n := routeGroup(d.Routes[i]), 0
		for ; i < len(d.Routes) && n < inOneSection && routeGroup(d.Routes[i]) == group; i++ {
			if c := d.Routes[i]; !c.Minor {
				n++
				body.WriteString(routeMarkdown(c))
			}
		}
		if n > 0 {
			m.add(n, details(fmt.Sprintf("%s: %s", group, plural(n, "change")), body.String()))
		}
	}
	for _, host := range d.Incomplete {
		m.add(0, "- "+plain(host)+" has so many routes that changed that there may be more than these\n")
	}
	var more []string
	for _, c := range d.Clusters {
		more = append(more, clusterSentence(c))
	}
	for _, c := range d.Certificates {
		more = append(more, certificateSentence(c))
	}
	for _, sentence := range more {
		m.add(1, "- "+plain(sentence)+"\n")
	}
	if len(more) > 0 {
		m.add(0, "\n")
	}
}

// inOneSection is how many changes a section has, so that the first ones of many are shown.
const inOneSection = 25

func routeMarkdown(c traffic.RouteChange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- %s\n", plain(c.Sentence))
	for _, cause := range causes(c) {
		fmt.Fprintf(&b, "  - %s\n", plain(cause))
	}
	fmt.Fprintf(&b, "  - for example %s\n", code(exampleWords(c.Example)))
	return b.String()
}

func (m *markdown) problems(what string, all []api.Problem) {
	if len(all) == 0 {
		return
	}
	var body strings.Builder
	for i, p := range all {
		if i == 100 {
			fmt.Fprintf(&body, "- and %d more\n", len(all)-i)
			break
		}
		fmt.Fprintf(&body, "- %s\n", plain(p.String()))
	}
	m.add(len(all), details(fmt.Sprintf("%s: %d", what, len(all)), body.String()))
}

// details is a section that opens on a click.
func details(summary, body string) string {
	return "<details><summary>" + html.EscapeString(oneLine(summary)) + "</summary>\n\n" + strings.TrimSuffix(body, "\n") + "\n\n</details>\n\n"
}

// fence puts text between fences that are not in it.
func fence(text string) string {
	marks := "```"
	for strings.Contains(text, marks) {
		marks += "`"
	}
	return marks + "diff\n" + strings.TrimSuffix(text, "\n") + "\n" + marks + "\n"
}

// code writes text as it is.
func code(text string) string {
	marks := "`"
	for strings.Contains(text, marks) {
		marks += "`"
	}
	if len(marks) > 1 {
		return marks + " " + oneLine(text) + " " + marks
	}
	return marks + oneLine(text) + marks
}

// escapes keep Markdown, HTML, mentions and links to issues from being seen in what users have written.
var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@<!-- -->", "#", "#<!-- -->",
	"\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|", "~", "\\~", "$", "\\$", "!", "\\!")

func plain(text string) string { return escapes.Replace(oneLine(text)) }

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
