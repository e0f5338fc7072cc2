package translator

import (
	"net/netip"
	"slices"
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/behind"
)

// keptSlice is what is kept of an EndpointSlice: an eighth of its memory, and most of a fleet's
// objects are endpoints. It is never changed.
type keptSlice struct {
	*metav1.TypeMeta // nothing is in either: kind and name are in the object's key
	*metav1.ObjectMeta
	service   string
	ports     []keptPort
	endpoints []keptEndpoint
	pods      string      // the names of all, one after the other
	rare      *rareFields // nil in most slices
}

// rareFields are what few slices have, for each endpoint; nil where no endpoint has any.
type rareFields struct {
	hints     []*hints
	hostnames []string // in lower case
}

var _ api.Value = (*keptSlice)(nil)

// DeepCopyObject implements runtime.Object.
func (k *keptSlice) DeepCopyObject() runtime.Object { return k }

type keptPort struct {
	name      string
	number    int32
	datagrams bool // UDP; TCP otherwise
}

// keptEndpoint is an endpoint. When the slice does not say its zone, it is that of its node.
type keptEndpoint struct {
	address netip.Addr // not valid where the slice has names
	zone    unique.Handle[string]
	node    unique.Handle[string]
	podEnd  uint32 // of its Pod's name in keptSlice.pods, which begins where that before ends
	state   endpointState
}

// noType and noMeta are the metadata of every keptSlice.
var (
	noType = &metav1.TypeMeta{}
	noMeta = &metav1.ObjectMeta{}
)

func keepSlice(slice *discoveryv1.EndpointSlice) *keptSlice {
	k := &keptSlice{TypeMeta: noType, ObjectMeta: noMeta, service: slice.Labels[discoveryv1.LabelServiceName]}
	for _, p := range slice.Ports {
		protocol := valueOr(p.Protocol, corev1.ProtocolTCP)
		if p.Port == nil || !isTCP(protocol) && protocol != corev1.ProtocolUDP {
			continue
		}
		port := keptPort{number: *p.Port, datagrams: !isTCP(protocol)}
		if p.Name != nil {
			port.name = unique.Make(*p.Name).Value()
		}
		k.ports = append(k.ports, port)
	}
	if slice.AddressType == discoveryv1.AddressTypeFQDN {
		return k
	}
	var pods strings.Builder
	k.endpoints = make([]keptEndpoint, len(slice.Endpoints))
	for i := range slice.Endpoints {
		e := &slice.Endpoints[i]
		pods.WriteString(podName(e.TargetRef))
		kept := &k.endpoints[i]
		*kept = keptEndpoint{podEnd: uint32(pods.Len()), state: behind.OfConditions(&e.Conditions)}
		// kube-proxy, too, reads the first address only: the API gives no meaning to others.
		if a, err := netip.ParseAddr(e.Addresses[0]); err == nil {
			kept.address = a.Unmap()
		}
		kept.zone, kept.node = unique.Make(valueOr(e.Zone, "")), unique.Make(valueOr(e.NodeName, ""))
	}
	k.pods = strings.Clone(pods.String())
	if rare := (rareFields{hintsIn(slice), hostnamesIn(slice)}); rare.hints != nil || rare.hostnames != nil {
		k.rare = &rare
	}
	return k
}

// hostnamesIn are the hostnames of the endpoints of a slice.
func hostnamesIn(slice *discoveryv1.EndpointSlice) (all []string) {
	for i := range slice.Endpoints {
		name := valueOr(slice.Endpoints[i].Hostname, "")
		if name == "" {
			continue
		}
		if all == nil {
			all = make([]string, len(slice.Endpoints))
		}
		all[i] = unique.Make(label(name)).Value()
	}
	return all
}

// hintsIn are the hints of the endpoints of a slice. Equal ones are kept once: most endpoints are for one of a
// few zones.
func hintsIn(slice *discoveryv1.EndpointSlice) (all []*hints) {
	var known []*hints
	for i := range slice.Endpoints {
		h := hintsOf(slice.Endpoints[i].Hints)
		if h == nil {
			continue
		}
		if at := slices.IndexFunc(known, h.equal); at >= 0 {
			h = known[at]
		} else {
			known = append(known, h)
		}
		if all == nil {
			all = make([]*hints, len(slice.Endpoints))
		}
		all[i] = h
	}
	return all
}

// hintsOf are those of an endpoint; nil where there are none.
func (k *keptSlice) hintsOf(endpoint int) *hints {
	if k.rare == nil || k.rare.hints == nil {
		return nil
	}
	return k.rare.hints[endpoint]
}

// port is the number of the port with the name and protocol of the Service port; 0 when there is none.
func (k *keptSlice) port(of *corev1.ServicePort) int32 {
	for _, p := range k.ports {
		if p.name == of.Name && p.datagrams == !isTCP(of.Protocol) {
			return p.number
		}
	}
	return 0
}

// pod names the Pod that an endpoint is in; empty when it is not known to be in one.
func (k *keptSlice) pod(endpoint int) string {
	begin := uint32(0)
	if endpoint > 0 {
		begin = k.endpoints[endpoint-1].podEnd
	}
	return k.pods[begin:k.endpoints[endpoint].podEnd]
}

// hostname is that of an endpoint; empty when it has none.
func (k *keptSlice) hostname(endpoint int) string {
	if k.rare == nil || k.rare.hostnames == nil {
		return ""
	}
	return k.rare.hostnames[endpoint]
}

// distinctHostnames are all hostnames, sorted.
func (k *keptSlice) distinctHostnames() []string {
	if k.rare == nil {
		return nil
	}
	return distinctLabels(slices.Clone(k.rare.hostnames))
}

func (e *keptEndpoint) zoneOf(r *Reader) string {
	if zone := e.zone.Value(); zone != "" {
		return zone
	}
	return zoneOf(r, e.node.Value())
}
