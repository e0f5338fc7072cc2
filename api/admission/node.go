package admission

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// node checks the addresses of a Node that are IP addresses by their type.
func (r *report) node(n *corev1.Node) {
	for i, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			r.address(field.NewPath("status", "addresses").Index(i).Child("address"), a.Address)
		}
	}
}
