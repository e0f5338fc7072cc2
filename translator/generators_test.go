package translator

//lint:file-ignore SA1019 Endpoints is deprecated in Kubernetes, and read nevertheless

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// generators make random objects of each kind. There are few names, labels, ports and
// addresses, so that objects meet, replace each other and get into each other's way. What
// admission refuses is thrown away.
func generators() []func(*rapid.T) api.Value {
	return append(gatewayGenerators(),
		genFleet, genService, genService, genEndpointSlice, genCoreEndpoints, genPod, genPod,
		genWorkload, genNode, genRollout, genRollout, genTLSPolicy, genConfigMap, genBackendPolicy, genBackendPolicy,
	)
}

func genTLSPolicy(t *rapid.T) api.Value {
	p := &gatewayv1.BackendTLSPolicy{ObjectMeta: genMeta(t, "t1", "t2")}
	ref := gatewayv1.LocalPolicyTargetReferenceWithSectionName{}
	ref.Kind, ref.Name = "Service", pick[gatewayv1.ObjectName](t, "target", "a", "b", "c")
	if maybe(t, "one port") {
		section := pick[gatewayv1.SectionName](t, "section", "p0", "p1")
		ref.SectionName = &section
	}
	p.Spec.TargetRefs = []gatewayv1.LocalPolicyTargetReferenceWithSectionName{ref}
	p.Spec.Validation.Hostname = "a.example.com"
	if maybe(t, "system") {
		system := gatewayv1.WellKnownCACertificatesSystem
		p.Spec.Validation.WellKnownCACertificates = &system
	} else {
		p.Spec.Validation.CACertificateRefs = []gatewayv1.LocalObjectReference{{Kind: "ConfigMap", Name: pick[gatewayv1.ObjectName](t, "authority", "a", "b")}}
	}
	return p
}

func genConfigMap(t *rapid.T) api.Value {
	m := &corev1.ConfigMap{ObjectMeta: genMeta(t, "a", "b")}
	m.Data = map[string]string{"other": "x", authorityKey: pick(t, "authority", "", "broken", nobody)}
	return m
}

// genObject makes an admitted object.
func genObject(t *rapid.T) *api.Object {
	for {
		value := rapid.SampledFrom(generators()).Draw(t, "generator")(t)
		if !admission.HasError(admission.Admit(value)) {
			key, _ := api.KeyOf(value)
			return &api.Object{Key: key, Value: value}
		}
	}
}

func pick[T any](t *rapid.T, what string, from ...T) T { return rapid.SampledFrom(from).Draw(t, what) }

func maybe(t *rapid.T, what string) bool { return rapid.Bool().Draw(t, what) }

func genMeta(t *rapid.T, names ...string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: pick(t, "namespace", "default", "shop"),
		Name:      pick(t, "name", names...),
		Labels:    genLabels(t),
	}
}

func genLabels(t *rapid.T) map[string]string {
	l := map[string]string{}
	for _, pair := range [][]string{{"app", "a", "b"}, {"version", "blue", "green"}} {
		if maybe(t, "label "+pair[0]) {
			l[pair[0]] = pick(t, pair[0], pair[1:]...)
		}
	}
	return l
}

func genAddress(t *rapid.T) string {
	return pick(t, "address", "10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2")
}

func genFleet(t *rapid.T) api.Value {
	f := &v1alpha1.Fleet{ObjectMeta: metav1.ObjectMeta{Name: pick(t, "name", "default", "edge")}}
	if maybe(t, "selective") {
		f.Spec.ServiceSelector = &metav1.LabelSelector{MatchLabels: genLabels(t)}
		f.Spec.GatewaySelector = &metav1.LabelSelector{MatchLabels: genLabels(t)}
	}
	f.Spec.DefaultNamespace = pick(t, "default namespace", "", "default", "shop")
	f.Spec.LoadBalancer = &v1alpha1.LoadBalancer{Addresses: []string{"127.0.0.0/8"}}
	f.Spec.NodePorts = &v1alpha1.NodePorts{Disabled: pick(t, "no node ports", false, false, true)}
	if maybe(t, "external IPs") {
		f.Spec.ExternalIPRanges = []string{"127.0.0.0/8"}
	}
	if maybe(t, "node port addresses") {
		f.Spec.NodePorts.Addresses = []string{"127.0.0.1", "127.0.0.2"}
	}
	f.Spec.ServiceListener = &v1alpha1.ServiceListener{
		Disabled: pick(t, "disabled", false, false, true),
		Port:     pick[int32](t, "port", 0, 80, 9090),
	}
	return f
}

func genService(t *rapid.T) api.Value {
	s := &corev1.Service{ObjectMeta: genMeta(t, "a", "b", "c")}
	s.Spec.Selector = genLabels(t)
	s.Spec.Type = pick(t, "type", corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName)
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		s.Spec.ExternalName = pick(t, "name outside", "example.com", "localhost", "a.shop", "b", "a.example.com")
	}
	if maybe(t, "external IPs") {
		s.Spec.ExternalIPs = []string{pick(t, "external IP", "127.0.0.1", "127.0.0.3", "10.9.9.9")}
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: pick(t, "ingress", "127.0.0.1", "127.0.0.3", "10.9.9.9")}}
		if maybe(t, "source ranges") {
			s.Spec.LoadBalancerSourceRanges = []string{"10.0.0.0/8"}
		}
	}
	if s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		s.Spec.HealthCheckNodePort = pick[int32](t, "health port", 0, 0, 30081, 30082)
		s.Spec.ExternalTrafficPolicy = pick(t, "from outside", corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)
	}
	s.Spec.ClusterIP = pick(t, "clusterIP", "", "", "None", "127.0.0.3", "10.96.0.1")
	s.Spec.PublishNotReadyAddresses = maybe(t, "not ready too")
	if maybe(t, "near") {
		near := pick(t, "distribution", corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameNode)
		s.Spec.TrafficDistribution = &near
	}
	if maybe(t, "local inside") {
		local := corev1.ServiceInternalTrafficPolicyLocal
		s.Spec.InternalTrafficPolicy = &local
	}
	if maybe(t, "IPv6 first") {
		s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol}
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "ports") {
		p := corev1.ServicePort{
			Name:       fmt.Sprintf("p%d", i),
			Port:       pick[int32](t, "port", 80, 9090, 10080),
			Protocol:   pick(t, "protocol", corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP),
			TargetPort: pick(t, "targetPort", intstr.FromInt32(8080), intstr.FromString("http"), intstr.FromString("p0")),
		}
		if maybe(t, "protocol given") {
			protocol := pick(t, "appProtocol", "grpc", "kubernetes.io/h2c", "https", "http")
			p.AppProtocol = &protocol
		}
		if s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer {
			p.NodePort = pick[int32](t, "nodePort", 0, 80, 9090, 30080, 30081)
		}
		s.Spec.Ports = append(s.Spec.Ports, p)
	}
	return s
}

func genEndpointSlice(t *rapid.T) api.Value {
	s := &discoveryv1.EndpointSlice{ObjectMeta: genMeta(t, "s1", "s2", "s3")}
	s.AddressType = pick(t, "family", discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN)
	if maybe(t, "of a Service") {
		s.Labels[discoveryv1.LabelServiceName] = pick(t, "service", "a", "b", "c")
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "ports") {
		name, number := fmt.Sprintf("p%d", i), pick[int32](t, "number", 8080, 9090)
		s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: &name, Port: &number})
	}
	addresses := map[discoveryv1.AddressType][]string{
		discoveryv1.AddressTypeIPv4: {"10.0.0.1", "10.0.0.2", "10.0.0.3"},
		discoveryv1.AddressTypeIPv6: {"fd00::1", "fd00::2"},
		discoveryv1.AddressTypeFQDN: {"example.com"},
	}[s.AddressType]
	for range rapid.IntRange(0, 3).Draw(t, "endpoints") {
		e := discoveryv1.Endpoint{Addresses: []string{pick(t, "address", addresses...)}}
		for _, c := range []**bool{&e.Conditions.Ready, &e.Conditions.Serving, &e.Conditions.Terminating} {
			if maybe(t, "condition given") {
				v := maybe(t, "condition")
				*c = &v
			}
		}
		if maybe(t, "in a Pod") {
			e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Name: pick(t, "pod", "p1", "p2", "p3")}
		}
		if maybe(t, "with a hostname") {
			hostname := pick(t, "hostname", "h1", "h2")
			e.Hostname = &hostname
		}
		if maybe(t, "on a node") {
			node := pick(t, "node", "n1", "n2")
			e.NodeName = &node
		}
		if maybe(t, "in a zone") {
			zone := pick(t, "zone", "z1", "z2")
			e.Zone = &zone
		}
		if maybe(t, "hinted") {
			e.Hints = &discoveryv1.EndpointHints{
				ForZones: []discoveryv1.ForZone{{Name: pick(t, "for zone", "z1", "z2")}},
				ForNodes: []discoveryv1.ForNode{{Name: pick(t, "for node", "n1", "n2")}},
			}
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

func genCoreEndpoints(t *rapid.T) api.Value {
	e := &corev1.Endpoints{ObjectMeta: genMeta(t, "a", "b", "c")}
	e.Subsets = []corev1.EndpointSubset{{
		Addresses: []corev1.EndpointAddress{{IP: genAddress(t), Hostname: pick(t, "hostname", "", "h1", "a")}},
		Ports:     []corev1.EndpointPort{{Name: pick(t, "port", "", "p0", "p1"), Port: 8080}},
	}}
	return e
}

func genPod(t *rapid.T) api.Value {
	p := &corev1.Pod{ObjectMeta: genMeta(t, "p1", "p2", "p3")}
	p.Spec.NodeName = pick(t, "node", "", "n1", "n2")
	p.Spec.Hostname, p.Spec.Subdomain = pick(t, "hostname", "", "h1", "h2"), pick(t, "subdomain", "", "a", "b")
	p.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{
		{Name: pick(t, "port name", "http", "p0"), ContainerPort: 8080},
	}}}
	p.Status.Phase = pick(t, "phase", corev1.PodRunning, corev1.PodRunning, corev1.PodPending, corev1.PodFailed)
	for range rapid.IntRange(0, 2).Draw(t, "addresses") {
		p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: genAddress(t)})
	}
	p.Status.Conditions = []corev1.PodCondition{{
		Type:   corev1.PodReady,
		Status: pick(t, "ready", corev1.ConditionTrue, corev1.ConditionTrue, corev1.ConditionFalse),
	}}
	if maybe(t, "deleted") {
		p.DeletionTimestamp = &metav1.Time{}
	}
	return p
}

func genWorkload(t *rapid.T) api.Value {
	w := &v1alpha1.Workload{ObjectMeta: genMeta(t, "w1", "w2", "w3")}
	w.Spec = v1alpha1.WorkloadSpec{
		Addresses: []string{genAddress(t)},
		Ports:     []v1alpha1.WorkloadPort{{Name: pick(t, "port name", "http", "p0"), Port: 8080}},
		Node:      pick(t, "node", "", "n1"),
		Zone:      pick(t, "zone", "", "z1"),
		Draining:  maybe(t, "draining"),
	}
	port := intstr.FromInt32(pick[int32](t, "probe port", 8080, 8081))
	scheme := pick(t, "scheme", corev1.URISchemeHTTP, corev1.URISchemeHTTPS)
	if maybe(t, "probe") {
		w.Spec.ReadinessProbe = pick(t, "kind of probe",
			&corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Port: port, Path: "/ready", Scheme: scheme, HTTPHeaders: []corev1.HTTPHeader{{Name: "host", Value: "a"}, {Name: "x", Value: "y"}},
			}}},
			&corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: port}}, PeriodSeconds: 3},
			&corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: port.IntVal}}},
		)
	}
	return w
}

func genNode(t *rapid.T) api.Value {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name:   pick(t, "name", "n1", "n2"),
		Labels: map[string]string{corev1.LabelTopologyZone: pick(t, "zone", "z1", "z2")},
	}}
}

func genRollout(t *rapid.T) api.Value {
	r := &v1alpha1.Rollout{ObjectMeta: genMeta(t, "a", "r")}
	r.Spec.TargetRef.Name = pick(t, "target", "a", "b")
	names := []string{"blue", "green", "red"}[:rapid.IntRange(1, 3).Draw(t, "versions")]
	for _, name := range names {
		r.Spec.Versions = append(r.Spec.Versions, v1alpha1.Version{
			Name: name, Selector: map[string]string{"version": pick(t, "version", "blue", "green")},
		})
	}
	if len(names) > 1 && maybe(t, "canary") {
		r.Spec.Canary = &v1alpha1.Canary{To: names[1]}
		r.Status.Canary = &v1alpha1.CanaryStatus{Canary: names[1], Stable: names[0]}
		r.Status.Versions = []v1alpha1.VersionStatus{
			{Name: names[0], Selector: r.Spec.Versions[0].Selector, Weight: 9000},
			{Name: names[1], Selector: r.Spec.Versions[1].Selector, Weight: pick[int32](t, "weight", 0, 1000)},
		}
		if shown := &r.Status.Versions[1]; maybe(t, "shown") {
			shown.Match = []v1alpha1.RequestMatch{{Headers: []v1alpha1.ValueMatch{{Name: "x-a", Value: pick(t, "value", "1", "2")}}}}
			if maybe(t, "copies") {
				shown.Mirror = &v1alpha1.Mirror{Percent: v1alpha1.Percent(intstr.FromInt32(pick[int32](t, "percent", 5, 100)))}
			}
		}
		if maybe(t, "sticky") {
			r.Spec.Stickiness = pick(t, "by", &v1alpha1.Stickiness{Header: "x-user"}, &v1alpha1.Stickiness{Cookie: &v1alpha1.StickyCookie{Name: "user"}})
		}
		return r
	}
	if maybe(t, "blue/green") {
		r.Spec.BlueGreen = &v1alpha1.BlueGreen{Active: pick(t, "active", names...)}
	} else {
		r.Spec.Traffic = map[string]v1alpha1.Percent{names[0]: v1alpha1.Percent(intstr.FromInt32(100))}
		if len(names) > 1 && maybe(t, "split") {
			r.Spec.Traffic[names[0]] = v1alpha1.Percent(intstr.FromString("99.5"))
			r.Spec.Traffic[names[1]] = v1alpha1.Percent(intstr.FromString("0.5"))
		}
	}
	if maybe(t, "status") {
		r.Status.Versions = []v1alpha1.VersionStatus{
			{Name: "old", Selector: map[string]string{"version": "blue"}, Weight: pick[int32](t, "weight", 0, 10000, 2500)},
			{Name: "blue", Selector: map[string]string{"version": "blue"}, Weight: pick[int32](t, "weight", 0, 7500)},
		}
	}
	return r
}
