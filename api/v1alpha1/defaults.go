package v1alpha1

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// SetDefaults fills in what the kubebuilder:default markers say.
func (r *Rollout) SetDefaults() {
	if r.Spec.TargetRef.Kind == "" {
		r.Spec.TargetRef.Kind = "Service"
	}
	all := intstr.FromString("100%")
	if bg := r.Spec.BlueGreen; bg != nil {
		if bg.Preview != nil {
			defaultMatches(bg.Preview.Match)
		}
		unset(&bg.MinHealthy, all)
		unset(&bg.HoldOld, metav1.Duration{Duration: 10 * time.Minute})
		unset(&bg.Deadline, metav1.Duration{Duration: time.Minute})
	}
	if c := r.Spec.Canary; c != nil {
		for i := range c.Steps {
			defaultMatches(c.Steps[i].Match)
		}
		unset(&c.MinHealthy, all)
		unset(&c.Deadline, metav1.Duration{Duration: time.Minute})
		unset(&c.Bake, metav1.Duration{})
		unset(&c.HoldOld, metav1.Duration{Duration: 10 * time.Minute})
	}
}

func defaultMatches(all []RequestMatch) {
	for _, m := range all {
		for _, values := range [][]ValueMatch{m.Headers, m.Cookies} {
			for i := range values {
				values[i].Type = cmp.Or(values[i].Type, MatchExact)
			}
		}
	}
}

// unset gives a field its default where it has no value.
func unset[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// SetDefaults fills in what the kubebuilder:default markers say. On a new Fleet it gives
// the fleet that is there without any object, save for its name.
func (f *Fleet) SetDefaults() {
	if f.Spec.DefaultNamespace == "" {
		f.Spec.DefaultNamespace = metav1.NamespaceDefault
	}
	if f.Spec.ClusterDomain == "" {
		f.Spec.ClusterDomain = "cluster.local"
	}
	if f.Spec.ServiceListener == nil {
		f.Spec.ServiceListener = new(ServiceListener)
	}
	if f.Spec.ServiceListener.Address == "" {
		f.Spec.ServiceListener.Address = "0.0.0.0"
	}
	if f.Spec.ServiceListener.Port == 0 {
		f.Spec.ServiceListener.Port = 10080
	}
	if f.Spec.NodePorts == nil {
		f.Spec.NodePorts = new(NodePorts)
	}
	if f.Spec.NodePorts.Range == "" {
		f.Spec.NodePorts.Range = DefaultNodePortRange
	}
	if f.Spec.LoadBalancer == nil {
		f.Spec.LoadBalancer = new(LoadBalancer)
	}
	if f.Spec.LoadBalancer.Class == "" {
		f.Spec.LoadBalancer.Class = DefaultLoadBalancerClass
	}
	if f.Spec.DNS == nil {
		f.Spec.DNS = new(DNS)
	}
	f.Spec.DNS.setDefaults()
	if f.Spec.SystemCACertificates == "" {
		f.Spec.SystemCACertificates = DefaultSystemCACertificates
	}
	if i := f.Spec.Interception; i != nil {
		if i.Mode == "" {
			i.Mode = InterceptTProxy
		}
		if i.Port == 0 {
			i.Port = 15001
		}
	}
	if f.Spec.ClientAddress == nil {
		f.Spec.ClientAddress = new(ClientAddress)
	}
	if f.Spec.DrainTime == nil {
		f.Spec.DrainTime = &metav1.Duration{Duration: DefaultDrainTime}
	}
}

// DefaultDrainTime is how long clusters that nothing names any more stay, where a Fleet does not say it.
const DefaultDrainTime = 30 * time.Second
