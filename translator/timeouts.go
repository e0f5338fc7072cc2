package translator

import (
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// setTimeouts limits the whole request and each attempt at it, as far as a rule says so. 0s is no limit.
func setTimeouts(action *routev3.RouteAction, t *gatewayv1.HTTPRouteTimeouts) {
	if t == nil {
		return
	}
	if t.Request != nil {
		action.Timeout = durationpb.New(duration(t.Request))
	}
	if d := duration(t.BackendRequest); d > 0 {
		action.RetryPolicy.PerTryTimeout = durationpb.New(d)
	}
}

// duration reads a Gateway API duration (GEP-2257), a subset of Go's. Admission refuses others.
func duration(d *gatewayv1.Duration) time.Duration {
	parsed, _ := time.ParseDuration(string(valueOr(d, "0s")))
	return parsed
}
