package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BackendHealthCheck says which endpoints are healthy.
type BackendHealthCheck struct {
	// Envoy checks every endpoint by itself, in place of what readiness probes of Workloads say.
	//
	// +optional
	Active *ActiveHealthCheck `json:"active,omitempty"`

	// Endpoints whose requests fail are left out for a while (outlier detection).
	//
	// +optional
	Passive *PassiveHealthCheck `json:"passive,omitempty"`

	// When less than this share of the endpoints, in percent, is healthy, all get traffic, healthy or not:
	// better some that fail than a flood on the few that are left. Without it: 0, never.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	PanicThreshold *int32 `json:"panicThreshold,omitempty"`
}

// ActiveHealthCheck is a check by Envoy.
//
// +kubebuilder:validation:XValidation:message="http needs type HTTP, and that needs http",rule="has(self.http) == (self.type == 'HTTP')"
// +kubebuilder:validation:XValidation:message="grpc needs type GRPC",rule="!has(self.grpc) || self.type == 'GRPC'"
type ActiveHealthCheck struct {
	// HTTP: a request. TCP: whether a connection is accepted. GRPC: grpc.health.v1.Health; the port of the
	// Service must speak HTTP/2. None: no check, also where Workloads have readiness probes.
	//
	// +kubebuilder:validation:Enum=HTTP;TCP;GRPC;None
	Type string `json:"type"`

	// Of type HTTP.
	//
	// +optional
	HTTP *HTTPHealthCheck `json:"http,omitempty"`

	// Of type GRPC.
	//
	// +optional
	GRPC *GRPCHealthCheck `json:"grpc,omitempty"`

	// The port that is checked. Without it, that which takes the traffic.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`

	// How often.
	//
	// +optional
	// +kubebuilder:default="3s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Interval *metav1.Duration `json:"interval,omitempty"`

	// How long an answer may take.
	//
	// +optional
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// After how many failures in a row an endpoint is unhealthy.
	//
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	UnhealthyThreshold *int32 `json:"unhealthyThreshold,omitempty"`

	// After how many successes in a row it is healthy again. The first check of a new endpoint counts
	// at once.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	HealthyThreshold *int32 `json:"healthyThreshold,omitempty"`
}

// The types of ActiveHealthCheck.
const (
	HealthCheckHTTP = "HTTP"
	HealthCheckTCP  = "TCP"
	HealthCheckGRPC = "GRPC"
	HealthCheckNone = "None"
)

// HTTPHealthCheck is a request that a healthy endpoint answers.
type HTTPHealthCheck struct {
	// Path of the request.
	//
	// +kubebuilder:validation:Pattern=`^/`
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`

	// The Host. Without it, the address of the endpoint.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Hostname string `json:"hostname,omitempty"`

	// The statuses of healthy endpoints. Without it: 200 to 399, as for readiness probes.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Minimum=100
	// +kubebuilder:validation:items:Maximum=599
	ExpectedStatuses []int32 `json:"expectedStatuses,omitempty"`
}

// GRPCHealthCheck is a call that a healthy endpoint answers with SERVING.
type GRPCHealthCheck struct {
	// The service that is asked for. Without it, the server as a whole.
	//
	// +optional
	Service string `json:"service,omitempty"`
}

// PassiveHealthCheck leaves out endpoints that fail. What it leaves out itself is as without it.
type PassiveHealthCheck struct {
	// After how many times in a row that an endpoint could not be reached, broke off, or took too long, it is
	// left out; 0: never.
	//
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	ConsecutiveLocalOriginFailures *int32 `json:"consecutiveLocalOriginFailures,omitempty"`

	// After how many answers 502, 503 and 504 in a row; 0: never.
	//
	// +optional
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	ConsecutiveGatewayErrors *int32 `json:"consecutiveGatewayErrors,omitempty"`

	// After how many answers 5xx in a row; 0: never.
	//
	// +optional
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Consecutive5XxErrors *int32 `json:"consecutive5XxErrors,omitempty"`

	// How often it is looked which endpoints may come back.
	//
	// +optional
	// +kubebuilder:default="10s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Interval *metav1.Duration `json:"interval,omitempty"`

	// How long an endpoint is left out the first time; the second time twice as long, and so on, up to
	// 300 s.
	//
	// +optional
	// +kubebuilder:default="5s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	BaseEjectionTime *metav1.Duration `json:"baseEjectionTime,omitempty"`

	// The largest share of the endpoints, in percent, that is left out at a time: with 34, one of three,
	// and none of two.
	//
	// +optional
	// +kubebuilder:default=34
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MaxEjectionPercent *int32 `json:"maxEjectionPercent,omitempty"`
}
