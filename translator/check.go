package translator

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// check is how the endpoints of a cluster are checked by Envoy: as a readiness probe says, or as a policy.
type check struct {
	*corev1.Probe
	byPolicy *v1alpha1.ActiveHealthCheck
}

// checkOf gives the check of the endpoints of a cluster; nil when Envoy does not check them. A policy decides, and
// without one the probes of Workloads do.
func checkOf(service *corev1.Service, p policy, workloads []*api.Object, http2 bool) (*check, []api.Problem) {
	if a := activeCheck(p); a != nil {
		if a.Type == v1alpha1.HealthCheckNone || a.Type == v1alpha1.HealthCheckGRPC && !http2 {
			return nil, nil // the policy is told
		}
		return &check{byPolicy: a}, nil
	}
	probe, problems := probeOf(service, workloads, http2)
	if probe == nil {
		return nil, problems
	}
	return &check{Probe: probe}, problems
}

// checkHealth makes a cluster check its endpoints.
func (e *encoder) checkHealth(c *clusterv3.Cluster, how *check, http2 bool) {
	if how.byPolicy == nil {
		e.checkByProbe(c, how.Probe)
		return
	}
	a := how.byPolicy
	check := newCheck(a.Interval.Duration, a.Timeout.Duration, *a.HealthyThreshold, *a.UnhealthyThreshold)
	switch a.Type {
	case v1alpha1.HealthCheckHTTP:
		http := &corev3.HealthCheck_HttpHealthCheck{Path: a.HTTP.Path, Host: a.HTTP.Hostname}
		expect(http, a.HTTP.ExpectedStatuses)
		if http2 && a.Port == nil {
			http.CodecClientType = typev3.CodecClientType_HTTP2
		}
		check.HealthChecker = &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: http}
	case v1alpha1.HealthCheckTCP:
		check.HealthChecker = &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}}
	case v1alpha1.HealthCheckGRPC:
		grpc := &corev3.HealthCheck_GrpcHealthCheck{}
		if a.GRPC != nil {
			grpc.ServiceName = a.GRPC.Service
		}
		check.HealthChecker = &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: grpc}
	}
	c.HealthChecks = []*corev3.HealthCheck{check}
}

// newCheck is what all checks have in common.
func newCheck(every, within time.Duration, healthy, unhealthy int32) *corev3.HealthCheck {
	period := durationpb.New(every)
	return &corev3.HealthCheck{
		Timeout:            durationpb.New(within),
		Interval:           period,
		HealthyThreshold:   wrapperspb.UInt32(uint32(healthy)),
		UnhealthyThreshold: wrapperspb.UInt32(uint32(unhealthy)),
		// Without it a cluster that has no traffic yet is checked every 60 s only, and a new
		// version would wait that long to be found healthy.
		NoTrafficInterval: period,
		// A process that no longer accepts connections is not ready.
		ReuseConnection: wrapperspb.Bool(false),
	}
}

// expect says which statuses are success; without any, those that the kubelet takes for success, 200 to 399. All
// others count towards the threshold; by default Envoy would give up at the first of them.
func expect(check *corev3.HealthCheck_HttpHealthCheck, statuses []int32) {
	check.ExpectedStatuses = []*typev3.Int64Range{{Start: 200, End: 400}}
	check.RetriableStatuses = []*typev3.Int64Range{{Start: 100, End: 200}, {Start: 400, End: 600}}
	if len(statuses) == 0 {
		return
	}
	check.ExpectedStatuses, check.RetriableStatuses = nil, []*typev3.Int64Range{{Start: 100, End: 600}}
	for _, s := range statuses {
		check.ExpectedStatuses = append(check.ExpectedStatuses, &typev3.Int64Range{Start: int64(s), End: int64(s) + 1})
	}
}
