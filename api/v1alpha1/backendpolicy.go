package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BackendPolicy says how the requests and connections to a Service are spread over its endpoints, and what
// is done about endpoints that fail. It holds on every way to the Service: its names, routes of Gateways,
// node ports, load balancers and cluster IPs, and for each version of a Rollout.
//
// What a policy leaves out is as without one. Names and meanings are those of Envoy Gateway's
// BackendTrafficPolicy where it has them; session persistence is that of the Gateway API.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=bp,categories=gateway-cp
// +kubebuilder:printcolumn:name="Targets",type=string,JSONPath=`.spec.targetRefs[*].name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type BackendPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec BackendPolicySpec `json:"spec"`
}

// BackendPolicySpec is what the policy asks for.
type BackendPolicySpec struct {
	// The Services that the policy is for, in the same namespace. Of several policies for a Service,
	// one that names the port wins over one for the whole Service, then the oldest, then the
	// first by name. It is in effect as a whole: policies are not merged.
	//
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	TargetRefs []PolicyTargetRef `json:"targetRefs"`

	// How an endpoint is chosen. Without it: round robin, or what sessionAffinity and the annotation
	// gateway-cp.io/ipvs-scheduler of the Service say.
	//
	// +optional
	LoadBalancer *BackendLoadBalancer `json:"loadBalancer,omitempty"`

	// A client keeps the endpoint that has answered it first, by a cookie. HTTP only. An endpoint that
	// comes moves nobody; the clients of one that goes get another.
	//
	// +optional
	SessionPersistence *SessionPersistence `json:"sessionPersistence,omitempty"`

	// Which endpoints are healthy.
	//
	// +optional
	HealthCheck *BackendHealthCheck `json:"healthCheck,omitempty"`

	// Which requests are tried again. HTTP only. Without it: up to 2 more attempts, on another endpoint
	// each, of what has certainly not been processed.
	//
	// +optional
	Retry *BackendRetry `json:"retry,omitempty"`

	// Limits of what is under way at a time, for each Envoy and each cluster (each version of a Rollout).
	//
	// +optional
	CircuitBreaker *BackendCircuitBreaker `json:"circuitBreaker,omitempty"`

	// Time limits.
	//
	// +optional
	Timeout *BackendTimeout `json:"timeout,omitempty"`

	// TCP keep-alive probes on connections to endpoints, so that one that is gone without a word is noticed.
	//
	// +optional
	TCPKeepalive *TCPKeepalive `json:"tcpKeepalive,omitempty"`
}

// PolicyTargetRef names a Service, or a port of one.
type PolicyTargetRef struct {
	TargetRef `json:",inline"`

	// A port of the Service, by its name or its number. Without it, all ports.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	SectionName string `json:"sectionName,omitempty"`
}

// BackendLoadBalancer is how an endpoint is chosen.
//
// +kubebuilder:validation:ExactlyOneOf=type;ipvsScheduler
// +kubebuilder:validation:XValidation:message="consistentHash needs type ConsistentHash, and that needs consistentHash",rule="has(self.consistentHash) == (has(self.type) && self.type == 'ConsistentHash')"
// +kubebuilder:validation:XValidation:message="leastRequest needs type LeastRequest",rule="!has(self.leastRequest) || has(self.type) && self.type == 'LeastRequest'"
// +kubebuilder:validation:XValidation:message="slowStart needs type RoundRobin or LeastRequest",rule="!has(self.slowStart) || (has(self.type) ? self.type in ['RoundRobin', 'LeastRequest'] : self.ipvsScheduler in ['rr', 'wrr', 'lc', 'wlc', 'sed', 'dh'])"
type BackendLoadBalancer struct {
	// RoundRobin: in turn. LeastRequest: of some endpoints chosen by chance, the one with the fewest
	// requests or connections under way. Random: by chance. ConsistentHash: the same client, header or
	// cookie goes to the same endpoint.
	//
	// +optional
	Type LoadBalancerType `json:"type,omitempty"`

	// The same by the name that kube-proxy's IPVS mode has for it: rr and wrr are round robin; lc, wlc and
	// sed least request; sh a hash of the client's address; dh round robin, since the destination of all
	// clients is the Service.
	//
	// +optional
	// +kubebuilder:validation:Enum=rr;wrr;lc;wlc;sed;sh;dh
	IPVSScheduler string `json:"ipvsScheduler,omitempty"`

	// Of type LeastRequest.
	//
	// +optional
	LeastRequest *LeastRequest `json:"leastRequest,omitempty"`

	// Of type ConsistentHash.
	//
	// +optional
	ConsistentHash *ConsistentHash `json:"consistentHash,omitempty"`

	// An endpoint that is new gets its full share bit by bit. Of types RoundRobin and LeastRequest.
	//
	// +optional
	SlowStart *SlowStart `json:"slowStart,omitempty"`
}

// LoadBalancerType is a way to choose endpoints.
//
// +kubebuilder:validation:Enum=RoundRobin;LeastRequest;Random;ConsistentHash
type LoadBalancerType string

// The ways to choose endpoints.
const (
	RoundRobinLoadBalancer     LoadBalancerType = "RoundRobin"
	LeastRequestLoadBalancer   LoadBalancerType = "LeastRequest"
	RandomLoadBalancer         LoadBalancerType = "Random"
	ConsistentHashLoadBalancer LoadBalancerType = "ConsistentHash"
)

// LeastRequest chooses the endpoint with the fewest requests.
type LeastRequest struct {
	// Of how many endpoints, chosen by chance, the one with the fewest requests is taken.
	//
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=100
	Choices int32 `json:"choices,omitempty"`
}

// ConsistentHash says what chooses the endpoint, and how.
//
// +kubebuilder:validation:XValidation:message="header needs type Header, and that needs header",rule="has(self.header) == (self.type == 'Header')"
// +kubebuilder:validation:XValidation:message="cookie needs type Cookie, and that needs cookie",rule="has(self.cookie) == (self.type == 'Cookie')"
// +kubebuilder:validation:XValidation:message="tableSize is of Maglev",rule="!has(self.tableSize) || !has(self.algorithm) || self.algorithm == 'Maglev'"
// +kubebuilder:validation:XValidation:message="minimumRingSize is of RingHash",rule="!has(self.minimumRingSize) || has(self.algorithm) && self.algorithm == 'RingHash'"
type ConsistentHash struct {
	// What is hashed: the address of the client, a header of the request, or a cookie. Of connections and
	// datagrams there is only the address: with Header and Cookie they are spread by round robin.
	Type ConsistentHashType `json:"type"`

	// Of type Header. Requests without it are spread by chance.
	//
	// +optional
	Header *HashHeader `json:"header,omitempty"`

	// Of type Cookie.
	//
	// +optional
	Cookie *HashCookie `json:"cookie,omitempty"`

	// Maglev moves hardly more clients than it must when endpoints come or go; RingHash moves more, and
	// follows weights of endpoints more exactly the larger the ring.
	//
	// +optional
	// +kubebuilder:default=Maglev
	// +kubebuilder:validation:Enum=Maglev;RingHash
	Algorithm string `json:"algorithm,omitempty"`

	// Size of Maglev's table: a prime number, a hundred times the number of endpoints or more. Without it: 65537.
	//
	// +optional
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=5000011
	TableSize *int64 `json:"tableSize,omitempty"`

	// Least number of places on the ring. Without it: 1024.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8388608
	MinimumRingSize *int64 `json:"minimumRingSize,omitempty"`
}

// The algorithms of ConsistentHash.
const (
	MaglevAlgorithm   = "Maglev"
	RingHashAlgorithm = "RingHash"
)

// ConsistentHashType is what is hashed.
//
// +kubebuilder:validation:Enum=SourceIP;Header;Cookie
type ConsistentHashType string

// What may be hashed.
const (
	HashSourceIP ConsistentHashType = "SourceIP"
	HashOfHeader ConsistentHashType = "Header"
	HashOfCookie ConsistentHashType = "Cookie"
)

// HashHeader is a request header that is hashed.
type HashHeader struct {
	// Its name.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name"`
}

// HashCookie is a cookie that is hashed.
type HashCookie struct {
	// Its name.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name"`

	// How long a cookie that Envoy makes lasts, for clients that have none; 0s: until the client is closed.
	// Without it Envoy makes none, and clients without the cookie are spread by chance.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	TTL *metav1.Duration `json:"ttl,omitempty"`
}

// SlowStart is the time in which a new endpoint gets its full share.
type SlowStart struct {
	// How long it takes.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Window metav1.Duration `json:"window"`
}

// SessionPersistence is the cookie by which a client keeps its endpoint, as in the Gateway API. Its value is the
// address of the endpoint, encoded: whoever has the cookie can read it.
//
// +kubebuilder:validation:XValidation:message="absoluteTimeout is how long the cookie lasts: it needs lifetimeType Permanent, and that needs absoluteTimeout",rule="has(self.absoluteTimeout) == (has(self.cookieConfig) && has(self.cookieConfig.lifetimeType) && self.cookieConfig.lifetimeType == 'Permanent')"
type SessionPersistence struct {
	// Name of the cookie.
	//
	// +optional
	// +kubebuilder:default=gateway-cp-session
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	SessionName string `json:"sessionName,omitempty"`

	// Always Cookie.
	//
	// +optional
	// +kubebuilder:default=Cookie
	// +kubebuilder:validation:Enum=Cookie
	Type string `json:"type,omitempty"`

	// How long a session lasts, from its first answer on. Needs lifetimeType Permanent.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	AbsoluteTimeout *metav1.Duration `json:"absoluteTimeout,omitempty"`

	// What kind of cookie it is.
	//
	// +optional
	CookieConfig *CookieConfig `json:"cookieConfig,omitempty"`
}

// CookieConfig is what kind of cookie a session has.
type CookieConfig struct {
	// Session: until the client is closed. Permanent: for absoluteTimeout.
	//
	// +optional
	// +kubebuilder:default=Session
	// +kubebuilder:validation:Enum=Session;Permanent
	LifetimeType string `json:"lifetimeType,omitempty"`
}

// The values of CookieConfig.LifetimeType.
const (
	SessionCookie   = "Session"
	PermanentCookie = "Permanent"
)

// TCPKeepalive is how connections without traffic are probed.
type TCPKeepalive struct {
	// After how many probes without an answer a connection is dead. Without it: what the system has.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=127
	Probes *int32 `json:"probes,omitempty"`

	// How long a connection must be silent before the first probe, in whole seconds.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	IdleTime *metav1.Duration `json:"idleTime,omitempty"`

	// How long between two probes, in whole seconds.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// BackendPolicyList is a list of BackendPolicies.
//
// +kubebuilder:object:root=true
type BackendPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BackendPolicy `json:"items"`
}
