package main

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/translator"
)

// compare has the load of a Rollout's versions reported often while an analysis compares them; nil:
// the Rollout is gone.
func (r *rollouts) compare(k api.Key, d *v1alpha1.Rollout) {
	clusters := r.compared(d)
	if len(clusters) == len(r.judged[k]) {
		return // the versions of a canary under way stay the same
	}
	if r.judged[k] = clusters; len(clusters) == 0 {
		delete(r.judged, k)
	}
	all := map[string]struct{}{}
	for _, clusters := range r.judged {
		for _, name := range clusters {
			all[name] = struct{}{}
		}
	}
	r.watch(all)
}

// compared are the clusters of versions that an analysis compares now.
func (r *rollouts) compared(d *v1alpha1.Rollout) []string {
	if d == nil || d.Spec.Canary == nil || d.Spec.Canary.Analysis == nil || d.Status.Canary == nil ||
		d.Status.Canary.Aborted != "" || d.Status.Canary.Weight == v1alpha1.WeightTotal {
		return nil
	}
	service := r.translator.Object(api.Key{Kind: api.KindService, Namespace: d.Namespace, Name: d.Spec.TargetRef.Name})
	if service == nil {
		return nil
	}
	var all []string
	for _, v := range d.Status.Versions {
		if v.Name == d.Status.Canary.Canary || v.Name == d.Status.Canary.Stable {
			all = append(all, translator.VersionClusters(service.Value.(*corev1.Service), v.ID())...)
			if v.Mirror != nil {
				all = append(all, translator.MirrorClusters(service.Value.(*corev1.Service), v.ID())...)
			}
		}
	}
	return all
}
