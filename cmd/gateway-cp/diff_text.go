package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/findings"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// writeText writes a report for people.
func (r *diffReport) writeText(w io.Writer) error {
	p := &diffWriter{w: w}
	if !r.Different {
		p.line("nothing changes for traffic between %s and %s", r.Old, r.New)
	}
	for _, d := range r.Fleets {
		if len(r.Fleets) > 1 && !d.Empty() {
			p.line("fleet %s", d.Viewer.Fleet)
		}
		p.fleet(d)
	}
	p.problems("new problems", r.NewProblems)
	p.problems("problems that are gone", r.GoneProblems)
	if r.OldErrors > 0 {
		p.line("%s", errorsNote(r.Old, r.Old, r.New, r.OldErrors))
	}
	if r.NewErrors > 0 {
		p.line("%s", errorsNote(r.New, r.New, r.Old, r.NewErrors))
	}
	for _, c := range r.Resources {
		for l := range strings.SplitSeq(strings.TrimSuffix(c.Diff, "\n"), "\n") {
			p.line("%s", l)
		}
	}
	return p.err
}

// errorsNote says what the errors of a side mean for the comparison. Shown is how the side is called.
func errorsNote(shown, side, other string, errors int) string {
	note := fmt.Sprintf("%s has %s: ", shown, plural(errors, "error"))
	switch {
	case isLive(side):
		return note + "of what they concern, it keeps the last good version that it has read, and that is compared"
	case isLive(other):
		return note + "what they concern has no effect, and is compared so; a running gateway-cp keeps the last good version of it"
	}
	return note + "what they concern has no effect, and is compared so"
}

// diffWriter writes lines in which nothing steers a terminal or a CI job, and keeps the first error.
type diffWriter struct {
	w   io.Writer
	err error
}

func (p *diffWriter) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, findings.Printable(fmt.Sprintf(format, args...))+"\n")
	}
}

// marks of changes, as in a patch.
var marks = map[traffic.ChangeKind]string{traffic.Added: "+", traffic.Removed: "-", traffic.Changed: "~"}

func (p *diffWriter) fleet(d *traffic.Difference) {
	for _, c := range d.Listeners {
		p.line("%s %s", marks[c.Kind], listenerSentence(c))
		p.from(slices.Concat(c.NowFrom, c.WasFrom))
	}
	host := ""
	for _, c := range d.Routes {
		if c.Minor {
			continue
		}
		if h := routeGroup(c); h != host {
			p.line("%s", h)
			host = h
		}
		p.line("  %s %s", marks[c.Kind], c.Sentence)
		for _, o := range causes(c) {
			p.line("      %s", o)
		}
		p.line("      for example %s", exampleWords(c.Example))
	}
	for _, host := range d.Incomplete {
		p.line("%s has so many routes that changed that there may be more than these", host)
	}
	if n := minor(d); n > 0 {
		p.line("requests that get another error of Envoy than before: %d more changes, which -o json lists", n)
	}
	for _, c := range d.Clusters {
		p.line("~ %s", clusterSentence(c))
		p.from(c.From)
	}
	for _, c := range d.Certificates {
		p.line("~ %s", certificateSentence(c))
		p.from(c.From)
	}
}

func minor(d *traffic.Difference) int {
	n := 0
	for _, c := range d.Routes {
		if c.Minor {
			n++
		}
	}
	return n
}

// routeGroup is the heading of a change: the host, and where requests for it come in.
func routeGroup(c traffic.RouteChange) string {
	return fmt.Sprintf("%s (%s)", traffic.HostNames(c.Hosts), strings.Join(c.Listeners, ", "))
}

// causes says which fields decide about the requests of a change, and did.
func causes(c traffic.RouteChange) []string {
	var all []string
	if c.NowFrom != nil {
		all = append(all, originWords(*c.NowFrom))
	}
	if c.WasFrom != nil && (c.NowFrom == nil || c.NowFrom.Object != c.WasFrom.Object || c.NowFrom.Path != c.WasFrom.Path) {
		all = append(all, "was "+originWords(*c.WasFrom))
	}
	return all
}

func originWords(o traffic.Origin) string {
	words := o.Object.String()
	if o.Path != "" {
		words += " " + o.Path
	}
	if at := o.Position.String(); at != "" {
		words += " at " + at
	}
	return words
}

func (p *diffWriter) from(all []traffic.Origin) {
	var seen []string
	for _, o := range all {
		if words := originWords(o); !slices.Contains(seen, words) {
			seen = append(seen, words)
			p.line("      %s", words)
		}
	}
}

// exampleWords writes a request as explain takes it.
func exampleWords(q traffic.Request) string {
	words := q.Method + " " + shellWord(q.URL())
	for _, h := range q.Headers {
		words += " -H " + shellWord(h.Name+": "+h.Value)
	}
	// Without it, the client asks for the host of the URL.
	if typed, err := traffic.NewRequest(q.URL()); err == nil && typed.ServerName != q.ServerName {
		words += " --sni " + shellWord(cmp.Or(q.ServerName, "-"))
	}
	if q.Listener != "" {
		words += " --listener " + shellWord(q.Listener)
	}
	return words
}

// shellWord writes text as one word for a shell.
func shellWord(text string) string {
	special := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/:.,_-+@%=", r)
	}
	if text != "" && !strings.ContainsFunc(text, special) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func listenerSentence(c traffic.ListenerChange) string {
	what := "listener " + c.Name
	if len(c.ServerNames) > 0 {
		what = "connections to " + c.Name + " for " + strings.Join(c.ServerNames, ", ")
	}
	switch {
	case c.Kind == traffic.Added && len(c.ServerNames) == 0:
		return what + " is new"
	case c.Kind == traffic.Removed && len(c.ServerNames) == 0:
		return what + " is gone"
	}
	return what + ": " + aspects(c.Aspects)
}

func aspects(all []traffic.Aspect) string {
	var parts []string
	for _, a := range all {
		parts = append(parts, a.String())
	}
	return strings.Join(parts, ", ")
}

// shownEndpoints is how many endpoints are named.
const shownEndpoints = 8

func clusterSentence(c traffic.ClusterChange) string {
	var parts []string
	for _, list := range []struct {
		what string
		all  []traffic.Endpoint
	}{{"new", c.Added}, {"gone", c.Removed}, {"changed", c.Moved}} {
		var names []string
		for _, e := range list.all {
			name := e.Address
			if list.what == "changed" || e.Health == traffic.Draining {
				name += " (" + strings.TrimSpace(e.Health+" "+e.Zone) + ")"
			}
			names = append(names, name)
		}
		if n := len(names); n > shownEndpoints {
			names = append(names[:shownEndpoints], fmt.Sprintf("%d more", n-shownEndpoints))
		}
		if len(names) > 0 {
			parts = append(parts, list.what+" endpoints "+strings.Join(names, ", "))
		}
	}
	if len(parts) > 0 {
		take := "take"
		if c.Now == 1 {
			take = "takes"
		}
		parts = append(parts, fmt.Sprintf("%d %s requests (was %d)", c.Now, take, c.Was))
	}
	if len(c.Aspects) > 0 {
		parts = append(parts, aspects(c.Aspects))
	}
	words := c.Label + ": " + strings.Join(parts, "; ")
	if len(c.Hosts) > 0 {
		words += "; gets requests to " + traffic.HostNames(c.Hosts)
	}
	return words
}

func certificateSentence(c traffic.CertificateChange) string {
	if c.Chain {
		return fmt.Sprintf("Secret %s: the same certificate (%s), with others that vouch for it", c.Secret, c.Now)
	}
	return fmt.Sprintf("Secret %s: certificate %s (was %s)", c.Secret, c.Now, c.Was)
}

func (p *diffWriter) problems(what string, all []api.Problem) {
	if len(all) == 0 {
		return
	}
	p.line("%s:", what)
	for _, problem := range all {
		p.line("  %s", problem)
	}
}
