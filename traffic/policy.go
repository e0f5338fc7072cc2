package traffic

import (
	"fmt"
	"regexp"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	statefulv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/stateful_session/v3"
	sessionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/cookie/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
)

// What BackendPolicies say, read back from what was translated.

// retryHeader carries to Envoy what is tried again by the method of a request.
const retryHeader = "x-envoy-retry-on"

var retriedMethods = regexp.MustCompile(`^%CEL\(request\.method in \['([A-Z', ]+)'\] \? '([^']*)' : ''\)%$`)

// retriedByMethod says after what more requests of some methods are tried again.
func retriedByMethod(r *Route) string {
	headers := r.Envoy.RequestHeadersToAdd
	for _, s := range r.Action.Splits {
		if s.Envoy != nil {
			headers = append(headers[:len(headers):len(headers)], s.Envoy.RequestHeadersToAdd...)
		}
	}
	for _, h := range headers {
		if found := retriedMethods.FindStringSubmatch(h.GetHeader().GetValue()); h.GetHeader().GetKey() == retryHeader && found != nil {
			return fmt.Sprintf("; %s also %s", strings.ReplaceAll(found[1], "'", ""), found[2])
		}
	}
	return ""
}

// withoutRetries leaves out the header that is for Envoy alone.
func withoutRetries(add []*corev3.HeaderValueOption) []*corev3.HeaderValueOption {
	var rest []*corev3.HeaderValueOption
	for _, h := range add {
		if h.GetHeader().GetKey() != retryHeader {
			rest = append(rest, h)
		}
	}
	return rest
}

// session names the cookie by which clients keep their endpoints; empty: they do not.
func session(r *routev3.Route) string {
	var per statefulv3.StatefulSessionPerRoute
	var state sessionv3.CookieBasedSessionState
	config := r.GetTypedPerFilterConfig()["envoy.filters.http.stateful_session"]
	if config == nil || config.UnmarshalTo(&per) != nil || per.GetStatefulSession().GetSessionState().GetTypedConfig().UnmarshalTo(&state) != nil {
		return ""
	}
	cookie := state.GetCookie()
	if cookie.GetTtl() == nil {
		return "cookie " + cookie.GetName()
	}
	return fmt.Sprintf("cookie %s for %s", cookie.GetName(), cookie.GetTtl().AsDuration())
}

// speaksHTTP2 says what is spoken to the endpoints of a cluster.
func speaksHTTP2(c *clusterv3.Cluster) bool {
	var options upstreamv3.HttpProtocolOptions
	for _, o := range c.TypedExtensionProtocolOptions {
		if o.UnmarshalTo(&options) == nil {
			return options.GetExplicitHttpConfig().GetHttp2ProtocolOptions() != nil
		}
	}
	return false
}

// outliers says when a cluster leaves out an endpoint.
func outliers(c *clusterv3.Cluster) string {
	o := c.OutlierDetection
	if o == nil {
		return "never"
	}
	var all []string
	for _, after := range []struct {
		failures interface{ GetValue() uint32 }
		what     string
	}{{o.ConsecutiveLocalOriginFailure, "failures to reach it"}, {o.ConsecutiveGatewayFailure, "answers 502 to 504"}, {o.Consecutive_5Xx, "answers 5xx"}} {
		if n := after.failures.GetValue(); n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, after.what))
		}
	}
	return fmt.Sprintf("after %s, for %s and longer, %d %% at most", strings.Join(all, " or "), limit(o.BaseEjectionTime, 0), o.MaxEjectionPercent.GetValue())
}

// breakers says what a cluster has under way at most.
func breakers(c *clusterv3.Cluster) string {
	t := c.GetCircuitBreakers().GetThresholds()
	if len(t) == 0 {
		return ""
	}
	text := fmt.Sprintf("%d connections, %d waiting, %d requests, %d retries", t[0].MaxConnections.GetValue(), t[0].MaxPendingRequests.GetValue(),
		t[0].MaxRequests.GetValue(), t[0].MaxRetries.GetValue())
	for _, h := range c.CircuitBreakers.PerHostThresholds {
		text += fmt.Sprintf(", %d connections to each endpoint", h.MaxConnections.GetValue())
	}
	return text
}
