package translator

import (
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// What a failing endpoint may cost a request.
const (
	// retries are further attempts after the first. By default only what has certainly not been
	// processed is tried again, so also requests that are not idempotent.
	retries = 2
	// hostAttempts bounds the search for a host that has not been tried yet; with one host
	// there is none.
	hostAttempts = 3

	// bufferLimit in bytes for each connection, downstream and upstream:
	// https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/best_practices/edge
	bufferLimit = 32 * 1024
)

// What may have been processed is tried again only where that is safe by its method:
// https://www.rfc-editor.org/rfc/rfc9110#name-safe-methods. A policy may say which methods of a Service are. Envoy
// reads more triggers from this header, and takes it away before it sends the request on.
const retryHeader = "x-envoy-retry-on"

// safeTriggers are what a policy has that names none.
var safeTriggers = []string{"reset"}

// attemptsOf is how many attempts there are after the first.
func attemptsOf(p policy) int32 {
	if p.Retry == nil {
		return retries
	}
	return *p.Retry.NumRetries
}

// retryPolicy tries again, on another endpoint, what has failed before it could be processed, and calls that a policy
// says may be made twice.
func (e *encoder) retryPolicy(p policy) *routev3.RetryPolicy {
	retry := &routev3.RetryPolicy{
		RetryOn:    strings.Join(v1alpha1.UnprocessedTriggers, ","),
		NumRetries: wrapperspb.UInt32(uint32(attemptsOf(p))),
		RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
			Name: "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{
				TypedConfig: e.any(&previoushostsv3.PreviousHostsPredicate{}),
			},
		}},
		HostSelectionRetryMaxAttempts: hostAttempts,
	}
	if p.Retry == nil {
		return retry
	}
	if on := p.Retry.RetryOn; on != nil {
		for _, t := range v1alpha1.CallTriggers {
			if slices.Contains(on.Triggers, t) {
				retry.RetryOn += "," + t
			}
		}
		for _, s := range on.HTTPStatusCodes {
			retry.RetriableStatusCodes = append(retry.RetriableStatusCodes, uint32(s))
		}
	}
	if per := p.Retry.PerRetry; per != nil {
		retry.PerTryTimeout = durationOf(per.Timeout)
		if b := per.BackOff; b != nil {
			retry.RetryBackOff = &routev3.RetryPolicy_RetryBackOff{
				BaseInterval: durationpb.New(b.BaseInterval.Duration), MaxInterval: durationOf(b.MaxInterval),
			}
		}
	}
	return retry
}

// repeatable says after what requests are tried again that may have been processed, and which: those of these
// methods. Without a policy there are none.
func repeatable(p policy) (triggers, methods []string) {
	if p.Retry == nil || *p.Retry.NumRetries == 0 {
		return nil, nil
	}
	triggers, methods = safeTriggers, safeMethods
	if on := p.Retry.RetryOn; on != nil {
		if len(on.Triggers) > 0 {
			triggers = nil
			for _, t := range v1alpha1.MethodTriggers {
				if slices.Contains(on.Triggers, t) {
					triggers = append(triggers, t)
				}
			}
		}
		if len(on.Methods) > 0 {
			methods = on.Methods
		}
	}
	if len(triggers) == 0 {
		return nil, nil
	}
	return triggers, methods
}

// addRetryHeader has requests of a route, or of one of its clusters, tried again by their method. Those of a canary that
// is rescued are anyway, when it answers a safe one 5xx.
func addRetryHeader(headers []*corev3.HeaderValueOption, p policy, rescued bool) []*corev3.HeaderValueOption {
	triggers, methods := repeatable(p)
	expression := ""
	switch {
	case len(triggers) == 0 && !rescued:
		return headers
	case len(triggers) == 0:
		expression = byMethod(safeMethods, "'5xx'", "''")
	case !rescued || slices.Contains(triggers, "5xx") && containsAll(methods, safeMethods):
		expression = byMethod(methods, quoted(triggers), "''")
	default:
		more := quoted(append(slices.Clone(triggers), "5xx"))
		expression = byMethod(methods, "("+byMethod(safeMethods, more, quoted(triggers))+")", byMethod(safeMethods, "'5xx'", "''"))
	}
	return append(headers, &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: retryHeader, Value: "%CEL(" + expression + ")%"},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	})
}

// byMethod is a CEL expression that depends on the method of the request.
func byMethod(methods []string, then, otherwise string) string {
	return fmt.Sprintf("request.method in ['%s'] ? %s : %s", strings.Join(methods, "', '"), then, otherwise)
}

func quoted(triggers []string) string { return "'" + strings.Join(triggers, ",") + "'" }

func containsAll(list, of []string) bool {
	return !slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(list, s) })
}

func seconds(n int64) *durationpb.Duration { return &durationpb.Duration{Seconds: n} }
