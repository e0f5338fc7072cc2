package behind

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Conditions that are left out mean what the API says of them.
func TestOfConditions(t *testing.T) {
	yes, no := true, false
	for _, x := range []struct {
		ready, serving, terminating *bool
		want                        State
	}{
		{nil, nil, nil, Ready},
		{&yes, nil, nil, Ready},
		{&no, nil, nil, NotReady},
		{&no, &yes, &yes, Draining},
		{&no, &no, &yes, Stopped},
		{&yes, &yes, &yes, Draining}, // published though not ready
		{nil, nil, &yes, Draining},
	} {
		if got := OfConditions(&discoveryv1.EndpointConditions{Ready: x.ready, Serving: x.serving, Terminating: x.terminating}); got != x.want {
			t.Errorf("%+v is %d", x, got)
		}
	}
}

func TestOfPod(t *testing.T) {
	pod := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	if s := OfPod(pod); s != NotReady || s.Published() != Ready {
		t.Error("a Pod without conditions is ready only where that does not matter")
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if OfPod(pod) != Ready {
		t.Error("a Pod that runs and is Ready is not ready")
	}
	pod.DeletionTimestamp = &metav1.Time{}
	if OfPod(pod) != Draining {
		t.Error("a Pod that is being deleted does not drain")
	}
	if Draining.Published() != Draining || Stopped.Published() != Draining {
		t.Error("publishing has what terminates take new requests")
	}
	pod.Status.Phase = corev1.PodSucceeded
	if OfPod(pod) != Stopped || !HasEnded(pod) {
		t.Error("a Pod that has ended is ready")
	}
}

// A port is found by its name and protocol, in init containers only where these keep running.
func TestPodPort(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	port := func(name string, number int32, protocol corev1.Protocol) []corev1.ContainerPort {
		return []corev1.ContainerPort{{Name: name, ContainerPort: number, Protocol: protocol}}
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Ports: port("dns", 53, corev1.ProtocolUDP)}, {Ports: port("dns", 54, corev1.ProtocolTCP)}},
		InitContainers: []corev1.Container{
			{Ports: port("setup", 1, corev1.ProtocolTCP)},
			{Ports: port("proxy", 2, corev1.ProtocolTCP), RestartPolicy: &always},
		},
	}}
	for _, x := range []struct {
		target   intstr.IntOrString
		protocol corev1.Protocol
		want     int32
	}{
		{intstr.FromInt32(7), corev1.ProtocolTCP, 7},
		{intstr.FromString("dns"), corev1.ProtocolUDP, 53},
		{intstr.FromString("dns"), corev1.ProtocolTCP, 54},
		{intstr.FromString("proxy"), corev1.ProtocolTCP, 2},
		{intstr.FromString("setup"), corev1.ProtocolTCP, 0},
	} {
		if got, ok := PodPort(pod, x.target, x.protocol); got != x.want || ok != (x.want != 0) {
			t.Errorf("%s %s is %d, %v", x.target.String(), x.protocol, got, ok)
		}
	}
}
