package v1alpha1

// SchedulerAnnotation of a Service says how its connections and requests are spread over endpoints, in the names
// that kube-proxy's IPVS mode has (--ipvs-scheduler):
// https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-ipvs
const SchedulerAnnotation = "gateway-cp.io/ipvs-scheduler"

// The schedulers of IPVS. Endpoints have no weights, so the weighted ones are what the plain ones are.
const (
	SchedulerRoundRobin         = "rr"
	SchedulerWeightedRoundRobin = "wrr"
	SchedulerLeast              = "lc"
	SchedulerWeightedLeast      = "wlc"
	SchedulerShortestDelay      = "sed"
	SchedulerSource             = "sh"
	// SchedulerDestination has one destination to choose by, the Service.
	SchedulerDestination = "dh"
)

// Scheduled gives the type of load balancer that stands for a scheduler of IPVS.
func Scheduled(scheduler string) LoadBalancerType {
	switch scheduler {
	case SchedulerLeast, SchedulerWeightedLeast, SchedulerShortestDelay:
		return LeastRequestLoadBalancer
	case SchedulerSource:
		return ConsistentHashLoadBalancer
	}
	return RoundRobinLoadBalancer
}

// EffectiveType gives the type, also where it is asked for as a scheduler of IPVS.
func (l *BackendLoadBalancer) EffectiveType() LoadBalancerType {
	if l.IPVSScheduler != "" {
		return Scheduled(l.IPVSScheduler)
	}
	return l.Type
}

// TakesSlowStart says whether endpoints may get their shares bit by bit.
func (l *BackendLoadBalancer) TakesSlowStart() bool {
	t := l.EffectiveType()
	return t == RoundRobinLoadBalancer || t == LeastRequestLoadBalancer
}
