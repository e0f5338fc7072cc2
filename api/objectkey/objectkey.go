// Package objectkey names objects: their kind, namespace and name.
//
// It is apart from package api so that whoever only says where something comes from (package
// resource, and a program that uses package xds as a library) does not link the types of
// Kubernetes. It knows nothing, not even which kinds there are.
package objectkey

import "cmp"

// Kind is the kind of an object, such as Service. The kinds that gateway-cp reads have distinct
// names, so the API group is left out of it.
type Kind string

// Key identifies an object. It is comparable.
type Key struct {
	Kind      Kind   `json:"kind"`
	Namespace string `json:"namespace,omitempty"` // empty for cluster-scoped kinds
	Name      string `json:"name"`
}

// String gives "Kind namespace/name", or "Kind name" without a namespace.
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
