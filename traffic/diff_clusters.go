package traffic

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
)

// ClusterChange is about a cluster that both sides have: its endpoints, or how they are used. It
// concerns all requests that go there.
type ClusterChange struct {
	Cluster string `json:"cluster"`
	Label   string `json:"label"` // a short name for people
	// Added and Removed are endpoints; Moved are those whose health or zone is said to be another one.
	Added   []Endpoint `json:"added,omitempty"`
	Removed []Endpoint `json:"removed,omitempty"`
	Moved   []Endpoint `json:"moved,omitempty"` // as they are now
	Was     int        `json:"was"`             // endpoints that take requests
	Now     int        `json:"now"`
	Aspects []Aspect   `json:"changes,omitempty"`
	// Hosts are domains whose requests may go there, without the names that every Service has.
	Hosts []string `json:"hosts,omitempty"`
	From  []Origin `json:"from,omitempty"`
}

// clusters compares the clusters that both sides have. One that comes or goes shows in the routes that
// lead to it.
func (d *differ) clusters() {
	var used map[string][]string
	for _, name := range slices.Sorted(maps.Keys(d.now.Clusters)) {
		b := d.now.Clusters[name]
		a := d.was.Clusters[name]
		if a == nil {
			continue
		}
		c := ClusterChange{Cluster: name, Label: clusterLabel(b), Was: a.Ready(), Now: b.Ready(), From: b.From}
		c.endpoints(a, b)
		c.Aspects = diffClusterSettings(a, b)
		if len(c.Added)+len(c.Removed)+len(c.Moved)+len(c.Aspects) == 0 {
			continue
		}
		if used == nil {
			used = d.now.usedBy()
		}
		c.Hosts = used[name]
		d.found.Clusters = append(d.found.Clusters, c)
	}
}

// Ready is how many endpoints take requests.
func (c *Cluster) Ready() int {
	n := 0
	for _, e := range c.Endpoints {
		if e.Health != Draining {
			n++
		}
	}
	return n
}

func (c *ClusterChange) endpoints(a, b *Cluster) {
	was, now := map[string]Endpoint{}, map[string]Endpoint{}
	for _, e := range a.Endpoints {
		was[e.Address] = e
	}
	for _, e := range b.Endpoints {
		now[e.Address] = e
		if old, ok := was[e.Address]; !ok {
			c.Added = append(c.Added, e)
		} else if old != e {
			c.Moved = append(c.Moved, e)
		}
	}
	for _, e := range a.Endpoints {
		if _, ok := now[e.Address]; !ok {
			c.Removed = append(c.Removed, e)
		}
	}
	for _, list := range [][]Endpoint{c.Added, c.Removed, c.Moved} {
		slices.SortFunc(list, func(a, b Endpoint) int { return cmp.Compare(a.Address, b.Address) })
	}
}

// diffClusterSettings compares how a cluster uses its endpoints.
func diffClusterSettings(a, b *Cluster) []Aspect {
	if proto.Equal(a.Envoy, b.Envoy) {
		return nil
	}
	x, y := proto.Clone(a.Envoy).(*clusterv3.Cluster), proto.Clone(b.Envoy).(*clusterv3.Cluster)
	var all []Aspect
	add := func(what, was, now string) {
		if was != now {
			all = append(all, Aspect{what, was, now})
		}
	}
	add("load balancing", balance(x), balance(y))
	add("protocol towards endpoints", protocol(x), protocol(y))
	add("health checks by Envoy", healthChecks(x), healthChecks(y))
	add("TLS towards endpoints", serverName(x), serverName(y))
	add("connect timeout", limit(x.ConnectTimeout, 0), limit(y.ConnectTimeout, 0))
	add("an endpoint is left out", outliers(x), outliers(y))
	add("limits", breakers(x), breakers(y))
	if len(all) == 0 {
		return []Aspect{{"settings of the cluster", unnamedWas, unnamedNow}}
	}
	return all
}

// balance names the load balancer: the first of a policy's is the one that Envoy takes.
func balance(c *clusterv3.Cluster) string {
	if p := c.LoadBalancingPolicy.GetPolicies(); len(p) > 0 {
		name := p[0].TypedExtensionConfig.GetName()
		return strings.ReplaceAll(name[strings.LastIndex(name, ".")+1:], "_", " ")
	}
	return strings.ToLower(strings.ReplaceAll(clusterv3.Cluster_LbPolicy_name[int32(c.LbPolicy)], "_", " "))
}

func protocol(c *clusterv3.Cluster) string {
	if speaksHTTP2(c) {
		return HTTP2
	}
	return HTTP1
}

// serverName is how TLS towards the endpoints names them; empty without TLS.
func serverName(c *clusterv3.Cluster) string {
	tls := &tlsv3.UpstreamTlsContext{}
	if config := c.GetTransportSocket().GetTypedConfig(); config == nil || config.UnmarshalTo(tls) != nil {
		return ""
	}
	return "as " + tls.Sni
}

func healthChecks(c *clusterv3.Cluster) string {
	var all []string
	for _, h := range c.HealthChecks {
		what := "TCP"
		switch {
		case h.GetHttpHealthCheck() != nil:
			what = "GET " + h.GetHttpHealthCheck().Path
		case h.GetGrpcHealthCheck() != nil:
			what = "gRPC"
		}
		all = append(all, fmt.Sprintf("%s every %s within %s", what, limit(h.Interval, 0), limit(h.Timeout, 0)))
	}
	return strings.Join(all, ", ")
}

// usedBy gives for each cluster the domains of Gateways whose requests may go there, sorted.
func (m *Model) usedBy() map[string][]string {
	used := map[string][]string{}
	for _, l := range m.Listeners {
		for _, c := range l.Chains {
			if c.Scoped {
				continue
			}
			for _, t := range c.Tables {
				for _, h := range t.Hosts {
					for _, r := range h.Routes {
						for _, s := range r.Action.Splits {
							used[s.Cluster] = append(used[s.Cluster], h.Domains...)
						}
					}
				}
			}
		}
	}
	for name := range used {
		used[name] = union(used[name])
	}
	return used
}
