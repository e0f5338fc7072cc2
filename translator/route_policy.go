package translator

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	statefulv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/stateful_session/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	sessionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/cookie/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/type/http/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// What routes have by a policy, or without one by default.

// sessionFilter keeps clients at their endpoints by a cookie. It is in every connection manager, and does nothing
// where no route asks for it: were it there only when it is needed, the first policy that needs it would
// drain the connections of all others.
const sessionFilter = "envoy.filters.http.stateful_session"

func (e *encoder) sessionFilter() *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{
		Name:       sessionFilter,
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: e.any(&statefulv3.StatefulSession{})},
		Disabled:   true,
	}
}

// forwarding is an action that sends requests to a Service, or several, as a policy says. It has no cluster yet. There
// is no time limit on the whole answer, as kube-proxy sets none; streamIdleTimeout ends what hangs.
func (e *encoder) forwarding(p policy) *routev3.RouteAction {
	action := &routev3.RouteAction{Timeout: seconds(0), RetryPolicy: e.retryPolicy(p)}
	if t := p.Timeout; t != nil && t.HTTP != nil {
		if t.HTTP.RequestTimeout != nil {
			action.Timeout = durationOf(t.HTTP.RequestTimeout)
		}
		action.IdleTimeout = durationOf(t.HTTP.StreamIdleTimeout)
	}
	return action
}

// routePolicy gives a route that forwards what a policy says of requests. Its clusters are there, each with
// the header that a canary needs.
func (e *encoder) routePolicy(route *routev3.Route, p policy) {
	if w := route.GetRoute().GetWeightedClusters(); w == nil {
		route.RequestHeadersToAdd = addRetryHeader(route.RequestHeadersToAdd, p, false)
	}
	if s := p.SessionPersistence; s != nil {
		if route.TypedPerFilterConfig == nil {
			route.TypedPerFilterConfig = map[string]*anypb.Any{}
		}
		route.TypedPerFilterConfig[sessionFilter] = e.any(&statefulv3.StatefulSessionPerRoute{
			Override: &statefulv3.StatefulSessionPerRoute_StatefulSession{StatefulSession: e.session(s)},
		})
	}
}

func (e *encoder) session(s *v1alpha1.SessionPersistence) *statefulv3.StatefulSession {
	cookie := &httpv3.Cookie{Name: s.SessionName, Path: "/", Ttl: durationOf(s.AbsoluteTimeout), Attributes: []*httpv3.CookieAttribute{{Name: "HttpOnly"}}}
	return &statefulv3.StatefulSession{SessionState: &corev3.TypedExtensionConfig{
		Name:        "envoy.http.stateful_session.cookie",
		TypedConfig: e.any(&sessionv3.CookieBasedSessionState{Cookie: cookie}),
	}}
}
