package translator

import (
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// setTimeouts limits the whole request and each attempt at it. Nothing said, or 0s, is no
// limit: streamIdleTimeout ends what hangs.
func setTimeouts(action *routev3.RouteAction, t *gatewayv1.HTTPRouteTimeouts) {
	action.Timeout = seconds(0)
	if t == nil {
		return
	}
	if d := duration(t.Request); d > 0 {
		action.Timeout = durationpb.New(d)
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
