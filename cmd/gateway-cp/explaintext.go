package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gateway-cp/gateway-cp/traffic"
)

// shownRoutes is how many routes that do not match are printed, unless all are asked for.
const shownRoutes = 10

// explainWriter prints an explanation for people: a step a paragraph, in the order of events.
type explainWriter struct {
	w   io.Writer
	err error
}

func writeExplanation(w io.Writer, e *traffic.Explanation, all bool) error {
	p := &explainWriter{w: w}
	p.line("%s %s://%s%s (%s, from %s)", e.Request.Method, e.Request.Scheme, e.Request.Authority, e.Request.Path, e.Request.Protocol, e.Request.Client)
	if l := e.Listener; l != nil {
		p.line("listener %s", l.Name)
		p.origins("    ", l.From)
	}
	if c := e.Chain; c != nil {
		p.line("filter chain %s: %s", c.Name, c.Why)
		if len(c.Certificates) > 0 {
			p.line("    certificate of Secret %s", strings.Join(c.Certificates, ", "))
		}
		p.line("    filters: %s", strings.Join(c.Filters, ", "))
	}
	for _, c := range e.Changes {
		p.line("%s: %s becomes %s (%s)", c.What, cmp.Or(c.Was, "nothing"), cmp.Or(c.Is, "nothing"), c.Why)
	}
	if h := e.Host; h != nil {
		p.line("virtual host %s: %s", h.Name, h.Why)
		p.origins("    ", h.From)
	}
	p.routes(e, all)
	for _, o := range e.Outcomes {
		p.outcome(o)
	}
	for _, m := range e.Nearest {
		p.line("nearest: %s", m.What)
		p.origins("    ", []traffic.Origin{m.From})
	}
	for _, n := range e.Notes {
		p.line("note: %s", n)
	}
	return p.err
}

func (p *explainWriter) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// origins prints where something comes from, a line each.
func (p *explainWriter) origins(indent string, all []traffic.Origin) {
	for _, o := range all {
		if s := originText(o); s != "" {
			p.line("%s%s", indent, s)
		}
	}
}

// originText is an object with a field and its place: "HTTPRoute web/shop spec.rules[0] at shop.yaml:12:5".
func originText(o traffic.Origin) string {
	if o.Object.Name == "" {
		return ""
	}
	s := o.Object.String()
	if o.Path != "" {
		s += " " + o.Path
	}
	if at := o.Position.String(); at != "" {
		s += " at " + at
	}
	return s
}

// routes prints the routes that were considered. Of many that do not match, the last ones.
func (p *explainWriter) routes(e *traffic.Explanation, all bool) {
	skip := 0
	if !all && len(e.Routes) > shownRoutes {
		skip = len(e.Routes) - shownRoutes
		p.line("  … %s before do not match or take a share only (--all-routes prints them)", plural(skip, "route"))
	}
	for _, r := range e.Routes[skip:] {
		mark := "no "
		if r.Matched {
			mark = "yes"
		}
		text := fmt.Sprintf("  %s route %d: %s", mark, r.Index, r.Match)
		if r.Share > 0 {
			text += fmt.Sprintf(" (takes %s of the requests)", share(r.Share))
		}
		p.line("%s", text)
		for _, m := range r.Misses {
			p.line("        %s", m)
		}
		p.origins("        ", []traffic.Origin{r.From})
	}
}

func share(x float64) string { return strconv.FormatFloat(x*100, 'g', 6, 64) + " %" }

func (p *explainWriter) outcome(o traffic.Outcome) {
	part := ""
	if o.Share < 1 {
		part = share(o.Share) + " of the requests: "
	}
	switch {
	case o.Forward != nil:
		p.line("%sforwarded by route %d", part, o.Route)
		p.forward(o.Forward)
	case o.Kind == traffic.Close:
		p.line("%sthe connection is closed: %s", part, o.Why)
	case o.Kind == traffic.Reset:
		p.line("%sthe stream is reset: %s", part, o.Why)
	case o.Location != "":
		p.line("%sredirected with %d to %s%s", part, o.Status, o.Location, because(o.Why))
	default:
		p.line("%sanswered %d by Envoy%s", part, o.Status, because(o.Why))
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func (p *explainWriter) forward(f *traffic.Forwarding) {
	for _, r := range f.Rewrites {
		p.line("    %s", r)
	}
	list := func(what string, all []string) {
		if len(all) > 0 {
			p.line("    %s: %s", what, strings.Join(all, ", "))
		}
	}
	list("request headers", f.RequestHeaders)
	list("response headers", f.ResponseHeaders)
	list("hash policy", f.HashPolicy)
	list("copies go to", f.Mirrors)
	if f.Session != "" {
		p.line("    sessions are kept by %s", f.Session)
	}
	if f.Upgrade != "" {
		p.line("    the connection may become one of %s", f.Upgrade)
	}
	p.line("    time limit %s, of an attempt %s, without a byte %s", f.Timeout, f.PerTryTimeout, f.IdleTimeout)
	retries := fmt.Sprintf("    up to %s", plural(f.Attempts, "attempt"))
	if f.RetryOn != "" {
		retries += " (" + f.RetryOn + ")"
	}
	p.line("%s", retries)
	for _, c := range f.Clusters {
		p.cluster(c)
	}
}

func (p *explainWriter) cluster(c traffic.ClusterShare) {
	what := c.Name
	if c.Service.Name != "" {
		what = fmt.Sprintf("%s port %s", c.Service, c.Port)
		if c.Version != "" {
			what += ", version " + c.Version
		}
	}
	p.line("  %s to %s (cluster %s)%s", share(c.Share), what, c.Name, because(c.Why))
	p.origins("      ", c.From)
	if c.Rescue != "" {
		p.line("      GET, HEAD and OPTIONS that it answers 5xx are sent to version %s", c.Rescue)
	}
	for _, h := range [][]string{c.RequestHeaders, c.ResponseHeader} {
		if len(h) > 0 {
			p.line("      headers: %s", strings.Join(h, ", "))
		}
	}
	for i, e := range c.Endpoints {
		if i == shownRoutes {
			p.line("      … and %s", plural(len(c.Endpoints)-i, "endpoint"))
			break
		}
		zone := ""
		if e.Zone != "" {
			zone = " in zone " + e.Zone
		}
		p.line("      %s %s%s", e.Address, e.Health, zone)
	}
}
