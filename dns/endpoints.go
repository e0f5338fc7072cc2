package dns

//lint:file-ignore SA1019 Endpoints is deprecated in Kubernetes, yet still what hand-written manifests use

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/gateway-cp/gateway-cp/api/behind"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// ready gives the endpoints of a headless Service that have names: those that are ready or, if it
// publishes the others as well, all. EndpointSlices, or Endpoints, are Kubernetes' own answer and
// win over Pods, as they do for traffic. Workloads always join in.
func (z *Zone) ready(service *corev1.Service) []endpoint {
	of := name{service.Namespace, service.Name}
	publish := service.Spec.PublishNotReadyAddresses
	var all []endpoint
	switch {
	case len(z.slices[of]) > 0:
		for _, s := range z.slices[of] {
			all = append(all, ofSlice(s, publish)...)
		}
	case z.endpoints[of] != nil:
		all = ofEndpoints(z.endpoints[of], publish)
	default:
		for _, pod := range z.pods.selected(of.namespace, service.Spec.Selector) {
			all = append(all, ofPod(pod, service)...)
		}
	}
	for _, w := range z.workloads.selected(of.namespace, service.Spec.Selector) {
		all = append(all, ofWorkload(w, service)...)
	}
	return all
}

func ofSlice(s *discoveryv1.EndpointSlice, publish bool) []endpoint {
	if s.AddressType == discoveryv1.AddressTypeFQDN {
		return nil
	}
	ports := map[string]uint16{}
	for _, p := range s.Ports {
		if p.Port != nil && p.Name != nil && *p.Name != "" {
			ports[portName(*p.Name, valueOr(p.Protocol, corev1.ProtocolTCP))] = uint16(*p.Port)
		}
	}
	var all []endpoint
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if publish || behind.OfConditions(&e.Conditions) == behind.Ready {
			// The API gives no meaning to further addresses.
			all = add(all, e.Addresses[0], valueOr(e.Hostname, ""), ports)
		}
	}
	return all
}

func ofEndpoints(e *corev1.Endpoints, publish bool) []endpoint {
	var all []endpoint
	for i := range e.Subsets {
		subset := &e.Subsets[i]
		ports := map[string]uint16{}
		for _, p := range subset.Ports {
			if p.Name != "" {
				ports[portName(p.Name, p.Protocol)] = uint16(p.Port)
			}
		}
		addresses := subset.Addresses
		if publish {
			addresses = slices.Concat(addresses, subset.NotReadyAddresses)
		}
		for _, a := range addresses {
			all = add(all, a.IP, a.Hostname, ports)
		}
	}
	return all
}

// ofPod gives a Pod's addresses, as Kubernetes' endpoint controller would.
func ofPod(pod *corev1.Pod, service *corev1.Service) []endpoint {
	publish := service.Spec.PublishNotReadyAddresses
	if behind.HasEnded(pod) || !publish && behind.OfPod(pod) != behind.Ready {
		return nil
	}
	ports := map[string]uint16{}
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if number, ok := behind.PodPort(pod, p.TargetPort, p.Protocol); ok && p.Name != "" {
			ports[portName(p.Name, p.Protocol)] = uint16(number)
		}
	}
	hostname := ""
	if pod.Spec.Subdomain == service.Name {
		hostname = pod.Spec.Hostname
	}
	families := service.Spec.IPFamilies
	if len(families) == 0 {
		families = []corev1.IPFamily{behind.PrimaryFamily(service)}
	}
	var all []endpoint
	for _, f := range families {
		all = add(all, behind.PodAddress(pod, f), hostname, ports)
	}
	return all
}

// ofWorkload gives a Workload's addresses. What its probe would say is not known here.
func ofWorkload(w *v1alpha1.Workload, service *corev1.Service) []endpoint {
	if w.Spec.Draining && !service.Spec.PublishNotReadyAddresses {
		return nil
	}
	ports := map[string]uint16{}
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if number, ok := behind.WorkloadPort(w, p.TargetPort); ok && p.Name != "" {
			ports[portName(p.Name, p.Protocol)] = uint16(number)
		}
	}
	hostname := w.Name
	if strings.Contains(hostname, ".") {
		hostname = "" // it would be several labels
	}
	var all []endpoint
	for _, a := range w.Spec.Addresses {
		all = add(all, a, hostname, ports)
	}
	return all
}

// add adds an endpoint that has an address. One without a hostname gets one that no other has.
func add(all []endpoint, address, hostname string, ports map[string]uint16) []endpoint {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return all
	}
	a = a.Unmap()
	if hostname == "" {
		hostname = dashed(a)
	}
	return append(all, endpoint{a, strings.ToLower(hostname), ports})
}

// dashed writes an address as a label: 10-0-0-1, or all eight groups of one of IPv6, since a label
// must not begin or end with a dash.
func dashed(a netip.Addr) string {
	return strings.NewReplacer(".", "-", ":", "-").Replace(a.StringExpanded())
}

func valueOr[T any](p *T, or T) T {
	if p == nil {
		return or
	}
	return *p
}
