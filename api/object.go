package api

import (
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/gateway-cp/gateway-cp/api/objectkey"
)

// Kind is the kind of an object.
type Kind = objectkey.Kind

// Key identifies an object.
type Key = objectkey.Key

// The kinds that gateway-cp reads.
const (
	KindBackendPolicy    Kind = "BackendPolicy"
	KindBackendTLSPolicy Kind = "BackendTLSPolicy"
	KindConfigMap        Kind = "ConfigMap"
	KindEndpoints        Kind = "Endpoints"
	KindEndpointSlice    Kind = "EndpointSlice"
	KindFleet            Kind = "Fleet"
	KindGateway          Kind = "Gateway"
	KindGatewayClass     Kind = "GatewayClass"
	KindHTTPRoute        Kind = "HTTPRoute"
	KindNamespace        Kind = "Namespace"
	KindNode             Kind = "Node"
	KindPod              Kind = "Pod"
	KindReferenceGrant   Kind = "ReferenceGrant"
	KindRollout          Kind = "Rollout"
	KindSecret           Kind = "Secret"
	KindService          Kind = "Service"
	KindWorkload         Kind = "Workload"
)

// ClusterScoped says whether objects of a kind have no namespace.
func ClusterScoped(k Kind) bool {
	switch k {
	case KindFleet, KindGatewayClass, KindNamespace, KindNode:
		return true
	}
	return false
}

// Value is a typed Kubernetes object, such as *corev1.Service.
type Value interface {
	runtime.Object
	metav1.Object
}

// Object is one admitted object: defaults set, valid by itself. Value is shared and
// must not be changed by anybody who was handed it.
type Object struct {
	Key    Key
	Value  Value
	Origin Origin // nil when the object does not come from a file
}

// Origin finds positions in the text that an object was read from.
type Origin interface {
	// At gives the position of a field, named as in Problem.Path, or of the nearest
	// enclosing field that is there. The empty path is the object itself.
	At(path string) Position
}

// Position is a place in a file. Line and Column count from 1; 0 is unknown.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String gives file:line:column, without the parts that are unknown.
func (p Position) String() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
		if p.Column > 0 {
			s += ":" + strconv.Itoa(p.Column)
		}
	}
	return s
}
