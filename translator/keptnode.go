package translator

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/gateway-cp/gateway-cp/api"
)

// keptNode is what is kept of a Node. Its status has a heartbeat, every few minutes or seconds, which
// says nothing here: who reads the Node is not to be built again because of it.
type keptNode struct {
	metav1.TypeMeta
	*metav1.ObjectMeta // nothing is in it: the name is in the object's key
	zone               string
}

var (
	_ api.Value = (*keptNode)(nil)
	_ sameValue = (*keptNode)(nil)
)

// DeepCopyObject implements runtime.Object.
func (k *keptNode) DeepCopyObject() runtime.Object { return k }

func keepNode(n *corev1.Node) *keptNode {
	return &keptNode{ObjectMeta: noMeta, zone: n.Labels[corev1.LabelTopologyZone]}
}

// same implements sameValue.
func (k *keptNode) same(other api.Value) bool {
	o, ok := other.(*keptNode)
	return ok && o.zone == k.zone
}
