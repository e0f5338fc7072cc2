package v1alpha1

import (
	"fmt"
	"strconv"
	"strings"
)

// NodePorts says how the Envoys of a Fleet serve the node ports of Services of type NodePort and
// LoadBalancer.
type NodePorts struct {
	// Turns node ports off: no Envoy of the Fleet listens on them, and none are chosen.
	//
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// The ports that Services may have: the first and the last. A port that a Service has already
	// stays when the range is changed.
	//
	// +optional
	// +kubebuilder:default="30000-32767"
	// +kubebuilder:validation:MaxLength=11
	// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,4}-[1-9][0-9]{0,4}$`
	Range string `json:"range,omitempty"`
	// IP addresses to listen on. Nothing said: the addresses of the Fleet.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=45
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:.]+$`
	// +kubebuilder:validation:items:XValidation:message="must be an IP address",rule="isIP(self)"
	Addresses []string `json:"addresses,omitempty"`
}

// DefaultNodePortRange is that of Kubernetes.
const DefaultNodePortRange = "30000-32767"

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last int32 }

// String gives "30000-32767".
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// ParsePortRange reads "30000-32767". The error says what is wrong, without a field.
func ParsePortRange(s string) (PortRange, error) {
	from, to, ok := strings.Cut(s, "-")
	first, err1 := strconv.ParseUint(from, 10, 16)
	last, err2 := strconv.ParseUint(to, 10, 16)
	switch {
	case !ok || err1 != nil || err2 != nil || first == 0:
		return PortRange{}, fmt.Errorf("%q is not a range of ports", s)
	case last < first:
		return PortRange{}, fmt.Errorf("the range %q ends before it begins", s)
	}
	return PortRange{int32(first), int32(last)}, nil
}
