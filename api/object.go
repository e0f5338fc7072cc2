package api

import (
	"cmp"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Kind is the kind of an object. The kinds read here have distinct names, so the
// API group is left out of it.
type Kind string

// The kinds that gateway-cp reads.
const (
	KindConfigMap      Kind = "ConfigMap"
	KindEndpoints      Kind = "Endpoints"
	KindEndpointSlice  Kind = "EndpointSlice"
	KindFleet          Kind = "Fleet"
	KindGateway        Kind = "Gateway"
	KindGatewayClass   Kind = "GatewayClass"
	KindHTTPRoute      Kind = "HTTPRoute"
	KindNamespace      Kind = "Namespace"
	KindNode           Kind = "Node"
	KindPod            Kind = "Pod"
	KindReferenceGrant Kind = "ReferenceGrant"
	KindRollout        Kind = "Rollout"
	KindSecret         Kind = "Secret"
	KindService        Kind = "Service"
	KindWorkload       Kind = "Workload"
)

// ClusterScoped says whether objects of the kind have no namespace.
func (k Kind) ClusterScoped() bool {
	switch k {
	case KindFleet, KindGatewayClass, KindNamespace, KindNode:
		return true
	}
	return false
}

// Key identifies an object. It is comparable.
type Key struct {
	Kind      Kind   `json:"kind"`
	Namespace string `json:"namespace,omitempty"` // empty for cluster-scoped kinds
	Name      string `json:"name"`
}

// String gives "Kind namespace/name", or "Kind name" for cluster-scoped kinds.
func (k Key) String() string {
	if k.Namespace == "" {
		return string(k.Kind) + " " + k.Name
	}
	return string(k.Kind) + " " + k.Namespace + "/" + k.Name
}

// Compare orders keys by kind, namespace and name.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Namespace, o.Namespace), cmp.Compare(k.Name, o.Name))
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
