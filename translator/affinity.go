package translator

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	udpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/udp/udp_proxy/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// With sessionAffinity ClientIP, or the scheduler sh, the endpoint of a client is a function of its address and of the endpoints
// that there are. Nobody remembers clients, so all Envoys send a client to the same endpoint, also after a
// restart. Maglev moves hardly more clients than it must when endpoints come or go; a hash ring of
// Envoy's moves a tenth of all without need.

// hashAttempts is hostAttempts where a hash chooses: each attempt is another hash of the client, and of two
// endpoints every second one is that of the endpoint that has just failed.
const hashAttempts = 20

// sticky says whether a client of the Service is to stay with one endpoint.
func sticky(service *corev1.Service) bool {
	return service.Spec.SessionAffinity == corev1.ServiceAffinityClientIP ||
		service.Annotations[v1alpha1.SchedulerAnnotation] == v1alpha1.SchedulerSource
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
	byHash(action)
}

// byHash makes the hash policy choose among clusters, too.
func byHash(action *routev3.RouteAction) {
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
