package translator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// gatewayListener is a listener of a Gateway, where it stands among those of all Gateways of
// the fleet with the same port.
type gatewayListener struct {
	gateway   *gatewayv1.Gateway
	index     int // in the Gateway's list
	hostname  string
	secure    bool // HTTPS
	addresses []string
	// conflict says with whom it cannot be told apart: it is not served then.
	conflict verdict
	rival    *gatewayListener // the other one; nil: none, or the service listener
}

// refuse takes note of a conflict with another listener.
func (l *gatewayListener) refuse(rival *gatewayListener, of func(*gatewayListener) (reason, message string)) {
	if l.conflict.ok() {
		l.rival = rival
	}
	l.conflict.no(of(rival))
}

func (l *gatewayListener) spec() *gatewayv1.Listener { return &l.gateway.Spec.Listeners[l.index] }

func (l *gatewayListener) is(gateway *gatewayv1.Gateway, index int) bool {
	return l.index == index && l.gateway.Namespace == gateway.Namespace && l.gateway.Name == gateway.Name
}

// String names the listener in messages.
func (l *gatewayListener) String() string {
	return fmt.Sprintf("listener %s of Gateway %s/%s", l.spec().Name, l.gateway.Namespace, l.gateway.Name)
}

func (l *gatewayListener) key() api.Key {
	return api.Key{Kind: api.KindGateway, Namespace: l.gateway.Namespace, Name: l.gateway.Name}
}

func hostnameOf(l *gatewayv1.Listener) string {
	return strings.ToLower(string(valueOr(l.Hostname, "")))
}

// unsupported says why a listener is none of ours to serve, whatever others there are.
func unsupported(l *gatewayv1.Listener) verdict {
	var v verdict
	switch l.Protocol {
	case gatewayv1.HTTPProtocolType:
	case gatewayv1.HTTPSProtocolType:
		if l.TLS != nil && valueOr(l.TLS.Mode, gatewayv1.TLSModeTerminate) != gatewayv1.TLSModeTerminate {
			v.no(string(gatewayv1.ListenerReasonUnsupportedValue), "an HTTPS listener terminates TLS: tls.mode must be Terminate")
		}
	default:
		v.no(string(gatewayv1.ListenerReasonUnsupportedProtocol), fmt.Sprintf("protocol %s is not supported: use HTTP or HTTPS", l.Protocol))
	}
	return v
}

// listenersOn gives the listeners of all Gateways of a fleet with a port, the older Gateway
// first, with the conflicts among them.
//
// Within a Gateway, all listeners that cannot be told apart are refused, as the Gateway API
// asks. Between Gateways the older one wins, so that nobody can take another's port away:
// https://gateway-api.sigs.k8s.io/reference/spec/#listener
func listenersOn(r *Reader, fleetName string, port int32) []*gatewayListener {
	var all []*gatewayListener
	var serving fleet
	for _, o := range r.list(indexGatewayPort, "", portString(port)) {
		gateway := o.Value.(*gatewayv1.Gateway)
		p, ours := placementOf(r, gateway)
		if !ours || !p.refused.ok() || p.fleet.Name != fleetName {
			continue
		}
		serving = p.fleet
		for i := range gateway.Spec.Listeners {
			l := &gateway.Spec.Listeners[i]
			if l.Port != port || !unsupported(l).ok() {
				continue
			}
			all = append(all, &gatewayListener{
				gateway: gateway, index: i, hostname: hostnameOf(l),
				secure: l.Protocol == gatewayv1.HTTPSProtocolType, addresses: p.addresses,
			})
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *gatewayListener) int { return compareAge(a.gateway, b.gateway) })
	conflictWithFleet(serving, port, all)
	for rest := all; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].gateway == rest[0].gateway {
			n++
		}
		conflictWithin(rest[:n])
		rest = rest[n:]
	}
	conflictBetween(all)
	return all
}

// conflictWithFleet refuses the ports that the fleet has for itself.
func conflictWithFleet(f fleet, port int32, all []*gatewayListener) {
	for _, l := range all {
		for _, a := range l.addresses {
			if name := listenerName(a, port); f.socketAt(name) != nil {
				l.conflict.no(string(gatewayv1.ListenerReasonPortUnavailable), fmt.Sprintf("%s is on %s", f.socketAt(name).what, name))
			}
		}
	}
}

// conflictWithin looks for conflicts among the listeners of one Gateway on one port.
func conflictWithin(own []*gatewayListener) {
	byHost := map[string]*gatewayListener{}
	var plain, secure *gatewayListener
	for _, l := range own {
		if l.secure {
			secure = l
		} else {
			plain = l
		}
	}
	for _, l := range own {
		if plain != nil && secure != nil {
			other := plain
			if !l.secure {
				other = secure
			}
			l.refuse(other, protocolConflict)
			continue
		}
		if first := byHost[l.hostname]; first != nil {
			first.refuse(l, hostnameConflict)
			l.refuse(first, hostnameConflict)
			continue
		}
		byHost[l.hostname] = l
	}
}

// conflictBetween looks for conflicts between Gateways that share an address.
func conflictBetween(all []*gatewayListener) {
	type place struct{ address, hostname string }
	first, hosts := map[string]*gatewayListener{}, map[place]*gatewayListener{}
	for _, l := range all {
		for _, a := range l.addresses {
			if other := first[a]; other != nil && other.secure != l.secure {
				l.refuse(other, protocolConflict)
			}
			if other := hosts[place{a, l.hostname}]; other != nil {
				l.refuse(other, hostnameConflict)
			}
		}
		if !l.conflict.ok() {
			continue
		}
		for _, a := range l.addresses {
			if first[a] == nil {
				first[a] = l
			}
			hosts[place{a, l.hostname}] = l
		}
	}
}

func protocolConflict(other *gatewayListener) (reason, message string) {
	return string(gatewayv1.ListenerReasonProtocolConflict),
		fmt.Sprintf("%s uses protocol %s on the same address and port", other, other.spec().Protocol)
}

func hostnameConflict(other *gatewayListener) (reason, message string) {
	what := "the hostname " + other.hostname
	if other.hostname == "" {
		what = "no hostname"
	}
	return string(gatewayv1.ListenerReasonHostnameConflict),
		fmt.Sprintf("%s has %s on the same address and port, too", other, what)
}

// compareAge orders objects of one kind as the Gateway API settles ties: the older one first,
// then by namespace and name.
func compareAge[T interface {
	GetNamespace() string
	GetName() string
	GetCreationTimestamp() metav1.Time
}](a, b T) int {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
		cmp.Compare(a.GetName(), b.GetName()),
	)
}

// served keeps the listeners on an address that nothing speaks against.
func served(all []*gatewayListener, address string) []*gatewayListener {
	var kept []*gatewayListener
	for _, l := range all {
		if l.conflict.ok() && slices.Contains(l.addresses, address) {
			kept = append(kept, l)
		}
	}
	return kept
}

// neighbours keeps the listeners that are served on an address of l, l among them.
func neighbours(all []*gatewayListener, l *gatewayListener) []*gatewayListener {
	var kept []*gatewayListener
	for _, o := range all {
		if o.conflict.ok() && slices.ContainsFunc(o.addresses, func(a string) bool { return slices.Contains(l.addresses, a) }) {
			kept = append(kept, o)
		}
	}
	return kept
}

// ownerOf gives the listener that requests for a hostname belong to: the one with the most
// specific hostname. Routes attached to another listener do not answer them.
func ownerOf(all []*gatewayListener, hostname string) *gatewayListener {
	var owner *gatewayListener
	for _, l := range all {
		if covers(l.hostname, hostname) && (owner == nil || specificity(l.hostname) > specificity(owner.hostname)) {
			owner = l
		}
	}
	return owner
}
