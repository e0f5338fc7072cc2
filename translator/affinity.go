package translator

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	udpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/udp/udp_proxy/v3"
	commonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/common/v3"
	maglevv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/maglev/v3"
	roundrobinv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/round_robin/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"
)

// With sessionAffinity ClientIP the endpoint of a client is a function of its address and of the endpoints
// that there are. Nobody remembers clients, so all Envoys send a client to the same endpoint, also after a
// restart. Maglev moves hardly more clients than it must when endpoints come or go; a hash ring of
// Envoy's moves a tenth of all without need.

// hashAttempts is hostAttempts where a hash chooses: each attempt is another hash of the client, and of two
// endpoints every second one is that of the endpoint that has just failed.
const hashAttempts = 20

// sticky says whether a client of the Service is to stay with one endpoint.
func sticky(service *corev1.Service) bool {
	return service.Spec.SessionAffinity == corev1.ServiceAffinityClientIP
}

// balanceByHash has a cluster choose endpoints by a hash. Where weighLocalities is set, each locality has the
// share of the clients that its weight says. Alternatives are for who does not know the balancer.
func (e *encoder) balanceByHash(c *clusterv3.Cluster, weighLocalities bool, alternatives ...*clusterv3.LoadBalancingPolicy_Policy) {
	maglev := &maglevv3.Maglev{}
	if weighLocalities {
		maglev.LocalityWeightedLbConfig = &commonv3.LocalityLbConfig_LocalityWeightedLbConfig{}
	}
	c.LoadBalancingPolicy = &clusterv3.LoadBalancingPolicy{Policies: append(
		[]*clusterv3.LoadBalancingPolicy_Policy{e.balancer("maglev", maglev)}, alternatives...,
	)}
}

// alternatives are the balancers of gRPC clients that dial a port without an Envoy, and do not know Maglev:
// each of them spreads its own calls.
func (e *encoder) alternatives(port *corev1.ServicePort) []*clusterv3.LoadBalancingPolicy_Policy {
	if !speaksGRPC(port) {
		return nil
	}
	return []*clusterv3.LoadBalancingPolicy_Policy{e.balancer("round_robin", &roundrobinv3.RoundRobin{})}
}

func (e *encoder) balancer(name string, config message) *clusterv3.LoadBalancingPolicy_Policy {
	return &clusterv3.LoadBalancingPolicy_Policy{TypedExtensionConfig: &corev3.TypedExtensionConfig{
		Name: "envoy.load_balancing_policies." + name, TypedConfig: e.any(config),
	}}
}

// stickToAddress makes the address of the client choose among clusters, such as the versions of a Rollout,
// and endpoints. It is the address that X-Forwarded-For gives where there are trusted hops.
func stickToAddress(action *routev3.RouteAction) {
	action.HashPolicy = []*routev3.RouteAction_HashPolicy{{
		PolicySpecifier: &routev3.RouteAction_HashPolicy_ConnectionProperties_{
			ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: true},
		},
	}}
	action.RetryPolicy.HostSelectionRetryMaxAttempts = hashAttempts
	if w := action.GetWeightedClusters(); w != nil {
		w.RandomValueSpecifier = &routev3.WeightedCluster_UseHashPolicy{UseHashPolicy: wrapperspb.Bool(true)}
	}
}

// connectionHash and datagramHash do for bytes and datagrams what stickToAddress does for requests.
func connectionHash(service *corev1.Service) []*typev3.HashPolicy {
	if !sticky(service) {
		return nil
	}
	return []*typev3.HashPolicy{{PolicySpecifier: &typev3.HashPolicy_SourceIp_{SourceIp: &typev3.HashPolicy_SourceIp{}}}}
}

func datagramHash(service *corev1.Service) []*udpproxyv3.UdpProxyConfig_HashPolicy {
	if !sticky(service) {
		return nil
	}
	return []*udpproxyv3.UdpProxyConfig_HashPolicy{{PolicySpecifier: &udpproxyv3.UdpProxyConfig_HashPolicy_SourceIp{SourceIp: true}}}
}
