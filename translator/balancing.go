package translator

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	commonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/common/v3"
	leastv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/least_request/v3"
	maglevv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/maglev/v3"
	randomv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/random/v3"
	ringhashv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/ring_hash/v3"
	roundrobinv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/round_robin/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// What Services ask for without a policy.
var (
	sourceHash = &v1alpha1.BackendLoadBalancer{
		Type:           v1alpha1.ConsistentHashLoadBalancer,
		ConsistentHash: &v1alpha1.ConsistentHash{Type: v1alpha1.HashSourceIP, Algorithm: v1alpha1.MaglevAlgorithm},
	}
	leastRequest = &v1alpha1.BackendLoadBalancer{Type: v1alpha1.LeastRequestLoadBalancer}
	roundRobin   = &v1alpha1.BackendLoadBalancer{Type: v1alpha1.RoundRobinLoadBalancer}
)

// balancerOf says how endpoints of a Service are chosen: as a policy, its session affinity or the name of
// a scheduler of IPVS says; else round robin.
func balancerOf(service *corev1.Service, p policy) *v1alpha1.BackendLoadBalancer {
	switch lb := p.LoadBalancer; {
	case lb != nil && lb.IPVSScheduler != "":
		scheduled := *scheduled(lb.IPVSScheduler)
		scheduled.SlowStart = lb.SlowStart
		return &scheduled
	case lb != nil:
		return lb
	case service.Spec.SessionAffinity == corev1.ServiceAffinityClientIP:
		return sourceHash
	}
	return scheduled(service.Annotations[v1alpha1.SchedulerAnnotation])
}

func scheduled(scheduler string) *v1alpha1.BackendLoadBalancer {
	switch v1alpha1.Scheduled(scheduler) {
	case v1alpha1.LeastRequestLoadBalancer:
		return leastRequest
	case v1alpha1.ConsistentHashLoadBalancer:
		return sourceHash
	}
	return roundRobin
}

// balance has the cluster of a Service port choose endpoints as it is asked to. Programs that speak gRPC without
// an Envoy do not know every balancer: they take the second, and each spreads its own calls.
func (e *encoder) balance(c *clusterv3.Cluster, lb *v1alpha1.BackendLoadBalancer, port *corev1.ServicePort) {
	policies := e.balancers(lb, nil)
	if policies == nil {
		return
	}
	if speaksGRPC(port) {
		policies = append(policies, e.balancer("round_robin", &roundrobinv3.RoundRobin{}))
	}
	c.LoadBalancingPolicy = &clusterv3.LoadBalancingPolicy{Policies: policies}
}

// balanceStream is balance for a cluster in which localities have weights.
func (e *encoder) balanceStream(c *clusterv3.Cluster, lb *v1alpha1.BackendLoadBalancer) {
	if policies := e.balancers(lb, &commonv3.LocalityLbConfig_LocalityWeightedLbConfig{}); policies != nil {
		c.LoadBalancingPolicy = &clusterv3.LoadBalancingPolicy{Policies: policies}
		return
	}
	c.CommonLbConfig.LocalityConfigSpecifier = &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig_{
		LocalityWeightedLbConfig: &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig{},
	}
}

// balancers is the balancer for what is asked; nil: the default of clusters. Weights say whether those of localities
// count.
func (e *encoder) balancers(lb *v1alpha1.BackendLoadBalancer, weights *commonv3.LocalityLbConfig_LocalityWeightedLbConfig) []*clusterv3.LoadBalancingPolicy_Policy {
	var localities *commonv3.LocalityLbConfig
	if weights != nil {
		localities = &commonv3.LocalityLbConfig{
			LocalityConfigSpecifier: &commonv3.LocalityLbConfig_LocalityWeightedLbConfig_{LocalityWeightedLbConfig: weights},
		}
	}
	var found *clusterv3.LoadBalancingPolicy_Policy
	switch lb.Type {
	case v1alpha1.LeastRequestLoadBalancer:
		least := &leastv3.LeastRequest{SlowStartConfig: slowStart(lb.SlowStart), LocalityLbConfig: localities}
		if lb.LeastRequest != nil {
			least.ChoiceCount = wrapperspb.UInt32(uint32(lb.LeastRequest.Choices))
		}
		found = e.balancer("least_request", least)
	case v1alpha1.RandomLoadBalancer:
		found = e.balancer("random", &randomv3.Random{LocalityLbConfig: localities})
	case v1alpha1.ConsistentHashLoadBalancer:
		found = e.hashing(lb.ConsistentHash, weights)
	default:
		if lb.SlowStart == nil {
			return nil
		}
		found = e.balancer("round_robin", &roundrobinv3.RoundRobin{SlowStartConfig: slowStart(lb.SlowStart), LocalityLbConfig: localities})
	}
	return []*clusterv3.LoadBalancingPolicy_Policy{found}
}

func (e *encoder) hashing(h *v1alpha1.ConsistentHash, weights *commonv3.LocalityLbConfig_LocalityWeightedLbConfig) *clusterv3.LoadBalancingPolicy_Policy {
	if h.Algorithm == v1alpha1.RingHashAlgorithm {
		ring := &ringhashv3.RingHash{LocalityWeightedLbConfig: weights}
		if h.MinimumRingSize != nil {
			ring.MinimumRingSize = wrapperspb.UInt64(uint64(*h.MinimumRingSize))
		}
		return e.balancer("ring_hash", ring)
	}
	maglev := &maglevv3.Maglev{LocalityWeightedLbConfig: weights}
	if h.TableSize != nil {
		maglev.TableSize = wrapperspb.UInt64(uint64(*h.TableSize))
	}
	return e.balancer("maglev", maglev)
}

func slowStart(s *v1alpha1.SlowStart) *commonv3.SlowStartConfig {
	if s == nil {
		return nil
	}
	return &commonv3.SlowStartConfig{SlowStartWindow: durationpb.New(s.Window.Duration)}
}

func (e *encoder) balancer(name string, config message) *clusterv3.LoadBalancingPolicy_Policy {
	return &clusterv3.LoadBalancingPolicy_Policy{TypedExtensionConfig: &corev3.TypedExtensionConfig{
		Name: "envoy.load_balancing_policies." + name, TypedConfig: e.any(config),
	}}
}
