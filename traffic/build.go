package traffic

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	compositev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/composite/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Build makes the model of one Envoy. It fails only when something that was translated cannot
// be decoded.
func Build(t *Translation, of Viewer) (*Model, error) {
	b := &builder{t: t, tables: map[resource.Ref]*Table{}, endpoints: map[string]*endpointv3.ClusterLoadAssignment{}}
	b.model = &Model{Viewer: of, Clusters: map[string]*Cluster{}}
	entries := t.Entries(of)
	for _, e := range entries {
		if err := b.add(e); err != nil {
			return nil, fmt.Errorf("decode the %s %s: %w", e.Key.Type, e.Key.Name, err)
		}
	}
	b.connect()
	return b.model, nil
}

type builder struct {
	t         *Translation
	model     *Model
	tables    map[resource.Ref]*Table
	scopes    []scope
	endpoints map[string]*endpointv3.ClusterLoadAssignment
}

// scope is a table with the key that it is found by.
type scope struct {
	key   string
	table *Table
}

// add takes in one output. Heads come before their parts.
func (b *builder) add(e resource.Entry) error {
	from := b.t.From(e.Key)
	switch e.Key.Type {
	case resource.Cluster:
		c := &clusterv3.Cluster{}
		if err := proto.Unmarshal(e.Output.Bytes, c); err != nil {
			return err
		}
		b.model.Clusters[c.Name] = newCluster(c, from)
	case resource.Endpoint:
		a := &endpointv3.ClusterLoadAssignment{}
		if err := proto.Unmarshal(e.Output.Bytes, a); err != nil {
			return err
		}
		b.endpoints[a.ClusterName] = a
	case resource.Listener:
		return b.addListener(e, from)
	case resource.Scope:
		s := &routev3.ScopedRouteConfiguration{}
		if err := proto.Unmarshal(e.Output.Bytes, s); err != nil {
			return err
		}
		b.addTable(e.Key, s.RouteConfiguration, from)
		if e.Key.Part == "" {
			key := s.GetKey().GetFragments()
			b.scopes = append(b.scopes, scope{joinKey(key[0].GetStringKey(), key[1].GetStringKey()), b.tables[resource.Ref{Type: e.Key.Type, Name: e.Key.Name}]})
		}
	case resource.Route:
		c := &routev3.RouteConfiguration{}
		if err := proto.Unmarshal(e.Output.Bytes, c); err != nil {
			return err
		}
		b.addTable(e.Key, c, from)
	}
	return nil
}

// addTable takes in the head of a route configuration, or a part of it.
func (b *builder) addTable(k resource.Key, c *routev3.RouteConfiguration, from []Origin) {
	ref := resource.Ref{Type: k.Type, Name: k.Name}
	if k.Part == "" {
		b.tables[ref] = &Table{Name: k.Name, From: from, Envoy: c}
		return
	}
	table := b.tables[ref]
	if table == nil {
		return // a part without a head is not sent
	}
	origins := b.t.RouteFrom(k)
	for _, h := range c.GetVirtualHosts() {
		host := &Host{Name: h.Name, Domains: h.Domains, From: from, Envoy: h}
		routes := h.Routes
		h.Name, h.Domains, h.Routes = "", nil, nil
		for i, r := range routes {
			route := &Route{Index: i, Envoy: r, Action: newAction(r)}
			switch {
			case len(origins) > 0:
				route.From, origins = origins[0], origins[1:]
			case len(from) > 0:
				route.From = from[0]
			}
			host.Routes = append(host.Routes, route)
		}
		table.Hosts = append(table.Hosts, host)
	}
}

func (b *builder) addListener(e resource.Entry, from []Origin) error {
	l := &listenerv3.Listener{}
	if err := proto.Unmarshal(e.Output.Bytes, l); err != nil {
		return err
	}
	if l.GetUdpListenerConfig() != nil {
		return nil // no request comes this way
	}
	if e.Key.Part == "" {
		address := l.GetAddress().GetSocketAddress()
		listener := &Listener{Name: l.Name, Address: address.GetAddress(), Port: address.GetPortValue(), From: from, Envoy: l}
		for _, f := range l.ListenerFilters {
			listener.TLS = listener.TLS || f.Name == "envoy.filters.listener.tls_inspector"
		}
		b.model.Listeners = append(b.model.Listeners, listener)
		return nil
	}
	n := len(b.model.Listeners)
	if n == 0 || b.model.Listeners[n-1].Name != e.Key.Name {
		return nil
	}
	for _, c := range l.FilterChains {
		chain, err := newChain(c, from)
		if err != nil {
			return err
		}
		b.model.Listeners[n-1].Chains = append(b.model.Listeners[n-1].Chains, chain)
	}
	return nil
}

// newChain decodes a filter chain. One without an HTTP connection manager has no Manager.
func newChain(c *listenerv3.FilterChain, from []Origin) (*Chain, error) {
	chain := &Chain{Name: c.Name, ServerNames: c.GetFilterChainMatch().GetServerNames(), From: from, Tables: map[string]*Table{}, Envoy: c}
	for _, f := range c.Filters {
		m := &hcmv3.HttpConnectionManager{}
		if !f.GetTypedConfig().MessageIs(m) {
			continue
		}
		if err := f.GetTypedConfig().UnmarshalTo(m); err != nil {
			return nil, err
		}
		chain.Manager = m
		if chain.Scoped = m.GetScopedRoutes() != nil; chain.Scoped {
			var err error
			if chain.scopeTemplate, err = scopeTemplate(m); err != nil {
				return nil, err
			}
		}
	}
	if c.TransportSocket == nil {
		return chain, nil
	}
	tls := &tlsv3.DownstreamTlsContext{}
	if err := c.TransportSocket.GetTypedConfig().UnmarshalTo(tls); err != nil {
		return nil, err
	}
	chain.TLS = true
	for _, s := range tls.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs() {
		chain.Certificates = append(chain.Certificates, s.Name)
	}
	return chain, nil
}

// connect joins what names each other.
func (b *builder) connect() {
	for name, c := range b.model.Clusters {
		c.Endpoints = endpointsOf(b.endpoints[name], c.HealthChecked)
		if named := c.Envoy.LoadAssignment; named != nil { // Envoy resolves the names in it
			c.Endpoints = endpointsOf(named, c.HealthChecked)
		}
		c.First, c.Then = attempts(c.Envoy, b.model.Clusters)
	}
	for _, l := range b.model.Listeners {
		for _, c := range l.Chains {
			switch {
			case c.Scoped:
				for _, s := range b.scopes {
					c.Tables[s.key] = s.table
				}
			case c.Manager.GetRds() != nil:
				if t := b.tables[resource.Ref{Type: resource.Route, Name: c.Manager.GetRds().RouteConfigName}]; t != nil {
					c.Tables[""] = t
				}
			}
		}
	}
}

func newCluster(c *clusterv3.Cluster, from []Origin) *Cluster {
	parts := strings.SplitN(c.Name, "/", 4)
	cluster := &Cluster{Name: c.Name, From: from, Envoy: c, HealthChecked: len(c.HealthChecks) > 0}
	if len(parts) >= 3 {
		cluster.Service = api.Key{Kind: api.KindService, Namespace: parts[0], Name: parts[1]}
		cluster.Port = parts[2]
	}
	if len(parts) == 4 {
		cluster.Version = v1alpha1.VersionName(parts[3])
	}
	return cluster
}

// attempts are the clusters that a composite one sends the first attempt and the others to; nil for any
// other.
func attempts(c *clusterv3.Cluster, all map[string]*Cluster) (first, then *Cluster) {
	composite := &compositev3.ClusterConfig{}
	if config := c.GetClusterType().GetTypedConfig(); !config.MessageIs(composite) || config.UnmarshalTo(composite) != nil {
		return nil, nil
	}
	if len(composite.Clusters) > 0 {
		first = all[composite.Clusters[0].Name]
	}
	if len(composite.Clusters) > 1 {
		then = all[composite.Clusters[1].Name]
	}
	return first, then
}

func endpointsOf(a *endpointv3.ClusterLoadAssignment, checked bool) []Endpoint {
	all := []Endpoint{}
	for _, l := range a.GetEndpoints() {
		for _, e := range l.LbEndpoints {
			socket := e.GetEndpoint().GetAddress().GetSocketAddress()
			endpoint := Endpoint{
				Address:  net.JoinHostPort(socket.GetAddress(), strconv.Itoa(int(socket.GetPortValue()))),
				Zone:     l.GetLocality().GetZone(),
				Health:   Healthy,
				Hostname: hostname(e.Metadata),
			}
			switch {
			case e.HealthStatus == corev3.HealthStatus_DRAINING:
				endpoint.Health = Draining
			case checked && !e.GetEndpoint().GetHealthCheckConfig().GetDisableActiveHealthCheck():
				endpoint.Health = Checked
			}
			all = append(all, endpoint)
		}
	}
	return all
}

// hostname is what endpoints of a headless Service are told apart by.
func hostname(m *corev3.Metadata) string {
	return m.GetFilterMetadata()["envoy.lb"].GetFields()["hostname"].GetStringValue()
}

func newAction(r *routev3.Route) Action {
	switch a := r.Action.(type) {
	case *routev3.Route_Redirect:
		return Action{Kind: Redirect, Status: redirectStatus[a.Redirect.ResponseCode]}
	case *routev3.Route_DirectResponse:
		return Action{Kind: Answer, Status: a.DirectResponse.Status}
	case *routev3.Route_Route:
		action := Action{Kind: Forward, Splits: splits(a.Route)}
		for _, m := range a.Route.RequestMirrorPolicies {
			action.Mirrors = append(action.Mirrors, m.Cluster)
		}
		return action
	}
	return Action{}
}

var redirectStatus = map[routev3.RedirectAction_RedirectResponseCode]uint32{
	routev3.RedirectAction_MOVED_PERMANENTLY:  301,
	routev3.RedirectAction_FOUND:              302,
	routev3.RedirectAction_SEE_OTHER:          303,
	routev3.RedirectAction_TEMPORARY_REDIRECT: 307,
	routev3.RedirectAction_PERMANENT_REDIRECT: 308,
}

func splits(a *routev3.RouteAction) []Split {
	if c := a.GetCluster(); c != "" {
		return []Split{{Cluster: c, Weight: 1, Share: 1, Hostname: hostname(a.MetadataMatch)}}
	}
	var all []Split
	total := 0.0
	for _, w := range a.GetWeightedClusters().GetClusters() {
		total += float64(w.GetWeight().GetValue())
	}
	for _, w := range a.GetWeightedClusters().GetClusters() {
		weight := w.GetWeight().GetValue()
		all = append(all, Split{Cluster: w.Name, Weight: weight, Share: float64(weight) / total, Envoy: w})
	}
	return all
}

// Listener gives the listener with a name, or nil.
func (m *Model) Listener(name string) *Listener {
	i := slices.IndexFunc(m.Listeners, func(l *Listener) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return m.Listeners[i]
}
