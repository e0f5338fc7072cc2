package admission

import (
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func (r *report) backendRetry(at *field.Path, t *v1alpha1.BackendRetry) {
	r.within(at.Child("numRetries"), t.NumRetries, 0, 10)
	if p := t.PerRetry; p != nil {
		per := at.Child("perRetry")
		r.positive(per.Child("timeout"), p.Timeout)
		if b := p.BackOff; b != nil {
			r.positive(per.Child("backOff", "baseInterval"), &b.BaseInterval)
			r.positive(per.Child("backOff", "maxInterval"), b.MaxInterval)
			if b.MaxInterval != nil && b.MaxInterval.Duration < b.BaseInterval.Duration {
				r.fail(per.Child("backOff", "maxInterval"), api.ReasonInvalidField, "use a longer time", "%s is less than baseInterval, %s", b.MaxInterval.Duration, b.BaseInterval.Duration)
			}
		}
	}
	on := t.RetryOn
	if on == nil {
		return
	}
	at = at.Child("retryOn")
	triggers := slices.Concat(v1alpha1.UnprocessedTriggers, v1alpha1.MethodTriggers, v1alpha1.CallTriggers)
	r.words(at.Child("triggers"), on.Triggers, triggers, "trigger")
	r.words(at.Child("methods"), on.Methods, v1alpha1.RetryMethods, "method")
	if on.Methods != nil && len(on.Methods) == 0 {
		r.missing(at.Child("methods"), "leave it out for GET, HEAD and OPTIONS")
	}
	r.statuses(at.Child("httpStatusCodes"), on.HTTPStatusCodes, 400)
	switch named := slices.Contains(on.Triggers, v1alpha1.RetriableStatusCodes); {
	case named && len(on.HTTPStatusCodes) == 0:
		r.missing(at.Child("httpStatusCodes"), "list the statuses that "+v1alpha1.RetriableStatusCodes+" is about, such as 503")
	case !named && len(on.HTTPStatusCodes) > 0:
		r.fail(at.Child("httpStatusCodes"), api.ReasonInvalidField, "add the trigger "+v1alpha1.RetriableStatusCodes+", or leave them out", "no trigger is about statuses")
	}
	if on.Methods != nil && !slices.ContainsFunc(on.Triggers, func(t string) bool { return slices.Contains(v1alpha1.MethodTriggers, t) }) && len(on.Triggers) > 0 {
		r.fail(at.Child("methods"), api.ReasonInvalidField, "add a trigger such as reset or 5xx, or leave the methods out", "none of the triggers depends on the method")
	}
}

// words checks a set of words of a list.
func (r *report) words(at *field.Path, words, known []string, what string) {
	for i, w := range words {
		if !slices.Contains(known, w) {
			r.fail(at.Index(i), api.ReasonInvalidField, "use "+strings.Join(known, ", "), "%q is not a %s", w, what)
		}
		if first := slices.Index(words, w); first < i {
			r.duplicate(at.Index(i), at.Index(first), "%q", w)
		}
	}
}

func (r *report) circuitBreaker(at *field.Path, c *v1alpha1.BackendCircuitBreaker) {
	for _, limit := range []struct {
		name  string
		value *int64
	}{
		{"maxConnections", c.MaxConnections}, {"maxPendingRequests", c.MaxPendingRequests}, {"maxParallelRequests", c.MaxParallelRequests},
		{"maxParallelRetries", c.MaxParallelRetries}, {"maxRequestsPerConnection", c.MaxRequestsPerConnection},
	} {
		r.within64(at.Child(limit.name), limit.value, 0, math.MaxUint32)
	}
	if p := c.PerEndpoint; p != nil {
		r.within64(at.Child("perEndpoint", "maxConnections"), &p.MaxConnections, 0, math.MaxUint32)
	}
}

func (r *report) backendTimeout(at *field.Path, t *v1alpha1.BackendTimeout) {
	if tcp := t.TCP; tcp != nil {
		r.positive(at.Child("tcp", "connectTimeout"), tcp.ConnectTimeout)
		r.notNegative(at.Child("tcp", "idleTimeout"), tcp.IdleTimeout)
	}
	if http := t.HTTP; http != nil {
		r.notNegative(at.Child("http", "requestTimeout"), http.RequestTimeout)
		r.notNegative(at.Child("http", "streamIdleTimeout"), http.StreamIdleTimeout)
		r.notNegative(at.Child("http", "connectionIdleTimeout"), http.ConnectionIdleTimeout)
		r.positive(at.Child("http", "maxConnectionDuration"), http.MaxConnectionDuration)
	}
}
