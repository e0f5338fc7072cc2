package translator

import (
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	compositev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/composite/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// What a canary fails, the stable version answers: the further attempts of a request that was sent to
// the canary go to the stable version's endpoints. Nothing goes the other way, so that a stable version
// that fails does not drown the canary.
//
// The route names, in place of the canary's cluster, a composite one: its first attempt goes to
// the canary's, the others to a second cluster with the stable version's endpoints. The
// analysis compares the canary's and the stable version's own clusters, which count first attempts only.

// rescueSuffix ends the name of the cluster that rescued requests go to.
const rescueSuffix = "/rescue"

// rescueOf says which version of a Rollout is a canary that shares the traffic with the stable version.
func rescueOf(rollout *v1alpha1.Rollout) (canary, stable version, ok bool) {
	status := rollout.Status.Canary
	if rollout.Spec.Canary == nil || status == nil || status.Canary != rollout.Spec.Canary.To {
		return version{}, version{}, false
	}
	named := ""
	for _, v := range rollout.Spec.Versions {
		if v.Name == status.Canary {
			named = v.ID()
		}
	}
	for _, v := range versionsOf(rollout) {
		switch {
		case v.weight == 0:
		case v.id == named && canary.id == "":
			canary = v
		case v.id != named && v.name == status.Stable && stable.id == "":
			stable = v
		default:
			return version{}, version{}, false
		}
	}
	return canary, stable, canary.id != "" && stable.id != ""
}

// rescued is splitOf for an Envoy: with the policy of the Service port, and with rescue for a canary.
func rescued(r *Reader, namespace, service string, port int32) []share {
	shares := splitOf(r, namespace, service, port)
	policy := noPolicy
	if s, p := servedBy(r, Unit{Namespace: namespace, Name: service, Port: port}); p != nil {
		policy = policyOf(r, s, p)
	}
	for i := range shares {
		shares[i].policy = policy
	}
	rollout := rolloutOf(r, namespace, service)
	if rollout == nil {
		return shares
	}
	canary, stable, ok := rescueOf(rollout)
	if !ok {
		return shares
	}
	for i := range shares {
		if shares[i].cluster == clusterName(namespace, service, port, canary.id) {
			shares[i].rescued = rescuedName(namespace, service, port, canary.id, stable.id)
			shares[i].rescue = clusterName(namespace, service, port, stable.id+rescueSuffix)
		}
	}
	return shares
}

// weighted names a share in a route.
func (s share) weighted(weight *routev3.WeightedCluster_ClusterWeight) *routev3.WeightedCluster_ClusterWeight {
	weight.Name = s.cluster
	if s.rescued != "" {
		weight.Name = s.rescued
	}
	weight.RequestHeadersToAdd = addRetryHeader(weight.RequestHeadersToAdd, s.asked(), s.rescued != "")
	return weight
}

// rescueVersion is the version, if any, whose endpoints get a second cluster, packed as versionKeys does.
func rescueVersion(rollout *v1alpha1.Rollout) (string, bool) {
	_, stable, ok := rescueOf(rollout)
	return versionKey{ID: stable.id + rescueSuffix, Rollout: rollout.Name, Selector: stable.selector}.pack(), ok
}

// isTwin is true for a version that is in another cluster, too, which its problems are told of.
func (k versionKey) isTwin() bool {
	return strings.HasSuffix(k.ID, rescueSuffix) || strings.HasSuffix(k.ID, mirrorSuffix)
}

// rescueCalls gives the composite cluster of a Service port in a fleet; nil while none is needed.
func rescueCalls(r *Reader, service *corev1.Service, port int32, f fleet) []Unit {
	rollout := rolloutOf(r, service.Namespace, service.Name)
	if rollout == nil {
		return nil
	}
	canary, stable, ok := rescueOf(rollout)
	if !ok {
		return nil
	}
	u := Unit{Feature: rescuedCluster, Namespace: service.Namespace, Name: service.Name, Port: port, Extra: canary.id + " " + stable.id}
	return []Unit{u.in(f)}
}

// rescuedCluster tries the canary first, and then the stable version.
var rescuedCluster = &Feature{Name: "rescued cluster", Build: buildRescued}

func buildRescued(r *Reader, u Unit) Result {
	service, port := servedBy(r, u)
	if port == nil {
		return Result{}
	}
	canary, stable, _ := strings.Cut(u.Extra, " ")
	// One name for each attempt.
	attempts := []*compositev3.ClusterConfig_ClusterEntry{{Name: clusterName(u.Namespace, u.Name, u.Port, canary)}}
	policy := policyOf(r, service, port)
	for range attemptsOf(policy) {
		attempts = append(attempts, &compositev3.ClusterConfig_ClusterEntry{Name: clusterName(u.Namespace, u.Name, u.Port, stable+rescueSuffix)})
	}
	e := &encoder{}
	c := &clusterv3.Cluster{
		Name: rescuedName(u.Namespace, u.Name, u.Port, canary, stable),
		ClusterDiscoveryType: &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
			Name:        "envoy.clusters.composite",
			TypedConfig: e.any(&compositev3.ClusterConfig{Clusters: attempts}),
		}},
		LbPolicy: clusterv3.Cluster_CLUSTER_PROVIDED,
	}
	e.limit(c, policy, speaksHTTP2(port.AppProtocol)) // retries count here
	return e.result(resource.Key{Type: resource.Cluster, Audience: resource.OfFleet(u.Fleet), Name: c.Name}, c,
		resource.Output{Sources: []api.Key{serviceKey(u)}, Drain: drainTime(r, u.Fleet)},
	).from(Origin{serviceKey(u), portPath(service, port)})
}
