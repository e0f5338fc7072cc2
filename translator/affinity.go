package translator

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	udpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/udp/udp_proxy/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// With sessionAffinity ClientIP, the scheduler sh, or a policy that says so, the endpoint of a client is a function
// of its address (or of a header or cookie) and of the endpoints that there are. Nobody remembers clients, so all
// Envoys send a client to the same endpoint, also after a restart. Maglev moves hardly more clients than it must when
// endpoints come or go; a hash ring of Envoy's moves a tenth of all without need.

// hashAttempts is hostAttempts where a hash chooses: each attempt is another hash of the client, and of two
// endpoints every second one is that of the endpoint that has just failed.
const hashAttempts = 20

// hashOf is what is hashed; nil where no hash chooses.
func hashOf(lb *v1alpha1.BackendLoadBalancer) *v1alpha1.ConsistentHash {
	if lb.Type != v1alpha1.ConsistentHashLoadBalancer {
		return nil
	}
	return lb.ConsistentHash
}

// bySourceIP says whether a client stays with one endpoint by its address, whatever it speaks.
func bySourceIP(lb *v1alpha1.BackendLoadBalancer) bool {
	h := hashOf(lb)
	return h != nil && h.Type == v1alpha1.HashSourceIP
}

// ofStreams is the balancer of connections and datagrams, which have nothing to hash but an address.
func ofStreams(lb *v1alpha1.BackendLoadBalancer) *v1alpha1.BackendLoadBalancer {
	if hashOf(lb) != nil && !bySourceIP(lb) {
		return roundRobin
	}
	return lb
}

// stick makes what is hashed choose among clusters, such as the versions of a Rollout, and endpoints. The
// address is the one that X-Forwarded-For gives where there are trusted hops.
func stick(action *routev3.RouteAction, h *v1alpha1.ConsistentHash) {
	action.HashPolicy = []*routev3.RouteAction_HashPolicy{requestHash(h)}
	action.RetryPolicy.HostSelectionRetryMaxAttempts = hashAttempts
	byHash(action)
}

// byHash makes the hash policy choose among clusters, too.
func byHash(action *routev3.RouteAction) {
	if w := action.GetWeightedClusters(); w != nil {
		w.RandomValueSpecifier = &routev3.WeightedCluster_UseHashPolicy{UseHashPolicy: wrapperspb.Bool(true)}
	}
}

func requestHash(h *v1alpha1.ConsistentHash) *routev3.RouteAction_HashPolicy {
	switch h.Type {
	case v1alpha1.HashOfHeader:
		return &routev3.RouteAction_HashPolicy{PolicySpecifier: hashedHeader(h.Header.Name)}
	case v1alpha1.HashOfCookie:
		cookie := &routev3.RouteAction_HashPolicy_Cookie{Name: h.Cookie.Name}
		if h.Cookie.TTL != nil { // Envoy makes one for clients without
			cookie.Ttl, cookie.Path = durationpb.New(h.Cookie.TTL.Duration), "/"
			cookie.Attributes = []*routev3.RouteAction_HashPolicy_CookieAttribute{{Name: "HttpOnly"}}
		}
		return &routev3.RouteAction_HashPolicy{PolicySpecifier: &routev3.RouteAction_HashPolicy_Cookie_{Cookie: cookie}}
	}
	return &routev3.RouteAction_HashPolicy{PolicySpecifier: &routev3.RouteAction_HashPolicy_ConnectionProperties_{
		ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: true},
	}}
}

// connectionHash and datagramHash do for bytes and datagrams what stick does for requests.
func connectionHash(lb *v1alpha1.BackendLoadBalancer) []*typev3.HashPolicy {
	if !bySourceIP(lb) {
		return nil
	}
	return []*typev3.HashPolicy{{PolicySpecifier: &typev3.HashPolicy_SourceIp_{SourceIp: &typev3.HashPolicy_SourceIp{}}}}
}

func datagramHash(lb *v1alpha1.BackendLoadBalancer) []*udpproxyv3.UdpProxyConfig_HashPolicy {
	if !bySourceIP(lb) {
		return nil
	}
	return []*udpproxyv3.UdpProxyConfig_HashPolicy{{PolicySpecifier: &udpproxyv3.UdpProxyConfig_HashPolicy_SourceIp{SourceIp: true}}}
}
