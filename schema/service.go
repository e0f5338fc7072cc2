package schema

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api/behind"
)

// service checks what api/admission leaves to an API server as it is of no use to Envoy.
func (r *report) service(s *corev1.Service) {
	if len(s.Spec.Ports) == 0 && s.Spec.ClusterIP != corev1.ClusterIPNone && s.Spec.Type != corev1.ServiceTypeExternalName {
		r.missing(spec.field("ports"), "list at least one port")
	}
	r.stringLabels(spec.field("selector"), s.Spec.Selector)
	r.serviceAddresses(&s.Spec)
	if d := s.Spec.TrafficDistribution; d != nil {
		r.oneOf(spec.field("trafficDistribution"), *d,
			corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameZone, corev1.ServiceTrafficDistributionPreferSameNode)
	}
	type portKey struct {
		port     int32
		protocol corev1.Protocol
	}
	seen, names := make(map[portKey]bool), make(map[string]bool)
	for i, port := range s.Spec.Ports {
		at := spec.field("ports").item(i)
		r.port(at.field("port"), port.Port, false)
		r.port(at.field("nodePort"), port.NodePort, true)
		if port.TargetPort.IntVal != 0 || port.TargetPort.StrVal != "" { // else it is the port
			r.targetPort(at.field("targetPort"), port.TargetPort)
		}
		switch {
		case port.Name != "":
			r.requiredName(at.field("name"), port.Name, names)
		case len(s.Spec.Ports) > 1:
			r.missing(at.field("name"), "where a Service has several ports, each has a name")
		}
		if port.AppProtocol != nil {
			r.labelKey(at.field("appProtocol"), *port.AppProtocol)
		}
		key := portKey{port.Port, port.Protocol}
		if key.protocol == "" {
			key.protocol = corev1.ProtocolTCP
		}
		if seen[key] {
			r.invalid(at, "remove one of the two", "port %d %s is there twice", key.port, key.protocol)
		}
		seen[key] = true
	}
}

// serviceAddresses checks what depends on the type of a Service, and the families of its addresses.
func (r *report) serviceAddresses(s *corev1.ServiceSpec) {
	outside := s.Type == corev1.ServiceTypeNodePort || s.Type == corev1.ServiceTypeLoadBalancer || len(s.ExternalIPs) > 0 && s.Type != corev1.ServiceTypeExternalName
	if s.ExternalTrafficPolicy != "" && !outside {
		r.invalid(spec.field("externalTrafficPolicy"), "remove it, or use the type NodePort or LoadBalancer", "is only for Services that can be reached from outside")
	}
	families := spec.field("ipFamilies")
	if s.Type == corev1.ServiceTypeExternalName {
		const why = "is not for the type ExternalName"
		if len(s.IPFamilies) > 0 {
			r.invalid(families, "remove it", why)
		}
		if s.IPFamilyPolicy != nil {
			r.invalid(spec.field("ipFamilyPolicy"), "remove it", why)
		}
		if s.ClusterIP != "" || len(s.ClusterIPs) > 0 {
			r.invalid(spec.field("clusterIP"), "remove it", why)
		}
	} else {
		r.clusterIPs(s)
	}
	if s.AllocateLoadBalancerNodePorts != nil && s.Type != corev1.ServiceTypeLoadBalancer {
		r.invalid(spec.field("allocateLoadBalancerNodePorts"), "remove it, or use the type LoadBalancer", "is only for the type LoadBalancer")
	}
	if s.LoadBalancerClass != nil {
		r.labelKey(spec.field("loadBalancerClass"), *s.LoadBalancerClass)
	}
	for i, text := range s.ExternalIPs {
		if a, err := netip.ParseAddr(text); err == nil && (a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast()) {
			r.invalid(spec.field("externalIPs").item(i), "use the address of a machine", "%q is not an address that others can reach", text)
		}
	}
	seen := make(map[corev1.IPFamily]bool, len(s.IPFamilies))
	for i, family := range s.IPFamilies {
		if seen[family] {
			r.invalid(families.item(i), "remove one of the two", "%s is there twice", family)
		}
		seen[family] = true
	}
	if p := s.IPFamilyPolicy; p != nil && *p == corev1.IPFamilyPolicySingleStack && len(s.IPFamilies) > 1 {
		r.invalid(families, "keep one, or use the policy PreferDualStack or RequireDualStack", "has %d families, but ipFamilyPolicy is SingleStack", len(s.IPFamilies))
	}
}

// clusterIPs checks that cluster IPs agree: at most one of each family, in the order of the families, or None alone.
func (r *report) clusterIPs(s *corev1.ServiceSpec) {
	at := spec.field("clusterIPs")
	switch {
	case len(s.ClusterIPs) > 0 && s.ClusterIP == "":
		r.invalid(at, "set clusterIP to the first of them", "is only for Services with a clusterIP")
		return
	case len(s.ClusterIPs) > 0 && s.ClusterIPs[0] != s.ClusterIP:
		r.invalid(at, "make it "+s.ClusterIP, "begins with %q, but clusterIP is %q", s.ClusterIPs[0], s.ClusterIP)
		return
	case len(s.ClusterIPs) > 1 && s.ClusterIP == corev1.ClusterIPNone:
		r.invalid(at, "keep None alone", "has None and other values")
		return
	}
	seen := map[corev1.IPFamily]bool{}
	for i, text := range s.ClusterIPs {
		a, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		family := behind.FamilyOf(a)
		if seen[family] {
			r.invalid(at.item(i), "keep one of each family", "is a second address of family %s", family)
		}
		seen[family] = true
		if i < len(s.IPFamilies) && s.IPFamilies[i] != family {
			r.invalid(at.item(i), "put addresses and families in the same order", "is of family %s, but ipFamilies has %s there", family, s.IPFamilies[i])
		}
	}
}
