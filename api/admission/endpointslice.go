package admission

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
)

// defaultEndpointSlice sets what the API server sets.
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
func defaultEndpointSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		p := &s.Ports[i]
		if p.Name == nil {
			p.Name = new(string)
		}
		if p.Protocol == nil {
			tcp := corev1.ProtocolTCP
			p.Protocol = &tcp
		}
	}
}

func (r *report) endpointSlice(s *discoveryv1.EndpointSlice) {
	at := field.NewPath("addressType")
	switch s.AddressType {
	case discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6:
	case discoveryv1.AddressTypeFQDN:
		r.warn(at, api.ReasonUnsupportedField, "list IP addresses", "endpoints given by name get no traffic")
	case "":
		r.missing(at, "use IPv4 or IPv6")
	default:
		r.fail(at, api.ReasonInvalidField, "use IPv4 or IPv6", "%q is not an address type", s.AddressType)
	}
	endpoints := field.NewPath("endpoints")
	r.atMost(endpoints, len(s.Endpoints), 1000)
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if len(e.Addresses) == 0 {
			r.missing(endpoints.Index(i).Child("addresses"), "list the endpoint's address")
		}
		for j, address := range e.Addresses {
			r.sliceAddress(endpoints, i, j, s.AddressType, address)
		}
		if e.NodeName != nil && !api.IsPlainLabel(*e.NodeName) {
			r.name(endpoints.Index(i).Child("nodeName"), *e.NodeName, false)
		}
		if e.Hints != nil {
			r.hints(endpoints, i, e.Hints)
		}
	}
	r.slicePorts(s.Ports)
}

// maxHints is how many zones, or nodes, an endpoint may be for.
const maxHints = 8

// hints checks for whom an endpoint is. It makes no path before there is a problem, either.
func (r *report) hints(endpoints *field.Path, i int, h *discoveryv1.EndpointHints) {
	if len(h.ForZones) > maxHints || len(h.ForNodes) > maxHints {
		at := endpoints.Index(i).Child("hints")
		r.atMost(at.Child("forZones"), len(h.ForZones), maxHints)
		r.atMost(at.Child("forNodes"), len(h.ForNodes), maxHints)
	}
	for j, z := range h.ForZones {
		if !api.IsPlainLabel(z.Name) {
			r.labelValue(endpoints.Index(i).Child("hints", "forZones").Index(j).Child("name"), z.Name)
		}
		if first := slices.Index(h.ForZones[:j], z); first >= 0 {
			at := endpoints.Index(i).Child("hints", "forZones")
			r.duplicate(at.Index(j).Child("name"), at.Index(first).Child("name"), "the zone %q", z.Name)
		}
	}
	for j, n := range h.ForNodes {
		if !api.IsPlainLabel(n.Name) {
			r.name(endpoints.Index(i).Child("hints", "forNodes").Index(j).Child("name"), n.Name, false)
		}
		if first := slices.Index(h.ForNodes[:j], n); first >= 0 {
			at := endpoints.Index(i).Child("hints", "forNodes")
			r.duplicate(at.Index(j).Child("name"), at.Index(first).Child("name"), "the node %q", n.Name)
		}
	}
}

// sliceAddress makes no path before there is a problem: slices are large and change often.
func (r *report) sliceAddress(endpoints *field.Path, i, j int, family discoveryv1.AddressType, address string) {
	if validAddress(address, family) {
		return
	}
	at := endpoints.Index(i).Child("addresses").Index(j)
	if family == discoveryv1.AddressTypeFQDN {
		r.hostname(at, address, false)
		if !strings.Contains(address, ".") {
			r.fail(at, api.ReasonInvalidField, "use a name with a dot, such as db.example.com", "%q is not a fully qualified name", address)
		}
		return
	}
	if a := r.endpointAddress(at, address); a.IsValid() && family != "" {
		r.fail(at, api.ReasonInvalidField, "put IPv4 and IPv6 addresses into slices of their own", "%q is not of the slice's addressType %s", address, family)
	}
}

func (r *report) slicePorts(ports []discoveryv1.EndpointPort) {
	at := field.NewPath("ports")
	r.atMost(at, len(ports), 20000)
	names := map[string]int{}
	for i, p := range ports {
		if first, again := names[*p.Name]; again {
			r.duplicate(at.Index(i).Child("name"), at.Index(first).Child("name"), "the name %q", *p.Name)
		}
		names[*p.Name] = i
		if *p.Name != "" {
			r.name(at.Index(i).Child("name"), *p.Name, true)
		}
		r.protocol(at.Index(i).Child("protocol"), *p.Protocol)
		if p.Port != nil {
			r.port(at.Index(i).Child("port"), *p.Port)
		}
	}
}
