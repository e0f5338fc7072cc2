package v1alpha1

import "net/netip"

// Interception says that TCP connections to cluster IPs in the Fleet's ranges, and to its node ports, come
// to one socket of each Envoy. Rules of the machine lead them there: gateway-cp node install.
type Interception struct {
	// How the rules lead connections to the socket. TProxy needs no connection tracking, and an Envoy
	// with CAP_NET_ADMIN; Redirect (NAT) needs connection tracking, and any Envoy will do.
	//
	// +optional
	// +kubebuilder:default=TProxy
	// +kubebuilder:validation:Enum=TProxy;Redirect
	Mode InterceptionMode `json:"mode,omitempty"`
	// The port of the socket. Nothing else may listen on it.
	//
	// +optional
	// +kubebuilder:default=15001
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// InterceptionMode is how connections are led to the socket.
type InterceptionMode string

// The modes of interception.
const (
	InterceptTProxy   InterceptionMode = "TProxy"
	InterceptRedirect InterceptionMode = "Redirect"
)

// Intercepts says whether connections to an address are led to the one socket because it is a cluster IP.
func (f *FleetSpec) Intercepts(a netip.Addr) bool {
	if f.Interception == nil {
		return false
	}
	for _, text := range f.ClusterIPRanges {
		if p, err := ParseNetwork(text); err == nil && p.Contains(a) { // admission refuses others
			return true
		}
	}
	return false
}

// InterceptsNodePort says whether connections to a port are led to the one socket because it is a node port.
func (f *FleetSpec) InterceptsNodePort(port int32) bool {
	if f.Interception == nil || f.NodePorts.Disabled {
		return false
	}
	r, err := ParsePortRange(f.NodePorts.Range)
	return err == nil && r.First <= port && port <= r.Last
}

// ClientAddress says how the address of a client reaches endpoints.
type ClientAddress struct {
	// How many proxies in front of the Envoys are trusted to have written X-Forwarded-For. The client
	// is the address that the first of them has written, counted from the right; with 0 it is the
	// peer of the connection. The annotation gateway-cp.io/trusted-hops of a Gateway or Service wins.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	TrustedHops int32 `json:"trustedHops,omitempty"`
	// Connections to local endpoints (externalTrafficPolicy or internalTrafficPolicy Local) come from the
	// address of the client, as kube-proxy has it. The Envoys need CAP_NET_ADMIN, and their machines
	// rules for the way back: gateway-cp node install. The annotation gateway-cp.io/original-source
	// of a Service wins. TCP only.
	//
	// +optional
	OriginalSource bool `json:"originalSource,omitempty"`
}

// Annotations of Services and Gateways about the addresses of clients.
const (
	// AcceptProxyAnnotation of a Gateway, or of a Service for its node ports and load balancer: clients
	// begin connections with a PROXY protocol header, v1 or v2, that says who they are. Values: required,
	// optional.
	AcceptProxyAnnotation = "gateway-cp.io/accept-proxy-protocol"
	AcceptProxyRequired   = "required"
	AcceptProxyOptional   = "optional"

	// SendProxyAnnotation of a Service: connections to its endpoints begin with such a header. Values: v1, v2.
	SendProxyAnnotation = "gateway-cp.io/send-proxy-protocol"
	SendProxyV1         = "v1"
	SendProxyV2         = "v2"

	// TrustedHopsAnnotation of a Gateway or Service is clientAddress.trustedHops of the Fleet for it alone.
	TrustedHopsAnnotation = "gateway-cp.io/trusted-hops"
	// MostTrustedHops is the greatest number of them.
	MostTrustedHops = 100

	// OriginalSourceAnnotation of a Service says whether connections to its endpoints come from the address of
	// the client, whatever the Fleet says. Values: true, false.
	OriginalSourceAnnotation = "gateway-cp.io/original-source"
)

// The marks of packets by which the machine's rules know connections that come from the address of a client:
// OriginalSourceMark is on those that Envoy sends, OriginalSourceReply on those on their way back.
const (
	OriginalSourceMark  = 0x67637001
	OriginalSourceReply = 0x67637002
)
