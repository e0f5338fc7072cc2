package admission

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// defaultService sets what the API server sets.
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/
func defaultService(s *corev1.Service) {
	sp := &s.Spec
	if sp.Type == "" {
		sp.Type = corev1.ServiceTypeClusterIP
	}
	if sp.SessionAffinity == "" {
		sp.SessionAffinity = corev1.ServiceAffinityNone
	}
	if sp.SessionAffinity == corev1.ServiceAffinityClientIP {
		if sp.SessionAffinityConfig == nil {
			sp.SessionAffinityConfig = new(corev1.SessionAffinityConfig)
		}
		if sp.SessionAffinityConfig.ClientIP == nil {
			sp.SessionAffinityConfig.ClientIP = new(corev1.ClientIPConfig)
		}
		if sp.SessionAffinityConfig.ClientIP.TimeoutSeconds == nil {
			timeout := corev1.DefaultClientIPServiceAffinitySeconds
			sp.SessionAffinityConfig.ClientIP.TimeoutSeconds = &timeout
		}
	}
	if sp.Type != corev1.ServiceTypeExternalName && sp.InternalTrafficPolicy == nil {
		cluster := corev1.ServiceInternalTrafficPolicyCluster
		sp.InternalTrafficPolicy = &cluster
	}
	if outside(sp.Type) && sp.ExternalTrafficPolicy == "" {
		sp.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	}
	for i := range sp.Ports {
		p := &sp.Ports[i]
		if p.Protocol == "" {
			p.Protocol = corev1.ProtocolTCP
		}
		if p.TargetPort == intstr.FromInt32(0) || p.TargetPort == intstr.FromString("") {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
}

func outside(t corev1.ServiceType) bool {
	return t == corev1.ServiceTypeNodePort || t == corev1.ServiceTypeLoadBalancer
}

func (r *report) service(s *corev1.Service) {
	sp := &s.Spec
	switch sp.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer:
		if len(sp.Ports) == 0 && sp.ClusterIP != corev1.ClusterIPNone {
			r.missing(spec.Child("ports"), "list at least one port")
		}
	case corev1.ServiceTypeExternalName:
		if sp.ExternalName == "" {
			r.missing(spec.Child("externalName"), "give the DNS name that the Service stands for")
		} else {
			r.hostname(spec.Child("externalName"), trimDot(sp.ExternalName), false)
		}
	default:
		r.fail(spec.Child("type"), api.ReasonInvalidField, "use ClusterIP, NodePort, LoadBalancer or ExternalName", "%q is not a Service type", sp.Type)
	}
	r.labels(spec.Child("selector"), sp.Selector)
	r.servicePorts(sp)
	r.sessionAffinity(sp)
	r.scheduler(s.Annotations)
	r.clientAnnotations(s.Annotations)
	r.oneOf(v1alpha1.SendProxyAnnotation, s.Annotations, v1alpha1.SendProxyV1, v1alpha1.SendProxyV2)
	r.oneOf(v1alpha1.OriginalSourceAnnotation, s.Annotations, "true", "false")
	r.clusterIPs(sp)
	r.loadBalancer(sp)
	switch sp.ExternalTrafficPolicy {
	case "", corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal:
	default:
		r.fail(spec.Child("externalTrafficPolicy"), api.ReasonInvalidField, "use Cluster or Local", "%q is not a traffic policy", sp.ExternalTrafficPolicy)
	}
	switch d := sp.TrafficDistribution; {
	case d == nil, *d == corev1.ServiceTrafficDistributionPreferClose, *d == corev1.ServiceTrafficDistributionPreferSameZone,
		*d == corev1.ServiceTrafficDistributionPreferSameNode:
	default:
		r.fail(spec.Child("trafficDistribution"), api.ReasonInvalidField, "use PreferSameZone or PreferSameNode", "%q is not a traffic distribution", *d)
	}
	if p := sp.InternalTrafficPolicy; p != nil && *p != corev1.ServiceInternalTrafficPolicyCluster && *p != corev1.ServiceInternalTrafficPolicyLocal {
		r.fail(spec.Child("internalTrafficPolicy"), api.ReasonInvalidField, "use Cluster or Local", "%q is not a traffic policy", *p)
	}
}

// servicePorts asks that names are there when there are several ports, and that names and
// (port, protocol) pairs are unique.
func (r *report) servicePorts(sp *corev1.ServiceSpec) {
	type number struct {
		port     int32
		protocol corev1.Protocol
	}
	names, numbers, nodePorts := map[string]int{}, map[number]int{}, map[number]int{}
	for i, p := range sp.Ports {
		at := spec.Child("ports").Index(i)
		switch first, again := names[p.Name]; {
		case p.Name == "":
			if len(sp.Ports) > 1 {
				r.missing(at.Child("name"), "name every port when there are several")
			}
		case again:
			r.duplicate(at.Child("name"), spec.Child("ports").Index(first).Child("name"), "the name %q", p.Name)
		default:
			r.name(at.Child("name"), p.Name, true)
			names[p.Name] = i
		}
		r.port(at.Child("port"), p.Port)
		r.protocol(at.Child("protocol"), p.Protocol)
		if first, again := numbers[number{p.Port, p.Protocol}]; again {
			r.duplicate(at.Child("port"), spec.Child("ports").Index(first).Child("port"), "port %d/%s", p.Port, p.Protocol)
		} else {
			numbers[number{p.Port, p.Protocol}] = i
		}
		if p.TargetPort != intstr.FromInt32(p.Port) { // else it is that by default
			r.portReference(at.Child("targetPort"), p.TargetPort)
		}
		if p.NodePort == 0 {
			continue
		}
		r.port(at.Child("nodePort"), p.NodePort)
		if !outside(sp.Type) {
			r.fail(at.Child("nodePort"), api.ReasonInvalidField, "leave it out, or set spec.type to NodePort or LoadBalancer", "a Service of type %s has no node ports", sp.Type)
		}
		if first, again := nodePorts[number{p.NodePort, p.Protocol}]; again {
			r.duplicate(at.Child("nodePort"), spec.Child("ports").Index(first).Child("nodePort"), "node port %d/%s", p.NodePort, p.Protocol)
		} else {
			nodePorts[number{p.NodePort, p.Protocol}] = i
		}
	}
}

// portReference checks a port that is given by number or by name.
func (r *report) portReference(path *field.Path, p intstr.IntOrString) {
	if p.Type == intstr.String {
		r.portName(path, p.StrVal)
		return
	}
	r.port(path, p.IntVal)
}

func (r *report) protocol(path *field.Path, p corev1.Protocol) {
	switch p {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
	default:
		r.fail(path, api.ReasonInvalidField, "use TCP, UDP or SCTP, in capitals", "%q is not a protocol", p)
	}
}

// duplicate adds an error for a value that stands in two places.
func (r *report) duplicate(path, first *field.Path, format string, args ...any) {
	r.fail(path, api.ReasonInvalidField, "remove or change one of the two", format+" is already used at %s", append(args, first)...)
}

func (r *report) sessionAffinity(sp *corev1.ServiceSpec) {
	at := spec.Child("sessionAffinity")
	switch sp.SessionAffinity {
	case corev1.ServiceAffinityNone: // a configuration has no meaning then, and the API server accepts it
	case corev1.ServiceAffinityClientIP:
		timeout := spec.Child("sessionAffinityConfig", "clientIP", "timeoutSeconds")
		if t := *sp.SessionAffinityConfig.ClientIP.TimeoutSeconds; t <= 0 || t > 86400 {
			r.fail(timeout, api.ReasonInvalidField, "use 1 to 86400 seconds", "%d is out of range", t)
		} else if t != corev1.DefaultClientIPServiceAffinitySeconds {
			r.warn(timeout, api.ReasonUnsupportedField, "leave it out: nothing depends on it",
				"it has no effect: a client keeps its endpoint while the endpoints stay the same, however long it is away")
		}
	default:
		r.fail(at, api.ReasonInvalidField, "use None or ClientIP", "%q is not a session affinity", sp.SessionAffinity)
	}
}

// scheduler checks what the annotation of a Service says.
func (r *report) scheduler(annotations map[string]string) {
	if name, given := annotations[v1alpha1.SchedulerAnnotation]; given {
		r.schedulerName(metadata.Child("annotations").Key(v1alpha1.SchedulerAnnotation), name)
	}
}

// schedulerName checks the name of an IPVS scheduler.
func (r *report) schedulerName(at *field.Path, name string) {
	switch name {
	case v1alpha1.SchedulerRoundRobin, v1alpha1.SchedulerWeightedRoundRobin, v1alpha1.SchedulerSource,
		v1alpha1.SchedulerLeast, v1alpha1.SchedulerWeightedLeast, v1alpha1.SchedulerShortestDelay:
	case v1alpha1.SchedulerDestination:
		r.warn(at, api.ReasonUnsupportedField, "use sh to choose by the client",
			"dh has no effect: the destination of all clients is the Service, so they are spread by round robin")
	default:
		r.fail(at, api.ReasonInvalidField, "use rr, wrr, lc, wlc, sed or sh", "%q is not a scheduler of IPVS", name)
	}
}

// clusterIPs asks that addresses are IP addresses, or "None" alone (a headless Service).
func (r *report) clusterIPs(sp *corev1.ServiceSpec) {
	if sp.ClusterIP != "" && sp.ClusterIP != corev1.ClusterIPNone {
		r.address(spec.Child("clusterIP"), sp.ClusterIP)
	}
	if sp.ClusterIP == corev1.ClusterIPNone && outside(sp.Type) {
		r.fail(spec.Child("clusterIP"), api.ReasonInvalidField, "leave it out, or set spec.type to ClusterIP", "a Service of type %s cannot be headless", sp.Type)
	}
	for i, ip := range sp.ClusterIPs {
		if ip != corev1.ClusterIPNone {
			r.address(spec.Child("clusterIPs").Index(i), ip)
		}
	}
	for i, ip := range sp.ExternalIPs {
		r.address(spec.Child("externalIPs").Index(i), ip)
	}
}

// loadBalancer checks what only a Service of type LoadBalancer may say.
func (r *report) loadBalancer(sp *corev1.ServiceSpec) {
	if sp.LoadBalancerIP != "" {
		r.address(spec.Child("loadBalancerIP"), sp.LoadBalancerIP)
	}
	ranges := spec.Child("loadBalancerSourceRanges")
	if len(sp.LoadBalancerSourceRanges) > 0 && sp.Type != corev1.ServiceTypeLoadBalancer {
		r.fail(ranges, api.ReasonInvalidField, "leave it out, or set spec.type to LoadBalancer", "a Service of type %s has no load balancer", sp.Type)
	}
	for i, text := range sp.LoadBalancerSourceRanges {
		if _, err := netip.ParsePrefix(strings.TrimSpace(text)); err != nil {
			r.fail(ranges.Index(i), api.ReasonInvalidField, "write a network, such as 10.1.0.0/16", "%q is not a network", text)
		}
	}
	if health := spec.Child("healthCheckNodePort"); sp.HealthCheckNodePort != 0 {
		r.port(health, sp.HealthCheckNodePort)
		if sp.Type != corev1.ServiceTypeLoadBalancer || sp.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
			r.fail(health, api.ReasonInvalidField, "leave it out, or set spec.type to LoadBalancer and spec.externalTrafficPolicy to Local", "only load balancers of local endpoints are asked for their health")
		}
	}
	if sp.LoadBalancerClass != nil && sp.Type != corev1.ServiceTypeLoadBalancer {
		r.fail(spec.Child("loadBalancerClass"), api.ReasonInvalidField, "leave it out, or set spec.type to LoadBalancer", "a Service of type %s has no load balancer", sp.Type)
	}
}

// trimDot removes the dot that ends a fully qualified DNS name.
func trimDot(name string) string {
	if n := len(name); n > 1 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}
