package admission

import (
	"net/netip"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// def sets a pointer field that is nil.
func def[T any](at **T, value T) {
	if *at == nil {
		*at = &value
	}
}

// value reads a pointer field; nil is the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// defaultGateway sets what the Gateway API's CRD sets.
func defaultGateway(g *gatewayv1.Gateway) {
	for i := range g.Spec.Addresses {
		def(&g.Spec.Addresses[i].Type, gatewayv1.IPAddressType)
	}
	for i := range g.Spec.Listeners {
		l := &g.Spec.Listeners[i]
		if l.AllowedRoutes == nil {
			l.AllowedRoutes = new(gatewayv1.AllowedRoutes)
		}
		if l.AllowedRoutes.Namespaces == nil {
			l.AllowedRoutes.Namespaces = new(gatewayv1.RouteNamespaces)
		}
		def(&l.AllowedRoutes.Namespaces.From, gatewayv1.NamespacesFromSame)
		for j := range l.AllowedRoutes.Kinds {
			def(&l.AllowedRoutes.Kinds[j].Group, gatewayv1.Group(gatewayv1.GroupName))
		}
		if l.TLS == nil {
			continue
		}
		def(&l.TLS.Mode, gatewayv1.TLSModeTerminate)
		for j := range l.TLS.CertificateRefs {
			def(&l.TLS.CertificateRefs[j].Group, gatewayv1.Group(""))
			def(&l.TLS.CertificateRefs[j].Kind, gatewayv1.Kind("Secret"))
		}
	}
}

// gateway follows https://gateway-api.sigs.k8s.io/reference/spec/#gateway
func (r *report) gateway(g *gatewayv1.Gateway) {
	if g.Spec.GatewayClassName == "" {
		r.missing(spec.Child("gatewayClassName"), "name the GatewayClass")
	}
	r.clientAnnotations(g.Annotations)
	r.gatewayAddresses(g.Spec.Addresses)
	listeners := spec.Child("listeners")
	if len(g.Spec.Listeners) == 0 {
		r.missing(listeners, "list at least one listener")
	}
	r.atMost(listeners, len(g.Spec.Listeners), 64)
	for i := range g.Spec.Listeners {
		r.listener(listeners.Index(i), &g.Spec.Listeners[i])
	}
	r.distinctListeners(listeners, g.Spec.Listeners)
	if tls := g.Spec.TLS; tls != nil {
		if tls.Frontend != nil {
			// Ignoring this would let in clients that the author wants kept out.
			r.fail(spec.Child("tls", "frontend"), api.ReasonUnsupportedField, "remove it, and do not rely on client certificates for now", "validation of client certificates is not supported yet")
		}
		if tls.Backend != nil {
			r.warn(spec.Child("tls", "backend"), api.ReasonUnsupportedField, "remove it", "backends are reached without TLS: a client certificate is not supported yet")
		}
	}
	if in := g.Spec.Infrastructure; in != nil && in.ParametersRef != nil {
		r.warn(spec.Child("infrastructure", "parametersRef"), api.ReasonUnsupportedField, "put parameters into a Fleet and name it in the GatewayClass's parametersRef", "has no effect")
	}
}

func (r *report) gatewayAddresses(addresses []gatewayv1.GatewaySpecAddress) {
	at := spec.Child("addresses")
	r.atMost(at, len(addresses), 16)
	seen := map[netip.Addr]int{}
	for i, a := range addresses {
		switch *a.Type {
		case gatewayv1.IPAddressType:
			if a.Value == "" {
				r.warn(at.Index(i).Child("value"), api.ReasonUnsupportedField, "give the address", "addresses are not assigned: the entry has no effect")
				continue
			}
			ip := r.address(at.Index(i).Child("value"), a.Value)
			if first, again := seen[ip]; again && ip.IsValid() {
				r.duplicate(at.Index(i).Child("value"), at.Index(first).Child("value"), "the address %s", ip)
			} else {
				seen[ip] = i
			}
		default:
			r.warn(at.Index(i).Child("type"), api.ReasonUnsupportedField, "use IPAddress", "an address of type %q has no effect", *a.Type)
		}
	}
}

var protocolShape = regexp.MustCompile(`^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+$`)

func (r *report) listener(at *field.Path, l *gatewayv1.Listener) {
	if l.Name == "" {
		r.missing(at.Child("name"), "name the listener; routes refer to it as sectionName")
	} else {
		r.name(at.Child("name"), string(l.Name), false)
	}
	r.port(at.Child("port"), l.Port)
	if h := value(l.Hostname); h != "" {
		r.hostname(at.Child("hostname"), string(h), true)
		if l.Protocol == gatewayv1.TCPProtocolType || l.Protocol == gatewayv1.UDPProtocolType {
			r.fail(at.Child("hostname"), api.ReasonInvalidField, "leave it out", "has no meaning for protocol %s", l.Protocol)
		}
	}
	switch l.Protocol {
	case gatewayv1.HTTPProtocolType, gatewayv1.HTTPSProtocolType:
	case "":
		r.missing(at.Child("protocol"), "use HTTP or HTTPS")
	case gatewayv1.TLSProtocolType, gatewayv1.TCPProtocolType, gatewayv1.UDPProtocolType:
		r.warn(at.Child("protocol"), api.ReasonUnsupportedField, "use HTTP or HTTPS", "listeners with protocol %s are not supported yet; this one is not opened", l.Protocol)
	default:
		if !protocolShape.MatchString(string(l.Protocol)) {
			r.fail(at.Child("protocol"), api.ReasonInvalidField, "use HTTP or HTTPS, in capitals", "%q is not a protocol", l.Protocol)
			break
		}
		r.warn(at.Child("protocol"), api.ReasonUnsupportedField, "use HTTP or HTTPS, in capitals", "protocol %q is not supported; this listener is not opened", l.Protocol)
	}
	r.listenerTLS(at.Child("tls"), l)
	r.allowedRoutes(at.Child("allowedRoutes"), l.AllowedRoutes)
}

func (r *report) listenerTLS(at *field.Path, l *gatewayv1.Listener) {
	switch l.Protocol {
	case gatewayv1.HTTPProtocolType, gatewayv1.TCPProtocolType, gatewayv1.UDPProtocolType:
		if l.TLS != nil {
			r.fail(at, api.ReasonInvalidField, "leave it out, or use protocol HTTPS", "has no meaning for protocol %s", l.Protocol)
		}
	case gatewayv1.HTTPSProtocolType:
		switch {
		case l.TLS == nil:
			r.missing(at, "give certificateRefs with the name of a Secret of type kubernetes.io/tls")
		case *l.TLS.Mode != gatewayv1.TLSModeTerminate:
			r.fail(at.Child("mode"), api.ReasonInvalidField, "use Terminate", "%q cannot be used with protocol HTTPS", *l.TLS.Mode)
		case len(l.TLS.CertificateRefs) == 0:
			r.missing(at.Child("certificateRefs"), "name a Secret of type kubernetes.io/tls")
		}
	case gatewayv1.TLSProtocolType:
		if l.TLS == nil {
			r.missing(at, "give mode Terminate or Passthrough")
		}
	}
	if l.TLS == nil {
		return
	}
	if mode := *l.TLS.Mode; mode != gatewayv1.TLSModeTerminate && mode != gatewayv1.TLSModePassthrough {
		r.fail(at.Child("mode"), api.ReasonInvalidField, "use Terminate", "%q is not a TLS mode", mode)
	}
	r.atMost(at.Child("certificateRefs"), len(l.TLS.CertificateRefs), 64)
	for i, ref := range l.TLS.CertificateRefs {
		r.objectRef(at.Child("certificateRefs").Index(i), string(*ref.Group), string(*ref.Kind), string(ref.Name), ref.Namespace)
	}
	if len(l.TLS.Options) > 0 {
		r.warn(at.Child("options"), api.ReasonUnsupportedField, "remove them", "TLS options have no effect")
	}
}

func (r *report) allowedRoutes(at *field.Path, a *gatewayv1.AllowedRoutes) {
	namespaces := at.Child("namespaces")
	switch *a.Namespaces.From {
	case gatewayv1.NamespacesFromAll, gatewayv1.NamespacesFromSame:
	case gatewayv1.NamespacesFromSelector:
		if a.Namespaces.Selector == nil {
			r.missing(namespaces.Child("selector"), "say which namespaces routes may come from")
		}
	default:
		r.fail(namespaces.Child("from"), api.ReasonInvalidField, "use All, Same or Selector", "%q is not known", *a.Namespaces.From)
	}
	r.selector(namespaces.Child("selector"), a.Namespaces.Selector)
	r.atMost(at.Child("kinds"), len(a.Kinds), 8)
	for i, k := range a.Kinds {
		r.groupKind(at.Child("kinds").Index(i), string(*k.Group), string(k.Kind))
	}
}

// distinctListeners asks that names, and combinations of port, protocol and host name, are
// unique.
func (r *report) distinctListeners(at *field.Path, listeners []gatewayv1.Listener) {
	type place struct {
		port     gatewayv1.PortNumber
		protocol gatewayv1.ProtocolType
		hostname gatewayv1.Hostname
	}
	names, places := map[gatewayv1.SectionName]int{}, map[place]int{}
	for i, l := range listeners {
		if first, again := names[l.Name]; again {
			r.duplicate(at.Index(i).Child("name"), at.Index(first).Child("name"), "the name %q", l.Name)
		} else {
			names[l.Name] = i
		}
		p := place{l.Port, l.Protocol, value(l.Hostname)}
		if first, again := places[p]; again {
			r.fail(at.Index(i), api.ReasonListenerConflict, "change one of the two", "has the same port, protocol and hostname as %s", at.Index(first))
		} else {
			places[p] = i
		}
	}
}
