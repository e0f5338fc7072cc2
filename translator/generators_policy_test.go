package translator

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// genBackendPolicy makes policies that get into each other's way: for whole Services and for ports, of two ages.
func genBackendPolicy(t *rapid.T) api.Value {
	p := &v1alpha1.BackendPolicy{ObjectMeta: genMeta(t, "p", "q")}
	p.CreationTimestamp = metav1.Unix(pick[int64](t, "age", 1000, 2000), 0)
	for range rapid.IntRange(1, 2).Draw(t, "targets") {
		p.Spec.TargetRefs = append(p.Spec.TargetRefs, v1alpha1.PolicyTargetRef{
			TargetRef:   v1alpha1.TargetRef{Name: pick(t, "target", "a", "b", "c")},
			SectionName: pick(t, "section", "", "", "80", "http", "nowhere"),
		})
	}
	p.Spec.LoadBalancer = pick(t, "balancer", nil,
		&v1alpha1.BackendLoadBalancer{Type: v1alpha1.RandomLoadBalancer},
		&v1alpha1.BackendLoadBalancer{IPVSScheduler: "lc", SlowStart: &v1alpha1.SlowStart{Window: metav1.Duration{Duration: time.Minute}}},
		&v1alpha1.BackendLoadBalancer{Type: v1alpha1.ConsistentHashLoadBalancer, ConsistentHash: &v1alpha1.ConsistentHash{
			Type: v1alpha1.HashOfCookie, Cookie: &v1alpha1.HashCookie{Name: "user"},
		}})
	active := pick(t, "check", "", v1alpha1.HealthCheckNone, v1alpha1.HealthCheckTCP, v1alpha1.HealthCheckGRPC)
	if active != "" {
		p.Spec.HealthCheck = &v1alpha1.BackendHealthCheck{Active: &v1alpha1.ActiveHealthCheck{Type: active}}
	}
	if maybe(t, "retry") {
		retries := pick[int32](t, "retries", 0, 1, 5)
		p.Spec.Retry = &v1alpha1.BackendRetry{NumRetries: &retries}
	}
	if maybe(t, "session") {
		p.Spec.SessionPersistence = &v1alpha1.SessionPersistence{}
	}
	if maybe(t, "limits") {
		p.Spec.CircuitBreaker = &v1alpha1.BackendCircuitBreaker{}
		p.Spec.Timeout = &v1alpha1.BackendTimeout{TCP: &v1alpha1.TCPTimeout{IdleTimeout: &metav1.Duration{Duration: time.Hour}}}
	}
	return p
}
