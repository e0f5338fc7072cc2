package main

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// setFleet notes what a Fleet says of rollouts; nil: it is gone.
func (r *rollouts) setFleet(name string, f *v1alpha1.Fleet) {
	old := r.fleets[name]
	if f == nil {
		delete(r.fleets, name)
	} else {
		r.fleets[name] = f
	}
	same := old == nil && f == nil ||
		old != nil && f != nil && equality.Semantic.DeepEqual(old.Spec.Rollouts, f.Spec.Rollouts) &&
			equality.Semantic.DeepEqual(old.Spec.ServiceSelector, f.Spec.ServiceSelector) &&
			equality.Semantic.DeepEqual(old.Spec.DrainTime, f.Spec.DrainTime)
	if same {
		return
	}
	for k := range r.objects {
		r.decider.Touch(k)
	}
}

// bounds adds what the Fleets that serve the Service say of its rollout.
func (r *rollouts) bounds(o *rollout.Observed, ro *v1alpha1.Rollout, service *corev1.Service) {
	if r.fleets[v1alpha1.DefaultFleet] == nil {
		o.Drain = v1alpha1.DefaultDrainTime
	}
	for _, name := range slices.Sorted(maps.Keys(r.fleets)) {
		f := r.fleets[name]
		if !f.ServesService(service.Labels) {
			continue
		}
		if f.Spec.DrainTime != nil {
			o.Drain = max(o.Drain, f.Spec.DrainTime.Duration)
		}
		all := f.Spec.Rollouts
		if all == nil {
			continue
		}
		o.Freezes = append(o.Freezes, all.Freeze...)
		limit := func(most *int32, format string, args ...any) {
			if most != nil {
				o.Limits = append(o.Limits, rollout.Limit{Scope: fmt.Sprintf(format, args...), Max: int(*most)})
			}
		}
		limit(all.MaxConcurrent, "fleet %s", name)
		limit(all.MaxConcurrentPerNamespace, "namespace %s in fleet %s", ro.Namespace, name)
		if ro.Spec.Group != "" {
			limit(all.MaxConcurrentPerGroup, "group %s in fleet %s", ro.Spec.Group, name)
		}
	}
}
