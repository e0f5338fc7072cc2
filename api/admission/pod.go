package admission

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// defaultPod sets what the API server sets in the fields that are read, and makes
// status.podIP and status.podIPs agree where only one of them is given.
func defaultPod(p *corev1.Pod) {
	for _, containers := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			for j := range c.Ports {
				if c.Ports[j].Protocol == "" {
					c.Ports[j].Protocol = corev1.ProtocolTCP
				}
			}
			defaultProbe(c.ReadinessProbe)
			defaultProbe(c.LivenessProbe)
			defaultProbe(c.StartupProbe)
		}
	}
	switch st := &p.Status; {
	case len(st.PodIPs) == 0 && st.PodIP != "":
		st.PodIPs = []corev1.PodIP{{IP: st.PodIP}}
	case len(st.PodIPs) > 0 && st.PodIP == "":
		st.PodIP = st.PodIPs[0].IP
	}
}

// pod checks what is read of a Pod: its addresses, and its containers' ports and probes.
// A Pod without an address is not running yet.
func (r *report) pod(p *corev1.Pod) {
	status := field.NewPath("status")
	if p.Status.PodIP != "" {
		r.endpointAddress(status.Child("podIP"), p.Status.PodIP)
	}
	for i, ip := range p.Status.PodIPs {
		if ip.IP != p.Status.PodIP {
			r.endpointAddress(status.Child("podIPs").Index(i).Child("ip"), ip.IP)
		}
	}
	for i := range p.Spec.InitContainers {
		r.container(spec.Child("initContainers").Index(i), &p.Spec.InitContainers[i])
	}
	for i := range p.Spec.Containers {
		r.container(spec.Child("containers").Index(i), &p.Spec.Containers[i])
	}
}

func (r *report) container(at *field.Path, c *corev1.Container) {
	for i, p := range c.Ports {
		port := at.Child("ports").Index(i)
		if p.Name != "" {
			r.portName(port.Child("name"), p.Name)
		}
		r.port(port.Child("containerPort"), p.ContainerPort)
		r.protocol(port.Child("protocol"), p.Protocol)
	}
	named := func(name string) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
	}
	// Liveness and startup probes are the kubelet's alone.
	r.probe(at.Child("readinessProbe"), c.ReadinessProbe, named)
}
