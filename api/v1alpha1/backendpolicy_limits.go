package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BackendRetry says which requests are tried again. Each attempt goes to an endpoint that has not been tried yet,
// as long as there is one.
type BackendRetry struct {
	// How many more attempts there are; 0: none.
	//
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10
	NumRetries *int32 `json:"numRetries,omitempty"`

	// After what.
	//
	// +optional
	RetryOn *RetryOn `json:"retryOn,omitempty"`

	// Each attempt.
	//
	// +optional
	PerRetry *PerRetry `json:"perRetry,omitempty"`
}

// RetryOn says after what a request is tried again. What has certainly not been processed always is, whatever
// its method.
//
// +kubebuilder:validation:XValidation:message="httpStatusCodes and the trigger retriable-status-codes need each other",rule="has(self.httpStatusCodes) == (has(self.triggers) && 'retriable-status-codes' in self.triggers)"
type RetryOn struct {
	// In Envoy's words. connect-failure, refused-stream and reset-before-request are always there: the request
	// has not been processed. reset, gateway-error, 5xx, retriable-4xx and retriable-status-codes hold only for
	// the methods below. Those of gRPC (cancelled, deadline-exceeded, internal, resource-exhausted,
	// unavailable) hold for every call: name them when all methods of the Service may be called twice.
	// Without it: reset.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:Enum=connect-failure;refused-stream;reset-before-request;reset;gateway-error;"5xx";retriable-4xx;retriable-status-codes;cancelled;deadline-exceeded;internal;resource-exhausted;unavailable
	Triggers []string `json:"triggers,omitempty"`

	// The statuses of the trigger retriable-status-codes.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Minimum=400
	// +kubebuilder:validation:items:Maximum=599
	HTTPStatusCodes []int32 `json:"httpStatusCodes,omitempty"`

	// The methods of requests that may be processed twice. Without it: GET, HEAD and OPTIONS. Name others, such
	// as PUT, only where the Service takes them twice without harm.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=9
	// +kubebuilder:validation:items:Enum=GET;HEAD;OPTIONS;TRACE;PUT;DELETE;POST;PATCH
	Methods []string `json:"methods,omitempty"`
}

// The triggers of RetryOn.
var (
	// UnprocessedTriggers are of requests that no endpoint has processed: they always hold.
	UnprocessedTriggers = []string{"connect-failure", "refused-stream", "reset-before-request"}
	// MethodTriggers are of requests that an endpoint may have processed.
	MethodTriggers = []string{"reset", "gateway-error", "5xx", "retriable-4xx", RetriableStatusCodes}
	// CallTriggers are of gRPC.
	CallTriggers = []string{"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"}
)

// RetriableStatusCodes is the trigger that needs statuses.
const RetriableStatusCodes = "retriable-status-codes"

// RetryMethods are the methods that RetryOn may name.
var RetryMethods = []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH"}

// PerRetry is about each attempt.
type PerRetry struct {
	// How long an attempt may take. An HTTPRoute's timeouts.backendRequest wins.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// How long it is waited before an attempt.
	//
	// +optional
	BackOff *BackOff `json:"backOff,omitempty"`
}

// BackOff is a waiting time that grows from attempt to attempt, with jitter.
type BackOff struct {
	// The first. Without it: 25ms.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	BaseInterval metav1.Duration `json:"baseInterval"`

	// The longest. Without it: ten times the first.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	MaxInterval *metav1.Duration `json:"maxInterval,omitempty"`
}

// BackendCircuitBreaker limits what is under way. What is over a limit is answered 503, or closed, at once.
type BackendCircuitBreaker struct {
	// Connections to all endpoints.
	//
	// +optional
	// +kubebuilder:default=10000
	// +kubebuilder:validation:Minimum=0
	MaxConnections *int64 `json:"maxConnections,omitempty"`

	// Requests that wait for a connection.
	//
	// +optional
	// +kubebuilder:default=10000
	// +kubebuilder:validation:Minimum=0
	MaxPendingRequests *int64 `json:"maxPendingRequests,omitempty"`

	// Requests under way.
	//
	// +optional
	// +kubebuilder:default=10000
	// +kubebuilder:validation:Minimum=0
	MaxParallelRequests *int64 `json:"maxParallelRequests,omitempty"`

	// Further attempts under way.
	//
	// +optional
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=0
	MaxParallelRetries *int64 `json:"maxParallelRetries,omitempty"`

	// After how many requests a connection is closed; 0: never.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxRequestsPerConnection *int64 `json:"maxRequestsPerConnection,omitempty"`

	// Limits of each endpoint.
	//
	// +optional
	PerEndpoint *PerEndpointCircuitBreaker `json:"perEndpoint,omitempty"`
}

// PerEndpointCircuitBreaker limits what is under way at an endpoint.
type PerEndpointCircuitBreaker struct {
	// Connections to the endpoint.
	//
	// +kubebuilder:validation:Minimum=0
	MaxConnections int64 `json:"maxConnections"`
}

// BackendTimeout are time limits.
type BackendTimeout struct {
	// Of connections.
	//
	// +optional
	TCP *TCPTimeout `json:"tcp,omitempty"`

	// Of requests.
	//
	// +optional
	HTTP *HTTPTimeout `json:"http,omitempty"`
}

// TCPTimeout are time limits of connections.
type TCPTimeout struct {
	// How long it may take to connect to an endpoint. Without it: 5s.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	ConnectTimeout *metav1.Duration `json:"connectTimeout,omitempty"`

	// How long a connection that is passed on byte for byte stays open without a byte; 0s: for ever. Without
	// it: 15m, as connection tracking.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	IdleTimeout *metav1.Duration `json:"idleTimeout,omitempty"`
}

// HTTPTimeout are time limits of requests.
type HTTPTimeout struct {
	// How long a request may take as a whole, with all attempts; 0s: no limit. An HTTPRoute's
	// timeouts.request wins.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	RequestTimeout *metav1.Duration `json:"requestTimeout,omitempty"`

	// How long a stream stays open without a byte in either direction; 0s: for ever. Without it: 5m.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	StreamIdleTimeout *metav1.Duration `json:"streamIdleTimeout,omitempty"`

	// How long a connection to an endpoint is kept without a request; 0s: for ever. Without it: 1h.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	ConnectionIdleTimeout *metav1.Duration `json:"connectionIdleTimeout,omitempty"`

	// How long a connection to an endpoint is used at most; requests on it finish. Without it: no limit.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	MaxConnectionDuration *metav1.Duration `json:"maxConnectionDuration,omitempty"`
}
