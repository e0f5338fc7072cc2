package traffic

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

// findRoute takes the first route that matches. A route may take a share of the requests only,
// and leave the others to those after it.
func (f *flow) findRoute() bool {
	left := 1.0
	for _, r := range f.host.Routes {
		misses := f.misses(r.Envoy.Match)
		step := RouteStep{Index: r.Index, Match: describeMatch(r.Envoy.Match), Misses: misses, Matched: len(misses) == 0, From: r.From}
		take := fraction(r.Envoy.Match)
		if step.Matched && take < 1 {
			step.Share = take
		}
		f.explanation.Routes = append(f.explanation.Routes, step)
		if !step.Matched || take == 0 {
			continue
		}
		f.take(r, left*take)
		if left *= 1 - take; take == 1 {
			return true
		}
	}
	f.explanation.Outcomes = append(f.explanation.Outcomes, Outcome{
		Share: left, Kind: OutcomeKind(Answer), Status: 404, Route: -1,
		Why: "no route of the virtual host " + f.host.Name + " matches",
	})
	f.nearestRoutes()
	return false
}

// take adds what becomes of the share of the requests that a route takes.
func (f *flow) take(r *Route, share float64) {
	from := r.From
	o := Outcome{Share: share, Kind: OutcomeKind(r.Action.Kind), Status: r.Action.Status, Route: r.Index, From: &from}
	switch {
	// Envoy checks an upgrade before it looks for a route again, and only where there is one.
	case f.upgrade != "" && !f.allowsUpgrade() && !f.foundLate():
		o.Kind, o.Status, o.Why = OutcomeKind(Answer), 403, "connections may become "+f.allowedUpgrades()+", not "+f.upgrade
	case r.Action.Kind == Redirect:
		o.Location = f.location(r.Envoy)
	case r.Action.Kind == Answer:
		o.Why = whyAnswered(f.host, r)
	case r.Action.Kind == Forward:
		o.Forward = f.forward(r)
	}
	f.explanation.Outcomes = append(f.explanation.Outcomes, o)
}

// whyAnswered says why the translator has Envoy answer by itself.
func whyAnswered(h *Host, r *Route) string {
	switch {
	case r.Action.Status == 421:
		return "the host " + h.Name + " belongs to another listener: the server name of the connection and the host of the request differ"
	case r.Action.Status == 503:
		return "no version of the Service has traffic"
	case fraction(r.Envoy.Match) < 1:
		return "this share of the backends cannot be used: see gateway-cp validate"
	}
	return "the backends or filters of the rule cannot be used: see gateway-cp validate"
}

func (f *flow) allowsUpgrade() bool {
	for _, u := range f.chain.Manager.GetUpgradeConfigs() {
		if strings.EqualFold(u.UpgradeType, f.upgrade) {
			return true
		}
	}
	return false
}

func (f *flow) allowedUpgrades() string {
	var all []string
	for _, u := range f.chain.Manager.GetUpgradeConfigs() {
		all = append(all, u.UpgradeType)
	}
	return strings.Join(all, ", ")
}

// forward says how a request goes on.
func (f *flow) forward(r *Route) *Forwarding {
	a := r.Envoy.GetRoute()
	w := &Forwarding{
		Authority: f.authority, Path: f.path,
		Timeout:       limit(a.Timeout, 15*time.Second),
		PerTryTimeout: limit(a.GetRetryPolicy().GetPerTryTimeout(), 0),
		IdleTimeout:   limit(f.chain.Manager.GetStreamIdleTimeout(), 5*time.Minute),
		Attempts:      1,
		Mirrors:       r.Action.Mirrors,
		Upgrade:       f.upgrade,
	}
	if a.IdleTimeout != nil {
		w.IdleTimeout = limit(a.IdleTimeout, 0)
	}
	if p := a.RetryPolicy; p != nil {
		w.Attempts, w.RetryOn = 2, p.RetryOn
		if p.NumRetries != nil {
			w.Attempts = 1 + int(p.NumRetries.Value)
		}
		w.RetryOn += retriedByMethod(r)
	}
	if host := a.GetHostRewriteLiteral(); host != "" {
		w.Rewrites = append(w.Rewrites, fmt.Sprintf("host %s becomes %s", f.authority, host))
		w.Authority = host
	}
	if a.GetAutoHostRewrite().GetValue() {
		for _, s := range r.Action.Splits {
			if host := f.model.Clusters[s.Cluster].outside(); host != "" {
				w.Rewrites = append(w.Rewrites, fmt.Sprintf("host %s becomes %s for %s", f.authority, host, s.Cluster))
			}
		}
	}
	if path := f.rewritten(r.Envoy.Match, a.PrefixRewrite, a.RegexRewrite); path != f.path {
		w.Rewrites = append(w.Rewrites, fmt.Sprintf("path %s becomes %s", f.path, path))
		w.Path = path
	}
	w.RequestHeaders = headerChanges(withoutRetries(r.Envoy.RequestHeadersToAdd), r.Envoy.RequestHeadersToRemove)
	w.ResponseHeaders = headerChanges(r.Envoy.ResponseHeadersToAdd, r.Envoy.ResponseHeadersToRemove)
	w.Session = session(r.Envoy)
	for _, p := range a.HashPolicy {
		w.HashPolicy = append(w.HashPolicy, hashPolicy(p))
	}
	for _, s := range r.Action.Splits {
		w.Clusters = append(w.Clusters, f.clusterShare(s))
	}
	return w
}

func (f *flow) clusterShare(s Split) ClusterShare {
	share := ClusterShare{Name: s.Cluster, Share: s.Share, Endpoints: []Endpoint{}}
	if s.Envoy != nil {
		share.RequestHeaders = headerChanges(withoutRetries(s.Envoy.RequestHeadersToAdd), s.Envoy.RequestHeadersToRemove)
		share.ResponseHeader = headerChanges(s.Envoy.ResponseHeadersToAdd, s.Envoy.ResponseHeadersToRemove)
	}
	c := f.model.Clusters[s.Cluster]
	if c == nil {
		share.Why = "there is no such cluster: answered 503"
		return share
	}
	if c.First != nil && c.Then != nil {
		share.Rescue = c.Then.Version
		c = c.First
	}
	share.Service, share.Port, share.Version, share.From = c.Service, c.Port, c.Version, c.From
	share.Endpoints = c.Of(s.Hostname)
	share.Protocol = HTTP1
	if speaksHTTP2(c.Envoy) {
		share.Protocol = HTTP2
	}
	share.Balance = balance(c.Envoy)
	if !slices.ContainsFunc(share.Endpoints, func(e Endpoint) bool { return e.Health != Draining }) {
		share.Why = "it has no endpoint that is ready: answered 503"
	}
	return share
}

// Of gives the endpoints with a hostname; all for the empty one.
func (c *Cluster) Of(hostname string) []Endpoint {
	if hostname == "" {
		return c.Endpoints
	}
	of := []Endpoint{}
	for _, e := range c.Endpoints {
		if e.Hostname == hostname {
			of = append(of, e)
		}
	}
	return of
}

// Available says whether any endpoint may take requests.
func (c *Cluster) Available() bool {
	for _, e := range c.Endpoints {
		if e.Health != Draining {
			return true
		}
	}
	return false
}

// outside is the name that servers outside are told as the host, in a cluster that Envoy resolves itself.
func (c *Cluster) outside() string {
	if c == nil {
		return ""
	}
	for _, l := range c.Envoy.GetLoadAssignment().GetEndpoints() {
		for _, e := range l.LbEndpoints {
			return e.GetEndpoint().GetHostname()
		}
	}
	return ""
}

// limit writes a time limit; where it is not set, the default.
func limit(d *durationpb.Duration, otherwise time.Duration) string {
	t := otherwise
	if d != nil {
		t = d.AsDuration()
	}
	if t == 0 {
		return "none"
	}
	return t.String()
}

func headerChanges(add []*corev3.HeaderValueOption, remove []string) []string {
	var all []string
	for _, h := range add {
		verb := "add"
		if h.AppendAction == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			verb = "set"
		}
		all = append(all, fmt.Sprintf("%s %s: %s", verb, h.Header.Key, strings.ReplaceAll(h.Header.Value, "%%", "%")))
	}
	for _, name := range remove {
		all = append(all, "remove "+name)
	}
	return all
}

func hashPolicy(p *routev3.RouteAction_HashPolicy) string {
	switch s := p.PolicySpecifier.(type) {
	case *routev3.RouteAction_HashPolicy_Header_:
		return "header " + s.Header.HeaderName
	case *routev3.RouteAction_HashPolicy_Cookie_:
		return "cookie " + s.Cookie.Name
	case *routev3.RouteAction_HashPolicy_ConnectionProperties_:
		return "address of the client"
	case *routev3.RouteAction_HashPolicy_QueryParameter_:
		return "query parameter " + s.QueryParameter.Name
	}
	return "another property of the request"
}
