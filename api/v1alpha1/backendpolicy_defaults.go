package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultSessionName is the cookie of a session that has no name.
const DefaultSessionName = "gateway-cp-session"

// SetDefaults fills in what the kubebuilder:default markers say.
func (p *BackendPolicy) SetDefaults() {
	for i := range p.Spec.TargetRefs {
		if t := &p.Spec.TargetRefs[i]; t.Kind == "" {
			t.Kind = "Service"
		}
	}
	if lb := p.Spec.LoadBalancer; lb != nil {
		if lb.LeastRequest != nil && lb.LeastRequest.Choices == 0 {
			lb.LeastRequest.Choices = 2
		}
		if lb.ConsistentHash != nil && lb.ConsistentHash.Algorithm == "" {
			lb.ConsistentHash.Algorithm = MaglevAlgorithm
		}
	}
	if s := p.Spec.SessionPersistence; s != nil {
		if s.SessionName == "" {
			s.SessionName = DefaultSessionName
		}
		if s.Type == "" {
			s.Type = "Cookie"
		}
		if s.CookieConfig != nil && s.CookieConfig.LifetimeType == "" {
			s.CookieConfig.LifetimeType = SessionCookie
		}
	}
	if h := p.Spec.HealthCheck; h != nil {
		h.Active.setDefaults()
		h.Passive.SetDefaults()
	}
	if p.Spec.Retry != nil {
		unset(&p.Spec.Retry.NumRetries, 2)
	}
	p.Spec.CircuitBreaker.SetDefaults()
}

func (a *ActiveHealthCheck) setDefaults() {
	if a == nil {
		return
	}
	unset(&a.Interval, metav1.Duration{Duration: 3 * time.Second})
	unset(&a.Timeout, metav1.Duration{Duration: time.Second})
	unset(&a.UnhealthyThreshold, 3)
	unset(&a.HealthyThreshold, 1)
}

// SetDefaults fills in what the kubebuilder:default markers say, which is also what holds without a policy.
func (p *PassiveHealthCheck) SetDefaults() {
	if p == nil {
		return
	}
	unset(&p.ConsecutiveLocalOriginFailures, 5)
	unset(&p.ConsecutiveGatewayErrors, 0)
	unset(&p.Consecutive5XxErrors, 0)
	unset(&p.Interval, metav1.Duration{Duration: 10 * time.Second})
	unset(&p.BaseEjectionTime, metav1.Duration{Duration: 5 * time.Second})
	unset(&p.MaxEjectionPercent, 34)
}

// SetDefaults fills in what the kubebuilder:default markers say, which is also what holds without a policy: the
// limits protect Envoy from a flood, not an endpoint from load. Envoy's own defaults (1,024 connections, pending
// and running requests, 3 retries at a time) refuse traffic that a small Service can well carry. Retries must not
// run out when one of a few endpoints dies, which is what they are for; the number of attempts bounds a storm.
func (c *BackendCircuitBreaker) SetDefaults() {
	if c == nil {
		return
	}
	unset(&c.MaxConnections, 10000)
	unset(&c.MaxPendingRequests, 10000)
	unset(&c.MaxParallelRequests, 10000)
	unset(&c.MaxParallelRetries, 1000)
}
