package main

import (
	"maps"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// versionCluster is what the translator says of the cluster of a version.
type versionCluster struct {
	known        bool // its endpoints have been built
	ready, total int
	checked      bool // it has active health checks

	// contents are hashes of the cluster and its endpoints; content is one over all of them. It
	// is the same in every replica that serves the same.
	contents map[resource.Key]uint64
	content  uint64
}

// take takes in one output of the cluster or of its endpoints.
func (c *versionCluster) take(e resource.Entry) {
	c.content ^= c.contents[e.Key]
	if e.Output == nil {
		delete(c.contents, e.Key)
		c.known = slices.ContainsFunc(slices.Collect(maps.Keys(c.contents)), func(k resource.Key) bool {
			return k.Type == resource.Endpoint
		})
		return
	}
	if e.Key.Type == resource.Cluster {
		c.checked = e.Output.HealthChecked
	} else {
		c.known, c.ready, c.total = true, e.Output.Ready, e.Output.Total
	}
	c.contents[e.Key] = hashOf(e)
	c.content ^= c.contents[e.Key]
}

// hashOf is over the key, too: a sum of hashes must not depend on what has which content.
func hashOf(e resource.Entry) uint64 {
	h := xxhash.New()
	for _, s := range []string{e.Key.Type.String(), string(rune('0' + e.Key.Audience.Scope)), e.Key.Audience.Name, e.Key.Name, e.Key.Part} {
		_, _ = h.WriteString(s)
		_, _ = h.Write([]byte{0})
	}
	_, _ = h.Write(e.Output.Bytes)
	return h.Sum64()
}

// loads adds up what Envoys have counted for clusters.
func (r *rollouts) loads(clusters []string) rollout.Load {
	var sum rollout.Load
	for _, name := range clusters {
		load := r.load(name)
		sum.Success += load.Success
		sum.Error += load.Error
	}
	return sum
}

// version says what is observed of a version with these clusters: the lowest over all of them.
func (r *rollouts) version(clusters []string) (rollout.VersionObserved, bool) {
	var v rollout.VersionObserved
	envoys := map[string]rollout.EnvoyObserved{}
	for i, name := range clusters {
		c := r.clusters[name]
		if c == nil || !c.known {
			return v, false
		}
		if i == 0 || c.ready < v.Ready {
			v.Ready = c.ready
		}
		v.Total = max(v.Total, c.total)
		v.Checked = v.Checked || c.checked
		_, fresh := r.fresh[name]
		v.Fresh = v.Fresh || fresh
		for _, on := range r.on(name, c.content) {
			e, again := envoys[on.Envoy]
			if !again {
				e = rollout.EnvoyObserved{Name: on.Envoy, Warm: true, Healthy: math.MaxInt, Reported: true}
			}
			e.Warm, e.Unknown = e.Warm && on.Warm, e.Unknown || on.Unknown
			if c.checked {
				e.Healthy = min(e.Healthy, on.Healthy)
				e.Reported = e.Reported && on.Reported
			}
			if on.Why != "" {
				e.Why = on.Why
			}
			if on.Refused != "" {
				e.Why = "it refused cluster " + name + ": " + on.Refused
			}
			envoys[on.Envoy] = e
		}
	}
	v.Load = r.loads(clusters)
	for _, id := range slices.Sorted(maps.Keys(envoys)) {
		v.Envoys = append(v.Envoys, envoys[id])
	}
	return v, len(clusters) > 0
}
