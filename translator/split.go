package translator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// indexRolloutTarget finds Rollouts by the Service that they target.
const indexRolloutTarget index = "rollouts by Service"

// share is a cluster's part of the traffic for a Service port.
type share struct {
	cluster string
	weight  uint32 // of v1alpha1.WeightTotal
	version bool   // of a Rollout: gets its first traffic only once it is healthy

	// The requests that go there whatever the weight, and those that are copied there, to a cluster of
	// their own. See show.go.
	matches []v1alpha1.RequestMatch
	mirror  *v1alpha1.Mirror
	copies  string

	// By what the users of the Service are known that stay with one version; the same in all its shares.
	stickiness *v1alpha1.Stickiness

	// Of a canary: the cluster that routes name in place of this one, and that which it sends further
	// attempts to. See rescue.go.
	rescued, rescue string

	policy policy // of the Service port; nil: none
}

// asked is the policy of the Service port that a share is of.
func (s *share) asked() policy {
	if s.policy == nil {
		return noPolicy
	}
	return s.policy
}

// policyIn is the policy of the Service port that a split is of.
func policyIn(shares []share) policy {
	if len(shares) == 0 {
		return noPolicy
	}
	return shares[0].asked()
}

// version is a version of a Service under a Rollout.
type version struct {
	id       string
	name     string
	selector map[string]string // as written, not merged over the Service's
	weight   int32
	matches  []v1alpha1.RequestMatch
	mirror   *v1alpha1.Mirror
}

// splitOf gives the clusters of a Service port and how its traffic is split over them now,
// sorted by cluster. The weights sum to v1alpha1.WeightTotal. Clusters without weight are in
// it, too: they exist and may be named.
func splitOf(r *Reader, namespace, service string, port int32) []share {
	rollout := rolloutOf(r, namespace, service)
	if rollout == nil || len(rollout.Spec.Versions) == 0 {
		return []share{{cluster: clusterName(namespace, service, port, ""), weight: v1alpha1.WeightTotal}}
	}
	var shares []share
	for _, v := range versionsOf(rollout) {
		s := share{
			cluster: clusterName(namespace, service, port, v.id),
			weight:  uint32(v.weight),
			version: true,
			matches: v.matches, mirror: v.mirror, stickiness: rollout.Spec.Stickiness,
		}
		if s.mirror != nil {
			s.copies = clusterName(namespace, service, port, v.id+mirrorSuffix)
		}
		shares = append(shares, s)
	}
	return shares
}

// rolloutOf gives the Rollout in effect for a Service, or nil.
func rolloutOf(r *Reader, namespace, service string) *v1alpha1.Rollout {
	var found *v1alpha1.Rollout
	for _, o := range r.list(indexRolloutTarget, namespace, service) {
		rollout := o.Value.(*v1alpha1.Rollout)
		if found == nil || rollout.CreationTimestamp.Before(&found.CreationTimestamp) {
			found = rollout
		}
	}
	if found == nil {
		return nil
	}
	if target := read[*corev1.Service](r, api.KindService, namespace, service); target != nil && isExternal(target) {
		return nil // it has no endpoints to choose versions from
	}
	return found
}

// versionsOf gives every version that exists, sorted by ID: those of the status, whose weights
// are what is in effect, and those that only the spec names, which have no traffic yet. Before
// there is a status (nothing advances Rollouts when manifests are only validated) the spec
// decides.
func versionsOf(rollout *v1alpha1.Rollout) []version {
	byID := map[string]version{}
	for _, v := range rollout.Spec.Versions {
		byID[v.ID()] = version{id: v.ID(), name: v.Name, selector: v.Selector}
	}
	var total int32
	for _, v := range rollout.Status.Versions {
		weight := max(v.Weight, 0)
		byID[v.ID()] = version{id: v.ID(), name: v.Name, selector: v.Selector, weight: weight, matches: v.Match, mirror: v.Mirror}
		total += weight
	}
	if total == 0 {
		for _, v := range rollout.Spec.Versions {
			known := byID[v.ID()]
			known.weight = wanted(&rollout.Spec, v.Name)
			if bg := rollout.Spec.BlueGreen; bg != nil && bg.Preview != nil && bg.Preview.Version == v.Name && known.weight == 0 {
				known.matches = bg.Preview.Match
			}
			byID[v.ID()] = known
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b version) int { return cmp.Compare(a.id, b.id) })
}

// wanted is the weight that the spec asks for: in the end or, of a canary, in the beginning.
func wanted(spec *v1alpha1.RolloutSpec, name string) int32 {
	all := ""
	switch {
	case spec.BlueGreen != nil:
		all = spec.BlueGreen.Active
	case spec.Canary != nil:
		all = cmp.Or(spec.Canary.From, spec.Canary.To)
	}
	if all != "" {
		if all == name {
			return v1alpha1.WeightTotal
		}
		return 0
	}
	weight, err := spec.Traffic[name].Weight()
	if err != nil { // admission refuses what is not a percentage
		return 0
	}
	return weight
}

// clusterRefs are the clusters that a split sends traffic or copies to, each once. A split is ready for
// an Envoy only when all of them are.
func clusterRefs(shares []share) []resource.ClusterRef {
	byName := map[string]resource.ClusterRef{}
	for _, s := range shares {
		if s.copies != "" {
			byName[s.copies] = resource.ClusterRef{Name: s.copies}
		}
		if s.weight == 0 && len(s.matches) == 0 {
			continue // not in the route either
		}
		ref := byName[s.cluster]
		byName[s.cluster] = resource.ClusterRef{Name: s.cluster, Healthy: ref.Healthy || s.version}
		if s.rescued != "" {
			byName[s.rescued] = resource.ClusterRef{Name: s.rescued}
			byName[s.rescue] = resource.ClusterRef{Name: s.rescue}
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b resource.ClusterRef) int { return cmp.Compare(a.Name, b.Name) })
}

// rolloutCalls gives the units of a Rollout: what is wrong with it together with its Service.
func rolloutCalls(o *api.Object) []Unit {
	return []Unit{{Feature: rolloutTarget, Namespace: o.Key.Namespace, Name: o.Key.Name}}
}

// rolloutTarget says when a Rollout has no effect because of what it targets, and what is wrong
// with its versions when it has one.
var rolloutTarget = &Feature{Name: "rollout target", Build: buildRolloutTarget}

func buildRolloutTarget(r *Reader, u Unit) Result {
	rollout := read[*v1alpha1.Rollout](r, api.KindRollout, u.Namespace, u.Name)
	if rollout == nil {
		return Result{}
	}
	problem := api.Problem{
		Object:   api.Key{Kind: api.KindRollout, Namespace: u.Namespace, Name: u.Name},
		Path:     "spec.targetRef.name",
		Severity: api.Error,
	}
	service := rollout.Spec.TargetRef.Name
	target := read[*corev1.Service](r, api.KindService, u.Namespace, service)
	other := rolloutOf(r, u.Namespace, service)
	switch {
	case target == nil:
		problem.Reason = api.ReasonTargetNotFound
		problem.Message = "there is no Service " + u.Namespace + "/" + service
		problem.Hint = "the Rollout has no effect until it exists; check the name"
	case target.Spec.Type == corev1.ServiceTypeExternalName:
		problem.Reason = api.ReasonUnsupportedField
		problem.Message = "Service " + service + " is of type ExternalName: it has no endpoints to choose versions from"
		problem.Hint = "use a Service with a selector"
	case other != nil && other.Name != u.Name:
		problem.Reason = api.ReasonTargetConflict
		problem.Message = "Rollout " + other.Namespace + "/" + other.Name + " already splits the traffic of Service " + service
		problem.Hint = "the older Rollout wins, then the first by name; delete one of the two"
		problem.Other = api.Other{Object: api.Key{Kind: api.KindRollout, Namespace: other.Namespace, Name: other.Name}, Path: problem.Path}
	case rollout.FollowsSelector():
		problem.Reason = api.ReasonUnsupportedField
		problem.Message = "Service " + service + " has no selector, whose changes a Rollout without versions follows"
		problem.Hint = "give it one, or list the versions under spec.versions"
	default:
		return Result{Problems: append(dependencies(r, rollout, problem.Object), unhealthyVersions(rollout, problem.Object)...)}
	}
	return Result{Problems: []api.Problem{problem}}
}

// unhealthyVersions tells of versions that no Envoy finds healthy, as the status says.
func unhealthyVersions(rollout *v1alpha1.Rollout, key api.Key) (problems []api.Problem) {
	for _, v := range rollout.Status.Versions {
		if !v.Unhealthy {
			continue
		}
		p := api.Problem{
			Object: key, Path: "spec.versions", Reason: api.ReasonVersionUnhealthy, Severity: api.Warning,
			Message: "no endpoint of version " + v.Name + " passes its health check on any Envoy",
		}
		if i := slices.IndexFunc(rollout.Spec.Versions, func(s v1alpha1.Version) bool { return s.ID() == v.ID() }); i >= 0 {
			p.Path += fmt.Sprintf("[%d]", i)
		}
		if v.Weight == 0 {
			p.Message += ": the other versions have its traffic"
			p.Hint = "it gets its share again once it is healthy; look at its processes"
		} else {
			p.Message += ": its share of the requests is answered 503"
			p.Hint = "look at its processes, or give the traffic to another version"
		}
		problems = append(problems, p)
	}
	return problems
}

// mergedSelector lays a version's selector over that of its Service.
func mergedSelector(service, version map[string]string) map[string]string {
	merged := maps.Clone(service)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, version)
	return merged
}

// versionKey is what the units of a version need to know of its Rollout. Packed into
// Unit.Extra it spares them reading the Rollout, so that a change of weight builds none of
// them again.
type versionKey struct {
	ID       string
	Rollout  string
	Selector map[string]string
}

// pack gives the same string for the same key.
func (k versionKey) pack() string {
	b, err := json.Marshal(k) // sorts the selector
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}

// unpackVersion is the reverse of pack. The empty string is a Service without versions.
func unpackVersion(s string) versionKey {
	var k versionKey
	if s != "" {
		if err := json.Unmarshal([]byte(s), &k); err != nil {
			panic(err) // only ever packed by pack
		}
	}
	return k
}
