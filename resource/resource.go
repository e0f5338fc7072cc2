package resource

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api/objectkey"
)

// Type is an xDS resource type.
type Type uint8

// The types, in the order in which a change set is delivered (make before break).
const (
	Cluster Type = iota
	Endpoint
	Secret
	Listener
	Scope // ScopedRouteConfiguration
	Route // RouteConfiguration
	// VirtualHost is a virtual host that an Envoy asks for when a request needs it (VHDS).
	VirtualHost
	NumTypes
)

var types = [NumTypes]struct{ url, short string }{
	Cluster:     {"type.googleapis.com/envoy.config.cluster.v3.Cluster", "cluster"},
	Endpoint:    {"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "endpoint"},
	Secret:      {"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "secret"},
	Listener:    {"type.googleapis.com/envoy.config.listener.v3.Listener", "listener"},
	Scope:       {"type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration", "scope"},
	Route:       {"type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "route"},
	VirtualHost: {"type.googleapis.com/envoy.config.route.v3.VirtualHost", "virtualhost"},
}

// URL is the Protobuf type URL, as it stands in discovery requests.
func (t Type) URL() string { return types[t].url }

// String is a short name for people: cluster, endpoint, secret, listener, scope, route,
// virtualhost.
func (t Type) String() string { return types[t].short }

// TypeByURL finds a type by its URL.
func TypeByURL(url string) (Type, bool) {
	for t := range NumTypes {
		if types[t].url == url {
			return t, true
		}
	}
	return 0, false
}

// Audience says which Envoys see a resource. The names that Envoy sees do not carry it.
// Where several audiences hold the same name, the narrowest that an Envoy belongs to wins:
// proxyless before node before zone before fleet before all.
type Audience struct {
	Scope AudienceScope
	Name  string // of the fleet (also of Proxyless), zone or node; empty for everyone
}

// AudienceScope is the width of an audience, from wide to narrow.
type AudienceScope uint8

// The audience scopes.
const (
	AllEnvoys AudienceScope = iota
	Fleet
	Zone
	Node
	// Proxyless are the gRPC clients of one fleet that have no Envoy before them. They see what
	// the Envoys of the fleet see, too; Envoys see nothing of theirs.
	Proxyless
)

// Everyone is the audience of all Envoys.
var Everyone = Audience{}

// OfFleet is the audience of one fleet (an Envoy's node.cluster).
func OfFleet(name string) Audience { return Audience{Fleet, name} }

// OfProxyless is the audience of the gRPC clients of one fleet.
func OfProxyless(fleet string) Audience { return Audience{Proxyless, fleet} }

// Key names one part of a resource; Part is empty for its head. A resource without
// parts is just a head.
type Key struct {
	Type     Type
	Audience Audience
	Name     string
	Part     string
}

// Compare orders keys by type, audience, name and part.
func (k Key) Compare(o Key) int {
	return cmp.Or(
		cmp.Compare(k.Type, o.Type),
		cmp.Compare(k.Audience.Scope, o.Audience.Scope),
		cmp.Compare(k.Audience.Name, o.Audience.Name),
		cmp.Compare(k.Name, o.Name),
		cmp.Compare(k.Part, o.Part),
	)
}

// All is the name, in a Ref, of all resources of the type: a wildcard subscription.
const All = "*"

// Ref names another resource.
type Ref struct {
	Type Type
	Name string
}

// ClusterRef is a cluster that a part sends traffic to. Envoy does not fetch it by
// itself: a part is delivered to an Envoy when all clusters it names are warm there, and
// a cluster is taken away when nothing that the Envoy has acknowledged names it.
type ClusterRef struct {
	Name string
	// Healthy asks for more than warm before traffic goes there for the first time: at
	// least one endpoint that has passed the cluster's active health check on that Envoy.
	Healthy bool
}

// Output is the encoded content under a Key. It is immutable.
type Output struct {
	// Bytes is a message of the resource's type, marshalled deterministically: for a head,
	// the resource without its parts; for a part, a message with nothing but the part (for
	// example a RouteConfiguration with one virtual host). Parsers merge messages that are
	// laid end to end, so the whole resource is head and parts in the order of their keys.
	Bytes []byte
	// Clusters are the clusters that this head or part has traffic sent to.
	Clusters []ClusterRef
	// Fetches are the resources that Envoy asks for by itself once it has this one: the
	// endpoints of a cluster, the routes and secrets of a listener. Nothing is delivered
	// before the store has what it names.
	Fetches []Ref
	// Fallback stands in for a part that cannot be delivered and never was, in the form of
	// Bytes: a virtual host that answers 503. Nil leaves the part out.
	Fallback []byte
	// Invalid marks content that failed its generated validation: it is never delivered;
	// every Envoy keeps the last good version that it has.
	Invalid bool
	// HealthChecked is set on clusters with active health checks: they are warm at the CDS
	// acknowledgement, not at that of their endpoints.
	HealthChecked bool
	// Drain is how long a cluster is kept on an Envoy after nothing there names it any more,
	// for requests that are still running. With active health checks it is also how long at most
	// endpoints that are replaced may serve while no other is healthy.
	Drain time.Duration
	// Ready is the number of endpoints that take traffic, Total that of all that were
	// selected, ready or not (endpoints only).
	Ready, Total int
	// Sources are the objects that the content comes from, the one that called for it first.
	Sources []objectkey.Key
}

// Same says whether two outputs are the same in everything.
func (o *Output) Same(p *Output) bool {
	return bytes.Equal(o.Bytes, p.Bytes) && bytes.Equal(o.Fallback, p.Fallback) &&
		slices.Equal(o.Clusters, p.Clusters) && slices.Equal(o.Fetches, p.Fetches) &&
		slices.Equal(o.Sources, p.Sources) && o.Invalid == p.Invalid &&
		o.HealthChecked == p.HealthChecked && o.Drain == p.Drain && o.Ready == p.Ready && o.Total == p.Total
}

// Entry is an output under its key; a nil Output means that it is gone.
type Entry struct {
	Key    Key
	Output *Output
}

// ChangeSet is what one batch of changes does to the outputs. Only outputs whose content
// changed are in it.
type ChangeSet struct {
	Entries []Entry
}

// Sorted gives the change set with its entries sorted by key; those with the same key stay in
// their order.
func (c ChangeSet) Sorted() ChangeSet {
	byKey := func(a, b Entry) int { return a.Key.Compare(b.Key) }
	if slices.IsSortedFunc(c.Entries, byKey) {
		return c
	}
	c.Entries = slices.Clone(c.Entries)
	slices.SortStableFunc(c.Entries, byKey)
	return c
}

// Merge gives what several change sets, one after the other, come to.
func Merge(sets ...ChangeSet) ChangeSet {
	if len(sets) == 1 {
		return sets[0]
	}
	last := map[Key]*Output{}
	for _, set := range sets {
		for _, e := range set.Entries {
			last[e.Key] = e.Output
		}
	}
	merged := ChangeSet{Entries: make([]Entry, 0, len(last))}
	for k, o := range last {
		merged.Entries = append(merged.Entries, Entry{k, o})
	}
	return merged.Sorted()
}
