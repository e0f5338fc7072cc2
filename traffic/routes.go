package traffic

// RouteView is a route where it stands, with what becomes of requests that take it.
type RouteView struct {
	Listener *Listener
	Chain    *Chain
	Host     *Host
	Route    *Route
	Match    string
	// Outcome is that of a request for a path that the route takes.
	Outcome Outcome
}

// EachRoute calls f with every route that requests to Gateways may take, in the order of listeners,
// filter chains, hosts and routes. Of all is set, those of Services by their own names are among them.
func (m *Model) EachRoute(all bool, f func(RouteView)) {
	for _, l := range m.Listeners {
		for _, c := range l.Chains {
			if c.Scoped && !all {
				continue
			}
			for _, key := range union(tableKeys(c)) {
				for _, h := range c.Tables[key].Hosts {
					for _, r := range h.Routes {
						f(m.view(l, c, h, r))
					}
				}
			}
		}
	}
}

func (m *Model) view(l *Listener, c *Chain, h *Host, r *Route) RouteView {
	q := Request{Method: "GET", Scheme: "http", Protocol: HTTP1, Client: unknownClient, Path: "/", Listener: l.Name, Port: l.Port}
	if c.TLS {
		q.Scheme = "https"
	}
	if len(h.Domains) > 0 {
		q.Authority = instance(h.Domains[0])
	}
	if paths := pathsOf(r.Envoy.Match); len(paths) > 0 {
		q.Path = paths[0]
	}
	w := &flow{model: m, request: q, listener: l, chain: c, host: h, path: q.Path, authority: q.Authority, explanation: &Explanation{Request: q}}
	w.take(r, 1)
	return RouteView{Listener: l, Chain: c, Host: h, Route: r, Match: describeMatch(r.Envoy.Match), Outcome: w.explanation.Outcomes[0]}
}
