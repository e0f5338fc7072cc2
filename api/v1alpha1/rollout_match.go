package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RequestMatch says which requests go to a version whatever the shares. A request has to meet all that
// is set; of hosts, one is enough.
//
// +kubebuilder:validation:MinProperties=1
type RequestMatch struct {
	// Headers that the request must have, all of them.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Headers []ValueMatch `json:"headers,omitempty"`

	// Cookies that the request must have, all of them.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Cookies []ValueMatch `json:"cookies,omitempty"`

	// Hosts, one of which the request must be for, on whatever port. They only tell requests apart that
	// come to the Service anyway: an HTTPRoute must lead them there.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Hosts []string `json:"hosts,omitempty"`
}

// ValueMatch is what a header, or a cookie, must have as its value.
type ValueMatch struct {
	// The name. Names of headers mean the same in upper and in lower case.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$`
	Name string `json:"name"`

	// Exact compares the value; RegularExpression (RE2) must match all of it.
	//
	// +optional
	// +kubebuilder:default=Exact
	// +kubebuilder:validation:Enum=Exact;RegularExpression
	Type string `json:"type,omitempty"`

	// The value, or the regular expression.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value"`
}

// MatchExact and MatchRegex are the types of a ValueMatch; no type is MatchExact.
const (
	MatchExact = "Exact"
	MatchRegex = "RegularExpression"
)

// Mirror says which requests are copied.
type Mirror struct {
	// How many of the requests, in percent.
	Percent Percent `json:"percent"`

	// The methods of requests that are copied. Without it: GET, HEAD and OPTIONS, which change nothing.
	// What a copy with another method does is done twice.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:Enum=GET;HEAD;OPTIONS;POST;PUT;PATCH;DELETE
	Methods []string `json:"methods,omitempty"`
}

// Preview shows a version that is not active to some.
type Preview struct {
	// The version. While it is the active one and has all traffic, there is nothing to show.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Version string `json:"version"`

	// The requests that meet one of these go to the version, once enough of its endpoints are healthy.
	//
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Match []RequestMatch `json:"match"`
}

// Stickiness says what a user is known by.
//
// +kubebuilder:validation:ExactlyOneOf=header;cookie
type Stickiness struct {
	// The header whose value is the user: x-user-id. A request without it goes to either version.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$`
	Header string `json:"header,omitempty"`

	// A cookie that Envoy gives to those who have none.
	//
	// +optional
	Cookie *StickyCookie `json:"cookie,omitempty"`
}

// StickyCookie is the cookie that a user is known by. Its value is random.
type StickyCookie struct {
	// The name.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$`
	Name string `json:"name"`

	// How long a browser keeps it. Without it: until the browser is closed.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	TTL *metav1.Duration `json:"ttl,omitempty"`
}
