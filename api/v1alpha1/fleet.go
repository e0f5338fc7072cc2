package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Fleet is a set of Envoys that serve the same configuration: those whose node.cluster is
// the Fleet's name. It says which Gateways and Services they serve. Without a Fleet named
// "default" there is one with the defaults given here, which serves everything.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=gateway-cp
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.spec.serviceListener.address`
// +kubebuilder:printcolumn:name="Port",type=integer,JSONPath=`.spec.serviceListener.port`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Fleet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec FleetSpec `json:"spec,omitzero"`
}

// FleetSpec binds Envoys to what they serve.
type FleetSpec struct {
	// Which Services are served. Nothing said: all.
	//
	// +optional
	ServiceSelector *metav1.LabelSelector `json:"serviceSelector,omitempty"`

	// Which Gateways are served, among those whose GatewayClass names this Fleet in its
	// parametersRef (a class without one means the Fleet "default"). Nothing said: all.
	//
	// +optional
	GatewaySelector *metav1.LabelSelector `json:"gatewaySelector,omitempty"`

	// The namespace whose Services are also known by their bare name: shop. All others need their
	// namespace: shop.web, shop.web.svc or shop.web.svc.cluster.local. A change drains the
	// connections of the service listener; meanwhile bare names may be answered with 404.
	//
	// +optional
	// +kubebuilder:default=default
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	DefaultNamespace string `json:"defaultNamespace,omitempty"`

	// The last part of the fully qualified names of Services.
	//
	// +optional
	// +kubebuilder:default=cluster.local
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	ClusterDomain string `json:"clusterDomain,omitempty"`

	// IP addresses that Gateways without addresses of their own listen on. Nothing said:
	// 0.0.0.0.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=45
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:.]+$`
	// +kubebuilder:validation:items:XValidation:message="must be an IP address",rule="isIP(self)"
	Addresses []string `json:"addresses,omitempty"`

	// Where every Service is reachable by its DNS names over HTTP. It is open unless disabled,
	// also without any Fleet or Service.
	//
	// +optional
	// +kubebuilder:default={}
	ServiceListener *ServiceListener `json:"serviceListener,omitempty"`

	// Networks from which Services without a cluster IP are given one: at most one of IPv4 and one of
	// IPv6 (10.96.0.0/12, fd00:10:96::/108). Services of several Fleets are given one from the first
	// Fleet by name. A cluster IP that a Service has already stays when this is changed. Nothing said:
	// only Services whose manifests say so have one.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:items:MaxLength=49
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:.]+/[0-9]+$`
	// +kubebuilder:validation:items:XValidation:message="must be a network",rule="isCIDR(self)"
	ClusterIPRanges []string `json:"clusterIPRanges,omitempty"`

	// Node ports of Services of type NodePort and LoadBalancer.
	//
	// +optional
	// +kubebuilder:default={}
	NodePorts *NodePorts `json:"nodePorts,omitempty"`

	// Addresses of Services of type LoadBalancer.
	//
	// +optional
	// +kubebuilder:default={}
	LoadBalancer *LoadBalancer `json:"loadBalancer,omitempty"`

	// Networks that the externalIPs of Services may be out of (203.0.113.0/28); a single address is one,
	// too. The machines of the Fleet's Envoys must have the addresses. Nothing said: externalIPs are not
	// served, since with them whoever may write a Service could take the address of another one.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=49
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:./]+$`
	// +kubebuilder:validation:items:XValidation:message="must be an IP address or a network",rule="isIP(self) || isCIDR(self)"
	ExternalIPRanges []string `json:"externalIPRanges,omitempty"`

	// How Envoys find the addresses of Services of type ExternalName.
	//
	// +optional
	// +kubebuilder:default={}
	DNS *DNS `json:"dns,omitempty"`

	// The file on the machines of the Fleet's Envoys that has the well-known certificate authorities:
	// those that TLS to Services outside is verified with.
	//
	// +optional
	// +kubebuilder:default="/etc/ssl/certs/ca-certificates.crt"
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/.+$`
	SystemCACertificates string `json:"systemCACertificates,omitempty"`

	// Leads connections to cluster IPs and node ports to one socket of each Envoy, in place of a socket
	// for each address and port. Nothing said: no Envoy listens at cluster IPs, unless gateway-cp was
	// started with --bind-cluster-ips, and each node port is a socket.
	//
	// +optional
	Interception *Interception `json:"interception,omitempty"`

	// How the address of a client reaches endpoints.
	//
	// +optional
	// +kubebuilder:default={}
	ClientAddress *ClientAddress `json:"clientAddress,omitempty"`

	// How long a cluster that nothing refers to any more is kept on an Envoy, for requests
	// that are still running; and for how long at most a probed endpoint that was replaced still
	// serves while no other one has passed its check.
	//
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	DrainTime *metav1.Duration `json:"drainTime,omitempty"`

	// What bounds the rollouts of the Services that are served.
	//
	// +optional
	Rollouts *FleetRollouts `json:"rollouts,omitempty"`
}

// ServiceListener is the HTTP listener for the DNS names of Services.
type ServiceListener struct {
	// Turns the listener off.
	//
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// The IP address to listen on. Nothing said: every IPv4 address of the machine.
	//
	// +optional
	// +kubebuilder:default="0.0.0.0"
	// +kubebuilder:validation:MaxLength=45
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F:.]+$`
	// +kubebuilder:validation:XValidation:message="must be an IP address",rule="isIP(self)"
	Address string `json:"address,omitempty"`
	// The port to listen on.
	//
	// +optional
	// +kubebuilder:default=10080
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// DefaultSystemCACertificates is where most distributions of Linux, and Envoy's images, have them.
const DefaultSystemCACertificates = "/etc/ssl/certs/ca-certificates.crt"

// DefaultFleet is the name of the fleet that needs no object.
const DefaultFleet = "default"

// ImplicitFleet gives the fleet "default" as it is without any object.
func ImplicitFleet() *Fleet {
	f := &Fleet{}
	f.Name = DefaultFleet
	f.SetDefaults()
	return f
}

// ServesService says whether the Fleet's Envoys serve a Service with these labels.
func (f *Fleet) ServesService(l map[string]string) bool { return Selects(f.Spec.ServiceSelector, l) }

// Selects says whether a selector selects labels. None selects everything, and one that cannot be read
// (admission refuses those) nothing.
func Selects(s *metav1.LabelSelector, l map[string]string) bool {
	if s == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(l))
}

// FleetList is a list of Fleets.
//
// +kubebuilder:object:root=true
type FleetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Fleet `json:"items"`
}
