package v1alpha1

import (
	"net/netip"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DNS says how the Envoys of a Fleet find the addresses of names outside: those of Services of type
// ExternalName. They ask for the name as it is; no search path applies.
type DNS struct {
	// Resolvers to ask, as IP addresses with or without a port (10.0.0.2, 10.0.0.2:5353, [fd00::2]:53).
	// Nothing said: those of the machine of each Envoy.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=53
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:.]+$|^\[[0-9a-fA-F:.]+\]:[0-9]+$`
	Resolvers []string `json:"resolvers,omitempty"`
	// Which addresses are asked for and used: IPv4, IPv6, IPv4Preferred (those of IPv6 only where there are
	// none of IPv4), IPv6Preferred, or IPv4AndIPv6.
	//
	// +optional
	// +kubebuilder:default=IPv4Preferred
	// +kubebuilder:validation:Enum=IPv4;IPv6;IPv4Preferred;IPv6Preferred;IPv4AndIPv6
	LookupFamily string `json:"lookupFamily,omitempty"`
	// A name is asked for again when the TTL of its answer has passed, but not before this time.
	//
	// +optional
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	MinRefresh *metav1.Duration `json:"minRefresh,omitempty"`
	// When a name is asked for again that has no address (NXDOMAIN, or no record), or whose answer has
	// a TTL of 0.
	//
	// +optional
	// +kubebuilder:default="5s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	NegativeRefresh *metav1.Duration `json:"negativeRefresh,omitempty"`
	// When a name is asked for again after no resolver has answered, or with a failure: some time up to
	// this, each time up to twice as long as the time before, at most ten times as long. The
	// addresses that are known stay in use.
	//
	// +optional
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	FailureRefresh *metav1.Duration `json:"failureRefresh,omitempty"`
}

// The values of DNS.LookupFamily.
const (
	LookupIPv4          = "IPv4"
	LookupIPv6          = "IPv6"
	LookupIPv4Preferred = "IPv4Preferred"
	LookupIPv6Preferred = "IPv6Preferred"
	LookupIPv4AndIPv6   = "IPv4AndIPv6"
)

// setDefaults fills in what the kubebuilder:default markers say.
func (d *DNS) setDefaults() {
	if d.LookupFamily == "" {
		d.LookupFamily = LookupIPv4Preferred
	}
	unset(&d.MinRefresh, metav1.Duration{Duration: time.Second})
	unset(&d.NegativeRefresh, metav1.Duration{Duration: 5 * time.Second})
	unset(&d.FailureRefresh, metav1.Duration{Duration: time.Second})
}

// ParseResolver reads the address of a resolver; without a port it is 53.
func ParseResolver(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	return netip.ParseAddrPort(s)
}
