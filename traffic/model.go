package traffic

import (
	"cmp"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
)

// Model is what one Envoy does with requests. It is not changed once it is built, and may be
// used by many goroutines.
type Model struct {
	Viewer    Viewer
	Listeners []*Listener         // sorted by name
	Clusters  map[string]*Cluster // by name

	regexes regexes
}

// Viewer says which Envoy a model is of; zone and node may be empty.
type Viewer struct {
	Fleet string `json:"fleet"`
	Zone  string `json:"zone,omitempty"`
	Node  string `json:"node,omitempty"`
}

// sees says whether an audience is the viewer's, and how narrow it is.
func (v Viewer) sees(a resource.Audience) bool {
	switch a.Scope {
	case resource.AllEnvoys:
		return true
	case resource.Fleet:
		return a.Name == v.Fleet
	case resource.Zone:
		return v.Zone != "" && a.Name == v.Zone
	case resource.Node:
		return v.Node != "" && a.Name == v.Node
	}
	return false
}

// Origin is a field of an object that something comes from.
type Origin struct {
	Object   api.Key      `json:"object"`
	Path     string       `json:"path,omitempty"`
	Position api.Position `json:"position,omitzero"` // filled in by who knows files
}

// Listener is an address and port that Envoy listens on.
type Listener struct {
	Name    string // "0.0.0.0:80"
	Address string
	Port    uint32
	TLS     bool // it looks for the server name that a client asks for
	Chains  []*Chain
	From    []Origin
	Envoy   *listenerv3.Listener
}

// Chain is a filter chain: what happens on a connection.
type Chain struct {
	Name         string
	ServerNames  []string // that clients ask for (SNI); empty: all others
	TLS          bool
	Certificates []string // names of secrets
	// Scoped is set when Tables are scopes, found by the first two labels of the host. Otherwise
	// there is one table, or none when nothing could be translated.
	Scoped  bool
	Tables  map[string]*Table // by scope key, or under ""
	From    []Origin
	Manager *hcmv3.HttpConnectionManager
	Envoy   *listenerv3.FilterChain

	scopeTemplate string
}

// Table is a route configuration, or a scope.
type Table struct {
	Name  string
	Hosts []*Host // sorted by name of part
	From  []Origin
	Envoy *routev3.RouteConfiguration // without its virtual hosts
}

// Host is a virtual host.
type Host struct {
	Name    string
	Domains []string
	Routes  []*Route // in Envoy's order
	From    []Origin
	Envoy   *routev3.VirtualHost // without name, domains and routes
}

// Route is an entry of a virtual host.
type Route struct {
	Index  int // in the host
	Action Action
	From   Origin
	Envoy  *routev3.Route
}

// ActionKind is what a route does.
type ActionKind string

// The kinds of actions.
const (
	Forward  ActionKind = "forward"
	Redirect ActionKind = "redirect"
	Answer   ActionKind = "answer" // by Envoy itself
)

// Action is what a route does with the requests that take it.
type Action struct {
	Kind    ActionKind
	Status  uint32   // of a Redirect or an Answer
	Splits  []Split  // of a Forward; the shares sum to 1
	Mirrors []string // clusters that get copies
}

// Split is a cluster's share of the requests of a route.
type Split struct {
	Cluster string
	Weight  uint32
	Share   float64
	Envoy   *routev3.WeightedCluster_ClusterWeight // nil where there is a single cluster
	// Hostname is that of the only endpoints that are meant; empty: all.
	Hostname string
}

// Cluster is where requests are sent to: a Service port, or a version of it.
type Cluster struct {
	Name string
	// Service, Port and Version are read from the name.
	Service api.Key
	Port    string
	Version string // of a Rollout; empty without one
	// HealthChecked is set when Envoy checks the endpoints itself.
	HealthChecked bool
	Endpoints     []Endpoint
	From          []Origin
	Envoy         *clusterv3.Cluster
	// First and Then are set on a cluster without endpoints of its own: where it sends the first attempt of
	// a request, and the others.
	First, Then *Cluster
}

// Endpoint is an address that requests are sent to.
type Endpoint struct {
	Address string `json:"address"` // ip:port
	Zone    string `json:"zone,omitempty"`
	// Health is healthy or draining as the objects say; checked: Envoy finds out itself.
	Health string `json:"health"`
	// Hostname is what requests for this endpoint alone are told apart by, in a cluster that is divided so.
	Hostname string `json:"hostname,omitempty"`
}

// The health of endpoints.
const (
	Healthy  = "healthy"
	Draining = "draining"
	Checked  = "checked by Envoy"
)

// Translation is everything that was translated. It is immutable.
type Translation struct {
	entries []resource.Entry // sorted by key
	origins map[resource.Key]translator.Origins
}

// Snapshot takes what a translator has now. Only the goroutine that owns the translator may
// call it; the result belongs to nobody.
func Snapshot(t *translator.Translator) *Translation {
	s := &Translation{origins: map[resource.Key]translator.Origins{}}
	t.Outputs(func(k resource.Key, o *resource.Output) {
		s.entries = append(s.entries, resource.Entry{Key: k, Output: o})
	})
	t.Origins(func(k resource.Key, o translator.Origins) { s.origins[k] = o })
	slices.SortFunc(s.entries, func(a, b resource.Entry) int { return a.Key.Compare(b.Key) })
	return s
}

// Entries gives what a viewer's Envoy would be sent, sorted by type, name and part: of several
// audiences the narrowest. What is invalid is left out, as nobody is sent it.
func (s *Translation) Entries(of Viewer) []resource.Entry {
	var seen []resource.Entry
	for _, e := range s.entries {
		if of.sees(e.Key.Audience) && !e.Output.Invalid {
			seen = append(seen, e)
		}
	}
	slices.SortFunc(seen, func(a, b resource.Entry) int {
		return cmp.Or(cmp.Compare(a.Key.Type, b.Key.Type), cmp.Compare(a.Key.Name, b.Key.Name), cmp.Compare(a.Key.Part, b.Key.Part),
			cmp.Compare(b.Key.Audience.Scope, a.Key.Audience.Scope))
	})
	return slices.CompactFunc(seen, func(a, b resource.Entry) bool {
		return a.Key.Type == b.Key.Type && a.Key.Name == b.Key.Name && a.Key.Part == b.Key.Part
	})
}

// Fleets gives the names of the fleets that anything was translated for, sorted.
func (s *Translation) Fleets() []string {
	var all []string
	for _, e := range s.entries {
		if a := e.Key.Audience; a.Scope == resource.Fleet {
			all = append(all, a.Name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// From gives the fields that a resource, or a part of one, comes from.
func (s *Translation) From(k resource.Key) []Origin {
	return fields(s.origins[k].Of)
}

// RouteFrom gives the fields that the routes in a part come from, all virtual hosts of the
// part one after the other; empty where the part itself has to do.
func (s *Translation) RouteFrom(k resource.Key) []Origin {
	return fields(s.origins[k].Routes)
}

func fields(of []translator.Origin) []Origin {
	var all []Origin
	for _, o := range of {
		all = append(all, Origin{Object: o.Object, Path: o.Path})
	}
	return all
}
