package translator

import (
	"fmt"
	"net/netip"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// indexGatewayPort finds Gateways by the number of a port that they listen on: those are the
// ones that can get into each other's way.
const indexGatewayPort index = "gateways by port"

// indexGateways finds all Gateways under the empty value.
const indexGateways index = "gateways"

func gatewayLookups(o *api.Object) []lookup {
	gateway := o.Value.(*gatewayv1.Gateway)
	all := []lookup{{index: indexGateways}}
	for i := range gateway.Spec.Listeners {
		l := lookup{indexGatewayPort, "", portString(gateway.Spec.Listeners[i].Port)}
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

// placement says which Envoys serve a Gateway, and where it listens on them.
type placement struct {
	fleet     fleet
	addresses []string // canonical IP addresses, each once
	// refused says why the Gateway as a whole is not served.
	refused verdict
	// problem goes with refused where the Gateway itself is wrong, rather than its class.
	problem *api.Problem
}

// placementOf finds out where a Gateway belongs. It is false for the Gateways of other controllers.
func placementOf(r *Reader, gateway *gatewayv1.Gateway) (p placement, ours bool) {
	class := ourClass(r, string(gateway.Spec.GatewayClassName))
	if class == nil {
		return p, false
	}
	f, problem := fleetOfClass(r, class)
	if problem != nil {
		p.refused.no(string(gatewayv1.GatewayReasonInvalidParameters),
			fmt.Sprintf("GatewayClass %s cannot be used: %s", class.Name, problem.Message))
		return p, true
	}
	p.fleet = f
	if !f.servesGateway(gateway.Labels) {
		p.refused.no(string(gatewayv1.GatewayReasonPending),
			fmt.Sprintf("the gatewaySelector of Fleet %q does not select this Gateway", f.Name))
		p.problem = &api.Problem{
			Path: "metadata.labels", Reason: api.ReasonGatewayNotSelected, Severity: api.Warning,
			Message: fmt.Sprintf("the gatewaySelector of Fleet %q, which its GatewayClass names, does not select this Gateway: no Envoy serves it", f.Name),
			Hint:    "give the Gateway the labels that the Fleet selects, or change the Fleet",
		}
		return p, true
	}
	wanted := gateway.Spec.Addresses
	for _, a := range wanted {
		if address(a.Type) == gatewayv1.IPAddressType && a.Value != "" {
			p.listenOn(a.Value)
		}
	}
	switch {
	case len(p.addresses) > 0:
	case slices.ContainsFunc(wanted, func(a gatewayv1.GatewaySpecAddress) bool { return address(a.Type) != gatewayv1.IPAddressType }):
		p.refused.no(string(gatewayv1.GatewayReasonUnsupportedAddress), "only addresses of type IPAddress are supported")
		p.problem = &api.Problem{
			Path: "spec.addresses", Reason: api.ReasonUnsupportedField, Severity: api.Error,
			Message: "none of the addresses is of type IPAddress, so there is nothing to listen on",
			Hint:    "give an IP address, or none: then the Gateway listens on the addresses of its Fleet",
		}
	default:
		for _, a := range f.gatewayAddresses() {
			p.listenOn(a)
		}
	}
	return p, true
}

func address(t *gatewayv1.AddressType) gatewayv1.AddressType {
	return valueOr(t, gatewayv1.IPAddressType)
}

func (p *placement) listenOn(value string) {
	ip, err := netip.ParseAddr(value)
	if err != nil { // admission refuses it
		return
	}
	if a := ip.Unmap().String(); !slices.Contains(p.addresses, a) {
		p.addresses = append(p.addresses, a)
	}
}

// valueOr gives what p points to. Admission fills in the defaults of fields; this is for
// objects that have not been through it, which must not bring anything down.
func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// gatewayCalls gives the units of a Gateway: its status, and for each listener what opens the
// port. Whether a listener may have its port is found out when they are built, since that
// depends on other Gateways.
func gatewayCalls(r *Reader, o *api.Object) []Unit {
	gateway := o.Value.(*gatewayv1.Gateway)
	units := []Unit{{Feature: gatewayStatus, Namespace: o.Key.Namespace, Name: o.Key.Name}}
	p, ours := placementOf(r, gateway)
	if !ours || !p.refused.ok() {
		return units
	}
	add := func(u Unit) {
		u.Fleet = p.fleet.Name
		if !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	for i := range gateway.Spec.Listeners {
		l := &gateway.Spec.Listeners[i]
		hostname := hostnameOf(l)
		for _, a := range p.addresses {
			switch l.Protocol {
			case gatewayv1.HTTPProtocolType:
				add(Unit{Feature: gatewayListenerHead, Name: a, Port: l.Port})
				add(Unit{Feature: httpFilterChain, Name: a, Port: l.Port})
				add(Unit{Feature: httpRouteHead, Name: a, Port: l.Port})
				add(httpHostUnit(a, l.Port, hostname))
			case gatewayv1.HTTPSProtocolType:
				add(Unit{Feature: gatewayListenerHead, Name: a, Port: l.Port})
				add(Unit{Feature: httpsFilterChain, Namespace: gateway.Namespace, Name: gateway.Name, Port: l.Port, Extra: secureExtra(l.Name, a)})
			}
		}
		if l.Protocol == gatewayv1.HTTPSProtocolType {
			add(Unit{Feature: httpsRouteHead, Namespace: gateway.Namespace, Name: gateway.Name, Extra: string(l.Name)})
			add(Unit{Feature: misdirectedHost, Namespace: gateway.Namespace, Name: gateway.Name, Extra: string(l.Name)})
			add(httpsHostUnit(gateway, l.Name, hostname))
			certificates, _, _ := certificatesOf(r, gateway, i)
			for _, c := range certificates {
				add(Unit{Feature: certificate, Namespace: c.Namespace, Name: c.Name})
			}
		}
	}
	return units
}
