package translator

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The heartbeat of a Node builds nothing, whoever has endpoints on it; another zone builds them.
func TestNodeHeartbeats(t *testing.T) {
	const services = 100
	c := crowd{services: services}
	tr := c.translator(t)
	node := func(zone string, beat corev1.NodeCondition) Change {
		o := admitted(t, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{corev1.LabelTopologyZone: zone}},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{beat}},
		})
		return Change{o.Key, o}
	}
	changes := []Change{node("a", corev1.NodeCondition{Type: corev1.NodeReady})}
	for i := range services {
		slice := c.slice(i, 0)
		name := "n1"
		for k := range slice.Endpoints {
			slice.Endpoints[k] = discoveryv1.Endpoint{Addresses: slice.Endpoints[k].Addresses, NodeName: &name}
		}
		o := admitted(t, slice)
		changes = append(changes, Change{o.Key, o})
	}
	tr.Apply(changes)

	set := tr.Apply([]Change{node("a", corev1.NodeCondition{Type: corev1.NodeReady, LastHeartbeatTime: metav1.Now()})})
	if n := tr.Built(); n != 0 || len(set.Entries) != 0 {
		t.Errorf("a heartbeat builds %d units and changes %d resources", n, len(set.Entries))
	}
	set = tr.Apply([]Change{node("b", corev1.NodeCondition{Type: corev1.NodeReady})})
	if n := tr.Built(); n < services || len(set.Entries) < services {
		t.Errorf("another zone builds %d units and changes %d resources, of %d Services", n, len(set.Entries), services)
	}
	set = tr.Apply([]Change{{Key: changes[0].Key}})
	if len(set.Entries) < services {
		t.Errorf("without the Node %d resources change", len(set.Entries))
	}
}
