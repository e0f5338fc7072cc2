package schema

import (
	corev1 "k8s.io/api/core/v1"
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
	if len(s.IPFamilies) > 0 && s.Type == corev1.ServiceTypeExternalName {
		r.invalid(families, "remove it", "is not for the type ExternalName")
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
