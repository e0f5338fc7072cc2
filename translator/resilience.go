package translator

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What a failing endpoint may cost. These are what traffic gets that nobody has asked anything
// special for.
const (
	// retries are further attempts after the first. Only what has certainly not been
	// processed is tried again, so also requests that are not idempotent.
	retries = 2
	retryOn = "connect-failure,refused-stream,reset-before-request"
	// hostAttempts bounds the search for a host that has not been tried yet; with one host
	// there is none.
	hostAttempts = 3

	// connectTimeout in seconds is Envoy's default, written down since retries lean on it.
	connectTimeout = 5

	// The circuit breakers protect Envoy from a flood, not an endpoint from load. Envoy's
	// defaults (1,024 connections, pending and running requests, 3 retries at a time) refuse
	// traffic that a small Service can well carry.
	maxConnections = 10000
	maxRequests    = 10000
	maxPending     = 10000
	// maxRetries at a time must not run out when one of a few endpoints dies: that is what
	// retries are for. The number of attempts bounds a storm to three times the load.
	maxRetries = 1000

	// bufferLimit in bytes for each connection, downstream and upstream:
	// https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/best_practices/edge
	bufferLimit = 32 * 1024
)

// retryPolicy tries again, on another endpoint, what has failed before it could be processed.
func (e *encoder) retryPolicy() *routev3.RetryPolicy {
	return &routev3.RetryPolicy{
		RetryOn:    retryOn,
		NumRetries: wrapperspb.UInt32(retries),
		RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
			Name: "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{
				TypedConfig: e.any(&previoushostsv3.PreviousHostsPredicate{}),
			},
		}},
		HostSelectionRetryMaxAttempts: hostAttempts,
	}
}

func circuitBreakers() *clusterv3.CircuitBreakers {
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     wrapperspb.UInt32(maxConnections),
		MaxPendingRequests: wrapperspb.UInt32(maxPending),
		MaxRequests:        wrapperspb.UInt32(maxRequests),
		MaxRetries:         wrapperspb.UInt32(maxRetries),
	}}}
}

func seconds(n int64) *durationpb.Duration { return &durationpb.Duration{Seconds: n} }
