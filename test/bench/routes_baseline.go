package main

import (
	"errors"
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gateway-cp/gateway-cp/resource"
)

// oneTable is the RouteConfiguration that has every virtual host, as a control plane serves them
// that does not cut routes.
const oneTable = "all"

// inOneTable moves the virtual hosts of all scopes into one RouteConfiguration, and has the
// listener take its routes from there, with no filter but the router. The rest stays as it is.
func inOneTable(set resource.ChangeSet) (resource.ChangeSet, error) {
	var out resource.ChangeSet
	for _, e := range set.Entries {
		switch {
		case e.Key.Type == resource.Scope && e.Key.Part == "":
			continue
		case e.Key.Type == resource.Scope:
			moved, err := hostsOf(e)
			if err != nil {
				return out, err
			}
			out.Entries = append(out.Entries, moved)
		case e.Key.Type == resource.Listener && e.Key.Part != "":
			chain, head, err := withOneTable(e)
			if err != nil {
				return out, err
			}
			out.Entries = append(out.Entries, chain, head)
		default:
			out.Entries = append(out.Entries, e)
		}
	}
	slices.SortFunc(out.Entries, func(a, b resource.Entry) int { return a.Key.Compare(b.Key) })
	return out, nil
}

// hostsOf takes the virtual hosts of a part of a scope out of the scope: of a part of
// ScopedRouteConfiguration its route_configuration is left.
func hostsOf(e resource.Entry) (resource.Entry, error) {
	out := *e.Output
	for _, b := range []*[]byte{&out.Bytes, &out.Fallback} {
		var inner []byte
		for rest := *b; len(rest) > 0; {
			_, _, n := protowire.ConsumeTag(rest)
			if n < 0 {
				return e, protowire.ParseError(n)
			}
			value, m := protowire.ConsumeBytes(rest[n:])
			if m < 0 {
				return e, protowire.ParseError(m)
			}
			inner, rest = append(inner, value...), rest[n+m:]
		}
		*b = inner
	}
	key := resource.Key{Type: resource.Route, Audience: e.Key.Audience, Name: oneTable, Part: e.Key.Name + "/" + e.Key.Part}
	return resource.Entry{Key: key, Output: &out}, nil
}

// withOneTable has a filter chain take its routes from the one RouteConfiguration, and gives the
// head of that.
func withOneTable(e resource.Entry) (chain, head resource.Entry, err error) {
	l := &listenerv3.Listener{}
	if err := proto.Unmarshal(e.Output.Bytes, l); err != nil {
		return chain, head, err
	}
	for _, f := range l.GetFilterChains()[0].Filters {
		m := &hcmv3.HttpConnectionManager{}
		if err := f.GetTypedConfig().UnmarshalTo(m); err != nil {
			return chain, head, err
		}
		if m.GetScopedRoutes() == nil {
			return chain, head, errors.New("a connection manager without scopes")
		}
		m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			ConfigSource: m.GetScopedRoutes().RdsConfigSource, RouteConfigName: oneTable,
		}}
		m.EarlyHeaderMutationExtensions = nil
		m.HttpFilters = m.HttpFilters[len(m.HttpFilters)-1:]
		any, err := anypb.New(m)
		if err != nil {
			return chain, head, err
		}
		f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: any}
	}
	out := *e.Output
	out.Fetches = []resource.Ref{{Type: resource.Route, Name: oneTable}}
	if out.Bytes, err = proto.Marshal(l); err != nil {
		return chain, head, err
	}
	table, err := proto.Marshal(&routev3.RouteConfiguration{Name: oneTable, ValidateClusters: wrapperspb.Bool(false)})
	return resource.Entry{Key: e.Key, Output: &out},
		resource.Entry{Key: resource.Key{Type: resource.Route, Audience: e.Key.Audience, Name: oneTable}, Output: &resource.Output{Bytes: table}}, err
}
