package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Workload stands for pods where there is no Kubernetes: processes with addresses and ports.
// Services and Rollouts select Workloads by their labels, as they select Pods.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=wl,categories=gateway-cp
// +kubebuilder:printcolumn:name="Addresses",type=string,JSONPath=`.spec.addresses`
// +kubebuilder:printcolumn:name="Zone",type=string,JSONPath=`.spec.zone`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Workload struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec WorkloadSpec `json:"spec"`
}

// WorkloadSpec says where the processes listen.
//
// +kubebuilder:validation:XValidation:message="the port of the probe must be a number or the name of a port",fieldPath=".readinessProbe",rule="!has(self.readinessProbe) || !has(self.readinessProbe.httpGet) || type(self.readinessProbe.httpGet.port) == int || has(self.ports) && self.ports.exists(p, p.name == string(self.readinessProbe.httpGet.port))"
// +kubebuilder:validation:XValidation:message="the port of the probe must be a number or the name of a port",fieldPath=".readinessProbe",rule="!has(self.readinessProbe) || !has(self.readinessProbe.tcpSocket) || type(self.readinessProbe.tcpSocket.port) == int || has(self.ports) && self.ports.exists(p, p.name == string(self.readinessProbe.tcpSocket.port))"
type WorkloadSpec struct {
	// IP addresses, one per process; all have the same ports.
	//
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=45
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:.]+$`
	// +kubebuilder:validation:items:XValidation:message="must be an IP address",rule="isIP(self)"
	Addresses []string `json:"addresses"`

	// The ports that a Service's targetPort names. A numeric targetPort needs no entry here.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Ports []WorkloadPort `json:"ports,omitempty"`

	// How Envoy checks that a process is ready: httpGet, tcpSocket or grpc. Without a probe
	// every address is taken to be ready.
	//
	// +optional
	// +kubebuilder:validation:XValidation:message="Envoy cannot run a command: use httpGet, tcpSocket or grpc",rule="!has(self.exec)"
	// +kubebuilder:validation:XValidation:message="must have exactly one of httpGet, tcpSocket and grpc",rule="has(self.exec) || [has(self.httpGet), has(self.tcpSocket), has(self.grpc)].filter(x, x).size() == 1"
	ReadinessProbe *corev1.Probe `json:"readinessProbe,omitempty"`

	// Name of the node that the processes run on.
	//
	// +optional
	Node string `json:"node,omitempty"`

	// Zone that the processes run in.
	//
	// +optional
	Zone string `json:"zone,omitempty"`

	// The processes are about to stop: open requests finish, new ones go to others. When nothing
	// else is behind the Service, new requests still come here, as in Kubernetes: a process that
	// is going to stop is better than none.
	//
	// +optional
	Draining bool `json:"draining,omitempty"`
}

// WorkloadPort is a named port.
type WorkloadPort struct {
	// What a Service's targetPort, or a probe, calls the port.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// The number of the port.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
}

// WorkloadList is a list of Workloads.
//
// +kubebuilder:object:root=true
type WorkloadList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Workload `json:"items"`
}
