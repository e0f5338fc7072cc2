package traffic

import (
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Static joins pieces, in the order that Pieces gives them, to the static resources of a
// bootstrap: an Envoy serves them without any control plane. Endpoints stand in their clusters,
// routes in their filter chains, and secrets are found by name. What belongs to a piece that is
// not among them is left out with it.
func Static(pieces []Piece) (*bootstrapv3.Bootstrap_StaticResources, error) {
	s := &assembly{
		static:   &bootstrapv3.Bootstrap_StaticResources{},
		clusters: map[string]*clusterv3.Cluster{},
		secrets:  map[string]bool{},
		tables:   map[resource.Ref]*routev3.RouteConfiguration{},
		hosts:    map[hostKey]*routev3.VirtualHost{},
		chains:   map[string][]*listenerv3.FilterChain{},
	}
	for _, p := range pieces {
		s.add(p)
	}
	for _, l := range s.listeners {
		if err := s.addListener(l); err != nil {
			return nil, err
		}
	}
	return s.static, nil
}

// hostKey tells virtual hosts apart, also those of one name in two tables.
type hostKey struct {
	key  resource.Key
	host string
}

// assembly is what Static has so far.
type assembly struct {
	static    *bootstrapv3.Bootstrap_StaticResources
	clusters  map[string]*clusterv3.Cluster
	secrets   map[string]bool
	listeners []*listenerv3.Listener
	chains    map[string][]*listenerv3.FilterChain
	tables    map[resource.Ref]*routev3.RouteConfiguration
	scopes    []*routev3.ScopedRouteConfiguration
	hosts     map[hostKey]*routev3.VirtualHost
}

func (s *assembly) add(p Piece) {
	ref := resource.Ref{Type: p.Key.Type, Name: p.Key.Name}
	switch m := p.Message.(type) {
	case *clusterv3.Cluster:
		c := proto.Clone(m).(*clusterv3.Cluster)
		if c.GetType() == clusterv3.Cluster_EDS {
			c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
			c.EdsClusterConfig = nil
			c.LoadAssignment = &endpointv3.ClusterLoadAssignment{ClusterName: c.Name}
		}
		s.clusters[c.Name] = c
		s.static.Clusters = append(s.static.Clusters, c)
	case *endpointv3.ClusterLoadAssignment:
		if c := s.clusters[m.ClusterName]; c != nil {
			c.LoadAssignment = m
		}
	case *tlsv3.Secret:
		s.secrets[m.Name] = true
		s.static.Secrets = append(s.static.Secrets, m)
	case *listenerv3.Listener:
		s.listeners = append(s.listeners, proto.Clone(m).(*listenerv3.Listener))
	case *listenerv3.FilterChain:
		s.chains[p.Key.Name] = append(s.chains[p.Key.Name], proto.Clone(m).(*listenerv3.FilterChain))
	case *routev3.RouteConfiguration:
		s.tables[ref] = proto.Clone(m).(*routev3.RouteConfiguration)
	case *routev3.ScopedRouteConfiguration:
		scope := proto.Clone(m).(*routev3.ScopedRouteConfiguration)
		s.tables[ref] = scope.RouteConfiguration
		s.scopes = append(s.scopes, scope)
	case *routev3.VirtualHost:
		if t := s.tables[ref]; t != nil {
			h := proto.Clone(m).(*routev3.VirtualHost)
			s.hosts[hostKey{p.Key, p.Host}] = h
			t.VirtualHosts = append(t.VirtualHosts, h)
		}
	case *routev3.Route:
		if h := s.hosts[hostKey{p.Key, p.Host}]; h != nil {
			h.Routes = append(h.Routes, m)
		}
	}
}

// addListener adds a listener with its filter chains; Envoy refuses one for TCP without any. A chain
// whose certificate is not there is not delivered either.
func (s *assembly) addListener(l *listenerv3.Listener) error {
	for _, c := range s.chains[l.Name] {
		complete := true
		err := walk(c, func(m proto.Message) error {
			switch m := m.(type) {
			case *tlsv3.SdsSecretConfig:
				m.SdsConfig = nil // of the same name among the static ones
				complete = complete && s.secrets[m.Name]
			case *hcmv3.HttpConnectionManager:
				s.routes(m)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if complete {
			l.FilterChains = append(l.FilterChains, c)
		}
	}
	if len(l.FilterChains) > 0 || l.GetUdpListenerConfig() != nil {
		s.static.Listeners = append(s.static.Listeners, l)
	}
	return nil
}

// routes writes the routes of a connection manager into it.
func (s *assembly) routes(m *hcmv3.HttpConnectionManager) {
	switch r := m.RouteSpecifier.(type) {
	case *hcmv3.HttpConnectionManager_Rds:
		table := s.tables[resource.Ref{Type: resource.Route, Name: r.Rds.RouteConfigName}]
		if table == nil {
			table = &routev3.RouteConfiguration{Name: r.Rds.RouteConfigName}
		}
		m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: table}
	case *hcmv3.HttpConnectionManager_ScopedRoutes:
		r.ScopedRoutes.RdsConfigSource = nil
		if len(s.scopes) == 0 { // Envoy refuses an empty list
			m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{Name: r.ScopedRoutes.Name}}
			return
		}
		r.ScopedRoutes.ConfigSpecifier = &hcmv3.ScopedRoutes_ScopedRouteConfigurationsList{
			ScopedRouteConfigurationsList: &hcmv3.ScopedRouteConfigurationsList{ScopedRouteConfigurations: s.scopes},
		}
	}
}
