package translator

import (
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// Host is a virtual host of Gateways as it stands, for whoever looks at routing as a whole.
type Host struct {
	Fleet string
	// Routes is the name of the route configuration that it is in, Domain its domain there.
	Routes, Domain string
	// Hostname is what it answers, in lower case; empty: every host.
	Hostname string
	// Gateway and Listener are the listener that it belongs to, by index.
	Gateway  *gatewayv1.Gateway
	Listener int
	// Attached are the routes that answer here, and Matches their matches in the order in which
	// Envoy tries them. A rule without matches has one, for everything, with index 0.
	Attached []*gatewayv1.HTTPRoute
	Matches  []HostMatch
}

// HostMatch is a match of a rule of a route.
type HostMatch struct {
	Route       *gatewayv1.HTTPRoute
	Rule, Match int
	// Specificity ranks the hostname of the route that answers, the larger the more specific.
	Specificity int
	// Value is the match, also where the rule has none and everything matches.
	Value *gatewayv1.HTTPRouteMatch
}

// Hosts gives the virtual hosts of Gateways, sorted by fleet, route configuration and domain. It
// is for looking at a set of admitted objects once: it reads everything again.
func (t *Translator) Hosts() []Host {
	shared := &sharedReads{listeners: map[Unit][]*gatewayListener{}}
	var all []Host
	t.nodes.units(func(n *node) {
		if h, ok := t.host(n.unit, shared); ok {
			all = append(all, h)
		}
	})
	slices.SortFunc(all, func(a, b Host) int {
		return strings.Compare(a.Fleet+"\n"+a.Routes+"\n"+a.Domain, b.Fleet+"\n"+b.Routes+"\n"+b.Domain)
	})
	return all
}

// sharedReads are answers that many virtual hosts have in common.
type sharedReads struct {
	listeners map[Unit][]*gatewayListener // by fleet and port
}

func (s *sharedReads) on(r *Reader, fleet string, port int32) []*gatewayListener {
	key := Unit{Fleet: fleet, Port: port}
	all, known := s.listeners[key]
	if !known {
		all = listenersOn(r, fleet, port)
		s.listeners[key] = all
	}
	return all
}

// secure gives the HTTPS listener with a name, if the hostname belongs to it.
func (s *sharedReads) secure(r *Reader, u Unit, section, hostname string) *gatewayListener {
	gateway := read[*gatewayv1.Gateway](r, api.KindGateway, u.Namespace, u.Name)
	if gateway == nil {
		return nil
	}
	for i := range gateway.Spec.Listeners {
		if string(gateway.Spec.Listeners[i].Name) != section {
			continue
		}
		all := s.on(r, u.Fleet, gateway.Spec.Listeners[i].Port)
		for _, l := range all {
			if l.is(gateway, i) && l.conflict.ok() && ownerOf(neighbours(all, l), hostname) == l {
				return l
			}
		}
	}
	return nil
}

// host gives the virtual host of a unit; false when it is not the unit of one that stands.
func (t *Translator) host(u Unit, shared *sharedReads) (Host, bool) {
	if u.Feature != httpHost && u.Feature != httpsHost {
		return Host{}, false
	}
	r := &Reader{objects: t.objects} // nobody is told what it asks
	h := Host{Fleet: u.Fleet}
	var owner *gatewayListener
	if u.Feature == httpHost {
		owner, h.Hostname, h.Routes = ownerOf(served(shared.on(r, u.Fleet, u.Port), u.Name), u.Extra), u.Extra, listenerName(u.Name, u.Port)
	} else {
		var section string
		section, h.Hostname, _ = strings.Cut(u.Extra, "/")
		h.Routes = secureRouteName(u.Namespace, u.Name, section)
		owner = shared.secure(r, u, section, h.Hostname)
	}
	if owner == nil || owner.secure != (u.Feature == httpsHost) {
		return Host{}, false
	}
	attached, named := routesFor(r, owner, h.Hostname)
	if !named && h.Hostname != owner.hostname {
		return Host{}, false
	}
	h.Domain, h.Gateway, h.Listener = domain(h.Hostname), owner.gateway, owner.index
	h.order(attached)
	return h, true
}

// order fills in the matches, as buildGatewayHost puts them.
func (h *Host) order(attached []attachedRoute) {
	var entries []entry
	for _, a := range attached {
		h.Attached = append(h.Attached, a.route)
		for i := range a.route.Spec.Rules {
			matches := matchesOf(a.route, i)
			for j := range matches {
				e := newEntry(a.route, i, j, &matches[j])
				e.specificity = a.specificity
				entries = append(entries, e)
			}
		}
	}
	slices.SortStableFunc(entries, entry.compare)
	for _, e := range entries {
		h.Matches = append(h.Matches, HostMatch{e.route, e.rule, e.match, e.specificity, &matchesOf(e.route, e.rule)[e.match]})
	}
}

// matchesOf gives the matches of a rule; one for everything where it has none.
func matchesOf(route *gatewayv1.HTTPRoute, rule int) []gatewayv1.HTTPRouteMatch {
	if matches := route.Spec.Rules[rule].Matches; len(matches) > 0 {
		return matches
	}
	return make([]gatewayv1.HTTPRouteMatch, 1)
}

// Under says whether requests for the virtual host's hostname are requests for this hostname, as a
// route writes it.
func (h *Host) Under(hostname string) bool { return covers(strings.ToLower(hostname), h.Hostname) }
