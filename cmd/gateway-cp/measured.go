package main

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/translator"
)

// measure is a split that is measured on Envoys: the versions with traffic, since a change set.
type measure struct {
	versions []v1alpha1.VersionStatus
	clusters [][]string // of each version
	rescue   [][]string // of each version, those that answer in its place: see translator/rescue.go
	number   uint64
}

// applied notes the change set that the decisions since the one before have come with, and has the
// shares that they have changed measured from it on.
func (r *rollouts) applied(number uint64) {
	changed := false
	for k := range r.stepped {
		before, measured := r.measures[k]
		now := r.measureOf(r.decided[k])
		if measured == (now.versions != nil) && reflect.DeepEqual(before.versions, now.versions) && reflect.DeepEqual(before.clusters, now.clusters) {
			continue
		}
		changed = true
		if now.number = number; now.versions == nil {
			delete(r.measures, k)
		} else {
			r.measures[k] = now
		}
	}
	clear(r.stepped)
	if !changed {
		return
	}
	since := map[string]uint64{}
	for _, m := range r.measures {
		for _, clusters := range slices.Concat(m.clusters, m.rescue) {
			for _, name := range clusters {
				since[name] = m.number
			}
		}
	}
	r.measure(since)
}

// measureOf is the split of a Rollout; nothing, where one version has everything.
func (r *rollouts) measureOf(d *v1alpha1.Rollout) (m measure) {
	if d == nil {
		return m
	}
	service := r.translator.Object(api.Key{Kind: api.KindService, Namespace: d.Namespace, Name: d.Spec.TargetRef.Name})
	if service == nil {
		return m
	}
	for _, v := range d.Status.Versions {
		if v.Weight > 0 {
			m.versions = append(m.versions, v1alpha1.VersionStatus{Name: v.Name, Selector: v.Selector, Weight: v.Weight, Match: v.Match})
			m.clusters = append(m.clusters, translator.VersionClusters(service.Value.(*corev1.Service), v.ID()))
		}
	}
	if len(m.versions) < 2 {
		return measure{}
	}
	m.rescue = make([][]string, len(m.versions))
	if c := d.Status.Canary; c != nil && len(m.versions) == 2 {
		for i, v := range m.versions {
			if v.Name == c.Canary {
				m.rescue[i] = translator.RescueClusters(service.Value.(*corev1.Service), m.versions[1-i].ID())
			}
		}
	}
	return m
}

// shares are what was measured, by VersionID; nil: nothing yet.
func (m measure) shares(r *rollouts) map[string]*admin.MeasuredShare {
	counts, total := make([]uint64, len(m.versions)), uint64(0)
	shares := map[string]*admin.MeasuredShare{}
	for i, v := range m.versions {
		share := &admin.MeasuredShare{}
		for port, name := range m.clusters[i] {
			n := r.measured(name)
			if port < len(m.rescue[i]) {
				// What is answered in the version's place, though the version has not failed it, has not reached it.
				// Envoy counts that nowhere else.
				rescued := r.measured(m.rescue[i][port]).Issued
				n.Unreached += rescued - min(rescued, n.Error)
			}
			// Issued counts a request when it is sent, as the split does; one whose connection is refused is
			// an error that was never sent.
			counts[i] += max(n.Issued, n.Success+n.Error) + n.Unreached
			share.Unreached += n.Unreached
		}
		total += counts[i]
		shares[v.ID()] = share
	}
	if total == 0 {
		return nil
	}
	for i, v := range m.versions {
		shares[v.ID()].Percent = float64(counts[i]) * 100 / float64(total)
		shares[v.ID()].Requests = total
	}
	return shares
}

// What is a deviation: it is by more than leastDeviation points, and by more standard deviations than chance has
// in a look each second for years.
const (
	leastDeviation = 0.1
	deviations     = 6
)

// deviation says which version gets more or less than is asked. Where users stay with a version, or some requests go to one
// whatever its share, requests are not thrown one by one, and nothing is said.
func deviation(d *v1alpha1.Rollout, shares map[string]*admin.MeasuredShare) string {
	var all []string
	for _, v := range d.Status.Versions {
		share := shares[v.ID()]
		if len(v.Match) > 0 || d.Spec.Stickiness != nil {
			return ""
		}
		if share == nil {
			continue
		}
		p, n := float64(v.Weight)/v1alpha1.WeightTotal, float64(share.Requests)
		chance := deviations * math.Sqrt(p*(1-p)/n) * 100
		if math.Abs(share.Percent-p*100) > max(chance, leastDeviation) && n*p*(1-p) > 10 {
			all = append(all, fmt.Sprintf("%s gets %.3g %% of the requests, and %g %% are asked", v.Name, share.Percent, p*100))
		}
	}
	return strings.Join(all, "; ")
}

// measuredText writes what was measured of a version.
func measuredText(v admin.RolloutVersion) string {
	if v.Measured == nil {
		return ""
	}
	text := fmt.Sprintf("measured %.4g %% of %d", v.Measured.Percent, v.Measured.Requests)
	if v.Measured.Unreached > 0 {
		text += fmt.Sprintf(", %d met no healthy endpoint", v.Measured.Unreached)
	}
	return text
}
