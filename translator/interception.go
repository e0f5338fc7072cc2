package translator

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	directv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/direct_response/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Where a fleet intercepts, rules of the machine lead TCP connections to cluster IPs and node ports to one
// socket of Envoy's. It hands each connection over to the listener that has the address to which the client
// wanted to go; such a listener has no socket of its own, and costs none. Who wanted to go where there is no
// listener is closed.
var (
	interceptionListener = &Feature{Name: "socket for intercepted connections", Build: buildInterceptionListener}
	interceptionChain    = &Feature{Name: "filter chain of intercepted connections", Build: buildInterceptionChain}
)

// interceptionPart names the only filter chain of the socket.
const interceptionPart = "nobody"

// interceptionAddresses are those of the sockets: one of each family that there may be connections of.
func (f fleet) interceptionAddresses() []string {
	if f.Spec.Interception == nil {
		return nil
	}
	var four, six bool
	count := func(a netip.Addr, err error) {
		four = four || err == nil && a.Is4()
		six = six || err == nil && a.Is6()
	}
	for _, text := range f.Spec.ClusterIPRanges {
		p, err := v1alpha1.ParseNetwork(text)
		count(p.Addr(), err)
	}
	if !f.Spec.NodePorts.Disabled {
		for _, text := range f.nodePortAddresses() {
			count(netip.ParseAddr(text))
		}
	}
	var all []string
	if four {
		all = append(all, netip.IPv4Unspecified().String())
	}
	if six {
		all = append(all, netip.IPv6Unspecified().String())
	}
	return all
}

func interceptionCalls(f fleet) []Unit {
	var units []Unit
	for _, a := range f.interceptionAddresses() {
		units = append(units,
			Unit{Feature: interceptionListener, Fleet: f.Name, Extra: a},
			Unit{Feature: interceptionChain, Fleet: f.Name, Extra: a})
	}
	return units
}

func interceptionKey(f fleet, u Unit, part string) resource.Key {
	return resource.Key{Type: resource.Listener, Audience: f.audience(), Name: listenerName(u.Extra, f.Spec.Interception.Port), Part: part}
}

func buildInterceptionListener(r *Reader, u Unit) Result {
	f, ok := readFleet(r, u.Fleet)
	if !ok || f.Spec.Interception == nil {
		return Result{}
	}
	head := listenerHead(r, u.Extra, f.Spec.Interception.Port)
	head.UseOriginalDst = wrapperspb.Bool(true)
	if f.Spec.Interception.Mode == v1alpha1.InterceptTProxy {
		head.Transparent = wrapperspb.Bool(true)
	}
	e := &encoder{}
	return e.result(interceptionKey(f, u, ""), head, fromFleet(f)).from(Origin{f.key(), "spec.interception"})
}

func buildInterceptionChain(r *Reader, u Unit) Result {
	f, ok := readFleet(r, u.Fleet)
	if !ok || f.Spec.Interception == nil {
		return Result{}
	}
	e := &encoder{}
	chain := &listenerv3.FilterChain{Name: interceptionPart, Filters: []*listenerv3.Filter{{
		Name:       "envoy.filters.network.direct_response", // of nothing: the connection is closed
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: e.any(&directv3.Config{})},
	}}}
	return e.result(interceptionKey(f, u, interceptionPart), chain, fromFleet(f)).from(Origin{f.key(), "spec.interception"})
}

// opensClusterIPs says whether Envoys listen at a cluster IP of a Service.
func opensClusterIPs(r *Reader, service *corev1.Service) bool {
	return r.bindClusterIPs || slices.ContainsFunc(fleetsServing(r, service), func(f fleet) bool {
		return slices.ContainsFunc(clusterIPs(service), f.Spec.Intercepts)
	})
}

// together has one opening stand for all intercepted ones of a port that lead to the same endpoints: its cluster IPs of
// both families, and its node port. Envoy looks at all listeners there are for each that is new, so that half as many of
// them come in a third of the time. A listener with a socket is one address's alone: what changes at one does
// not close what is open at another.
func together(all []opening) []opening {
	var kept []opening
	// A cluster IP stands for node ports: it is there as long as its Service.
	slices.SortStableFunc(all, func(a, b opening) int { return cmp.Compare(rank(a), rank(b)) })
	for _, o := range all {
		i := slices.IndexFunc(kept, func(k opening) bool {
			return k.intercepted && o.intercepted && !o.health() && k.index == o.index && k.local == o.local &&
				(k.outside == o.outside || o.service.Annotations[v1alpha1.AcceptProxyAnnotation] == "")
		})
		if i < 0 {
			kept = append(kept, o)
		} else {
			kept[i].others = append(kept[i].others, o)
		}
	}
	return kept
}

func rank(o opening) int {
	if o.intercepted && !o.outside {
		return 0
	}
	return 1
}

// atHome gives the listener of an opening the socket that it is to have: none where connections are
// intercepted. Cluster IPs are local by a route, which is enough for IPv4; for IPv6 the kernel wants to be told that
// the socket may have an address that no interface has.
func atHome(l *listenerv3.Listener, o *opening) {
	switch {
	case o.intercepted:
		l.Name, l.BindToPort = o.name(), wrapperspb.Bool(false)
		for _, other := range o.others {
			l.AdditionalAddresses = append(l.AdditionalAddresses, &listenerv3.AdditionalAddress{
				Address: socketAddress(other.address, other.port),
			})
		}
	case !o.outside && !o.health() && strings.Contains(o.address, ":"):
		l.Freebind = wrapperspb.Bool(true)
	}
}
