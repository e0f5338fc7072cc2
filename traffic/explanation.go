package traffic

import "github.com/gateway-cp/gateway-cp/api"

// Explanation says which way a request takes, step by step. A step that was not reached is nil
// or empty.
type Explanation struct {
	Request  Request       `json:"request"` // as it was sent
	Viewer   Viewer        `json:"envoy"`
	Listener *ListenerStep `json:"listener,omitempty"`
	Chain    *ChainStep    `json:"filterChain,omitempty"`
	// Changes are what Envoy makes of the request before it looks for a route.
	Changes []Change    `json:"changes,omitempty"`
	Host    *HostStep   `json:"virtualHost,omitempty"`
	Routes  []RouteStep `json:"routes,omitempty"` // those considered, in Envoy's order
	// Outcomes are what becomes of the request; their shares sum to 1. There are several only
	// where a part of the requests is answered in another way.
	Outcomes []Outcome `json:"outcomes"`
	// Nearest are the nearest misses, when nothing matched.
	Nearest []Miss `json:"nearest,omitempty"`
	// Notes are what else is worth knowing.
	Notes []string `json:"notes,omitempty"`
}

// ListenerStep is the listener that the connection comes in at.
type ListenerStep struct {
	Name string   `json:"name"`
	From []Origin `json:"from,omitempty"`
}

// ChainStep is the filter chain that the connection gets.
type ChainStep struct {
	Name         string   `json:"name"`
	TLS          bool     `json:"tls"`
	ServerNames  []string `json:"serverNames,omitempty"`
	Certificates []string `json:"certificates,omitempty"` // Secrets, namespace/name
	Filters      []string `json:"httpFilters,omitempty"`
	Why          string   `json:"why"`
	From         []Origin `json:"from,omitempty"`
}

// Change is something that Envoy changes in the request before it looks for a route.
type Change struct {
	What string `json:"what"` // path, host, header NAME
	Was  string `json:"was"`
	Is   string `json:"is"`
	Why  string `json:"why"`
}

// HostStep is the virtual host that the host of the request selects.
type HostStep struct {
	Name   string   `json:"name"`
	Table  string   `json:"routeConfiguration"`
	Scoped bool     `json:"scoped,omitempty"` // the table was found by the first two labels of the host
	Domain string   `json:"domain"`           // the one that matched
	Why    string   `json:"why"`
	From   []Origin `json:"from,omitempty"`
}

// RouteStep is a route that was considered.
type RouteStep struct {
	Index   int      `json:"index"`
	Match   string   `json:"match"` // what it asks for
	Matched bool     `json:"matched"`
	Misses  []string `json:"misses,omitempty"` // everything about the request that does not fit
	// Share of the requests that it takes, where it takes only a part of those that match.
	Share float64 `json:"share,omitempty"`
	From  Origin  `json:"from"`
}

// OutcomeKind is what becomes of a request.
type OutcomeKind string

// The kinds of outcomes, beside those of actions.
const (
	Close OutcomeKind = "close" // the connection, without an answer
	Reset OutcomeKind = "reset" // of the stream (HTTP/2)
)

// Outcome is what becomes of (a share of) the request.
type Outcome struct {
	Share    float64     `json:"share"`
	Kind     OutcomeKind `json:"kind"`
	Status   uint32      `json:"status,omitempty"` // of what is not forwarded
	Location string      `json:"location,omitempty"`
	Why      string      `json:"why,omitempty"`
	// Route is the index of the route that was taken; -1 when none was.
	Route   int         `json:"route"`
	From    *Origin     `json:"from,omitempty"`
	Forward *Forwarding `json:"forward,omitempty"`
}

// Forwarding says how a request goes on to a backend.
type Forwarding struct {
	Clusters  []ClusterShare `json:"clusters"`
	Authority string         `json:"authority"` // as the backend gets it
	Path      string         `json:"path"`      // as the backend gets it
	// Rewrites say in words what was changed in the two.
	Rewrites        []string `json:"rewrites,omitempty"`
	RequestHeaders  []string `json:"requestHeaders,omitempty"`
	ResponseHeaders []string `json:"responseHeaders,omitempty"`
	// The times are as Go writes them; "none" is no limit.
	Timeout       string   `json:"timeout"`
	PerTryTimeout string   `json:"perTryTimeout"`
	IdleTimeout   string   `json:"idleTimeout"`
	Attempts      int      `json:"attempts"`
	RetryOn       string   `json:"retryOn,omitempty"`
	HashPolicy    []string `json:"hashPolicy,omitempty"`
	Session       string   `json:"session,omitempty"` // what keeps a client at its endpoint
	Mirrors       []string `json:"mirrors,omitempty"`
	Upgrade       string   `json:"upgrade,omitempty"`
}

// ClusterShare is a cluster that gets a share of what is forwarded.
type ClusterShare struct {
	Name     string  `json:"name"`
	Share    float64 `json:"share"`
	Service  api.Key `json:"service,omitzero"`
	Port     string  `json:"port,omitempty"`
	Version  string  `json:"version,omitempty"`
	Protocol string  `json:"protocol,omitempty"` // towards the endpoints
	Balance  string  `json:"balance,omitempty"`
	// Endpoints that take requests, and those that drain.
	Endpoints []Endpoint `json:"endpoints"`
	// Rescue is the version that GET, HEAD and OPTIONS are sent to when this one has failed them: of a
	// canary, the stable version.
	Rescue string `json:"rescue,omitempty"`
	// Why requests to it fail; empty when they do not have to.
	Why            string   `json:"why,omitempty"`
	RequestHeaders []string `json:"requestHeaders,omitempty"`
	ResponseHeader []string `json:"responseHeaders,omitempty"`
	From           []Origin `json:"from,omitempty"`
}

// Miss is something that would have matched, had the request been a little different.
type Miss struct {
	What string `json:"what"`
	From Origin `json:"from"`
}

// EachOrigin calls f with every origin in the explanation, so that positions can be filled in.
func (e *Explanation) EachOrigin(f func(*Origin)) {
	all := func(list []Origin) {
		for i := range list {
			f(&list[i])
		}
	}
	if e.Listener != nil {
		all(e.Listener.From)
	}
	if e.Chain != nil {
		all(e.Chain.From)
	}
	if e.Host != nil {
		all(e.Host.From)
	}
	for i := range e.Routes {
		f(&e.Routes[i].From)
	}
	for i := range e.Outcomes {
		if e.Outcomes[i].From != nil {
			f(e.Outcomes[i].From)
		}
		if fw := e.Outcomes[i].Forward; fw != nil {
			for j := range fw.Clusters {
				all(fw.Clusters[j].From)
			}
		}
	}
	for i := range e.Nearest {
		f(&e.Nearest[i].From)
	}
}
