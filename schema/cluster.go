package schema

import (
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (r *report) lease(l *coordinationv1.Lease) {
	r.atLeast(spec.field("leaseDurationSeconds"), l.Spec.LeaseDurationSeconds, 1)
	r.atLeast(spec.field("leaseTransitions"), l.Spec.LeaseTransitions, 0)
}

// systemPriorities are the priorities above those of users, which Kubernetes itself makes.
var systemPriorities = map[string]int32{"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}

// maxPriority is the highest priority for users.
const maxPriority = 1000000000

func (r *report) priorityClass(c *schedulingv1.PriorityClass) {
	root := new(path)
	if !strings.HasPrefix(c.Name, "system-") {
		if c.Value > maxPriority {
			r.invalid(root.field("value"), "", "is %d, but may be at most %d", c.Value, maxPriority)
		}
		return
	}
	if value, known := systemPriorities[c.Name]; !known || value != c.Value || c.GlobalDefault {
		r.invalid(root.field("metadata").field("name"), "rename it", "begins with system-, which is for Kubernetes itself")
	}
}

func (r *report) runtimeClass(c *nodev1.RuntimeClass) {
	r.optionalName(new(path).field("handler"), c.Handler, label)
}

func (r *report) storageClass(c *storagev1.StorageClass) {
	if c.Provisioner != "" && len(validation.IsQualifiedName(strings.ToLower(c.Provisioner))) > 0 {
		r.invalid(new(path).field("provisioner"), "write a domain and a name, as in kubernetes.io/no-provisioner", "%q is not the name of a provisioner", c.Provisioner)
	}
}
