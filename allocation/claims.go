package allocation

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// claimsOf gives what a Service shall have.
func claimsOf(k api.Key, s *corev1.Service, record Record, fleets []*v1alpha1.Fleet, avoid map[int32]bool) []claim {
	serving := slices.DeleteFunc(slices.Clone(fleets), func(f *v1alpha1.Fleet) bool { return !f.ServesService(s.Labels) })
	return slices.Concat(nodePortClaims(k, s, record, serving, avoid), addressClaims(k, s, record, serving), clusterIPClaims(k, s, record, serving))
}

// nodePortClaims are none where no fleet serves the Service on node ports.
func nodePortClaims(k api.Key, s *corev1.Service, record Record, serving []*v1alpha1.Fleet, avoid map[int32]bool) (claims []claim) {
	if !hasNodePorts(s) {
		return nil
	}
	var within []v1alpha1.PortRange
	for _, f := range serving {
		r, err := v1alpha1.ParsePortRange(f.Spec.NodePorts.Range)
		if !f.Spec.NodePorts.Disabled && err == nil { // admission refuses others
			within = append(within, r)
		}
	}
	if len(within) == 0 {
		return nil
	}
	if hasHealthPort(s) {
		claims = append(claims, claim{
			kind:    healthPort{nodePort{name: "health check", protocol: corev1.ProtocolTCP, within: within, avoid: avoid}},
			service: k, path: "spec.healthCheckNodePort",
			wanted: value{port: s.Spec.HealthCheckNodePort}, recorded: value{port: record.HealthCheckNodePort},
		})
	}
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		if wantsNodePort(s, p) {
			claims = append(claims, claim{
				kind:    nodePort{index: i, name: p.Name, port: p.Port, protocol: p.Protocol, within: within, avoid: avoid},
				service: k, path: fmt.Sprintf("spec.ports[%d].nodePort", i),
				wanted: value{port: p.NodePort}, recorded: value{port: record.nodePort(s, p)},
			})
		}
	}
	return claims
}

// addressClaims are one for each fleet that has addresses for load balancers of the Service's class. An
// address that the Service asks for is asked of the fleet that has it; of the first, where none has.
func addressClaims(k api.Key, s *corev1.Service, record Record, serving []*v1alpha1.Fleet) (claims []claim) {
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return nil
	}
	var ports []place
	for _, p := range s.Spec.Ports {
		ports = append(ports, place{protocol: p.Protocol, port: p.Port})
	}
	wanted, _ := netip.ParseAddr(s.Spec.LoadBalancerIP) // admission refuses what is none
	asked := false
	for _, f := range serving {
		pool := f.Spec.LoadBalancer.Pool()
		if len(pool) == 0 || !ofClass(s, f) {
			continue
		}
		c := claim{kind: frontAddress{fleet: f.Name, pool: pool, ports: ports}, service: k, path: "spec.loadBalancerIP"}
		if wanted.IsValid() && inPool(pool, wanted) {
			c.wanted, asked = value{address: wanted}, true
		}
		for _, a := range record.LoadBalancer {
			if inPool(pool, a) {
				c.recorded = value{address: a}
			}
		}
		claims = append(claims, c)
	}
	if wanted.IsValid() && !asked && len(claims) > 0 {
		claims[0].wanted = value{address: wanted}
	}
	return claims
}

// ofClass says whether a fleet is the load balancer of a Service.
func ofClass(s *corev1.Service, f *v1alpha1.Fleet) bool {
	return s.Spec.LoadBalancerClass == nil || *s.Spec.LoadBalancerClass == f.Spec.LoadBalancer.Class
}

// hasNodePorts says whether a Service is of a type whose ports have node ports.
func hasNodePorts(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer
}

// hasHealthPort says whether a load balancer must find out which nodes have endpoints of the Service.
func hasHealthPort(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// wantsNodePort says whether a port of such a Service shall have one. A load balancer may do without;
// Envoy does not speak SCTP.
func wantsNodePort(s *corev1.Service, p *corev1.ServicePort) bool {
	if p.Protocol == corev1.ProtocolSCTP {
		return false
	}
	may := s.Spec.AllocateLoadBalancerNodePorts
	return p.NodePort != 0 || s.Spec.Type == corev1.ServiceTypeNodePort || may == nil || *may
}

// sameClaims says whether two versions of a Service ask for the same.
func sameClaims(a, b *corev1.Service) bool {
	samePort := func(p, q corev1.ServicePort) bool {
		return p.Name == q.Name && p.Port == q.Port && p.Protocol == q.Protocol && p.NodePort == q.NodePort &&
			wantsNodePort(a, &p) == wantsNodePort(b, &q)
	}
	class := func(s *corev1.Service) string {
		if s.Spec.LoadBalancerClass == nil {
			return ""
		}
		return *s.Spec.LoadBalancerClass
	}
	policy := func(s *corev1.Service) corev1.IPFamilyPolicy {
		if s.Spec.IPFamilyPolicy == nil {
			return corev1.IPFamilyPolicySingleStack
		}
		return *s.Spec.IPFamilyPolicy
	}
	return a.Spec.Type == b.Spec.Type && slices.EqualFunc(a.Spec.Ports, b.Spec.Ports, samePort) && maps.Equal(a.Labels, b.Labels) &&
		a.Spec.LoadBalancerIP == b.Spec.LoadBalancerIP && class(a) == class(b) && a.Spec.ClusterIP == b.Spec.ClusterIP &&
		slices.Equal(a.Spec.ClusterIPs, b.Spec.ClusterIPs) && slices.Equal(a.Spec.IPFamilies, b.Spec.IPFamilies) &&
		policy(a) == policy(b) && hasHealthPort(a) == hasHealthPort(b) && a.Spec.HealthCheckNodePort == b.Spec.HealthCheckNodePort
}

// nodePort gives the number that a port had before; 0: none.
func (r Record) nodePort(s *corev1.Service, p *corev1.ServicePort) int32 {
	for _, had := range r.Ports {
		if had.Name == p.Name && had.Protocol == p.Protocol {
			return had.NodePort
		}
	}
	for _, had := range r.Ports {
		renamed := !slices.ContainsFunc(s.Spec.Ports, func(o corev1.ServicePort) bool {
			return o.Name == had.Name && o.Protocol == had.Protocol
		})
		if renamed && had.Port == p.Port && had.Protocol == p.Protocol {
			return had.NodePort
		}
	}
	return 0
}
