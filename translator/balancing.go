package translator

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	commonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/common/v3"
	leastv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/least_request/v3"
	maglevv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/maglev/v3"
	roundrobinv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/round_robin/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// balance has the cluster of a Service port choose endpoints as the Service asks; round robin, where it asks for
// nothing. Programs that speak gRPC without an Envoy do not know every balancer: they take the second, and each
// spreads its own calls.
func (e *encoder) balance(c *clusterv3.Cluster, service *corev1.Service, port *corev1.ServicePort) {
	policies := e.balancers(service, nil)
	if policies == nil {
		return
	}
	if speaksGRPC(port) {
		policies = append(policies, e.balancer("round_robin", &roundrobinv3.RoundRobin{}))
	}
	c.LoadBalancingPolicy = &clusterv3.LoadBalancingPolicy{Policies: policies}
}

// balanceStream is balance for a cluster in which localities have weights.
func (e *encoder) balanceStream(c *clusterv3.Cluster, service *corev1.Service) {
	if policies := e.balancers(service, &commonv3.LocalityLbConfig_LocalityWeightedLbConfig{}); policies != nil {
		c.LoadBalancingPolicy = &clusterv3.LoadBalancingPolicy{Policies: policies}
		return
	}
	c.CommonLbConfig.LocalityConfigSpecifier = &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig_{
		LocalityWeightedLbConfig: &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig{},
	}
}

// balancers is what a Service asks for; nil: nothing special. Weights say whether those of localities count.
func (e *encoder) balancers(service *corev1.Service, weights *commonv3.LocalityLbConfig_LocalityWeightedLbConfig) []*clusterv3.LoadBalancingPolicy_Policy {
	if sticky(service) {
		return []*clusterv3.LoadBalancingPolicy_Policy{e.balancer("maglev", &maglevv3.Maglev{LocalityWeightedLbConfig: weights})}
	}
	switch service.Annotations[v1alpha1.SchedulerAnnotation] {
	case v1alpha1.SchedulerLeast, v1alpha1.SchedulerWeightedLeast, v1alpha1.SchedulerShortestDelay:
		least := &leastv3.LeastRequest{}
		if weights != nil {
			least.LocalityLbConfig = &commonv3.LocalityLbConfig{
				LocalityConfigSpecifier: &commonv3.LocalityLbConfig_LocalityWeightedLbConfig_{LocalityWeightedLbConfig: weights},
			}
		}
		return []*clusterv3.LoadBalancingPolicy_Policy{e.balancer("least_request", least)}
	}
	return nil
}

func (e *encoder) balancer(name string, config message) *clusterv3.LoadBalancingPolicy_Policy {
	return &clusterv3.LoadBalancingPolicy_Policy{TypedExtensionConfig: &corev3.TypedExtensionConfig{
		Name: "envoy.load_balancing_policies." + name, TypedConfig: e.any(config),
	}}
}
