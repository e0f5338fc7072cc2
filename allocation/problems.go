package allocation

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// problem says why a claim did not get what it asks for.
func (c *claim) problem(g grant) api.Problem {
	p := api.Problem{Object: c.service, Path: c.path, Severity: api.Error}
	if g.rival != nil {
		p.Other = api.Other{Object: g.rival.service, Path: g.rival.path}
	}
	switch kind := c.kind.(type) {
	case nodePort:
		kind.explain(c, g, &p)
	case healthPort:
		kind.explain(c, g, &p)
	case frontAddress:
		kind.explain(c, g, &p)
	case clusterAddress:
		kind.explain(c, g, &p)
	}
	return p
}

func (n nodePort) explain(c *claim, g grant, p *api.Problem) {
	kept := "it has none"
	if g.port != 0 {
		kept = fmt.Sprintf("it stays at %d, where it was before", g.port)
	}
	switch g.why {
	case outOfRange:
		p.Reason = api.ReasonNodePortOutOfRange
		p.Message = fmt.Sprintf("node port %d is not one of %s, which the Fleet allows: %s", c.wanted.port, n.common(), kept)
		p.Hint = "choose one of these, leave it out to have one chosen, or change spec.nodePorts.range of the Fleet"
	case taken:
		p.Reason = api.ReasonNodePortConflict
		p.Message = fmt.Sprintf("node port %d (%s) is already used by %s: %s", c.wanted.port, n.protocol, g.rival.service, kept)
		p.Hint = "change it, or leave it out to have a free one chosen"
	default:
		p.Reason = api.ReasonNodePortsExhausted
		p.Message = fmt.Sprintf("there is no free node port: all of %s are in use", n.common())
		p.Hint = "widen spec.nodePorts.range of the Fleet, or remove Services of type NodePort that nobody needs"
	}
}

func (f frontAddress) explain(c *claim, g grant, p *api.Problem) {
	kept := "the Service has no address"
	if g.address.IsValid() {
		kept = fmt.Sprintf("the Service keeps %s, which it had before", g.address)
	}
	p.Reason = api.ReasonLoadBalancerAddressUnavailable
	switch g.why {
	case outOfRange:
		p.Message = fmt.Sprintf("the address %s is none that a Fleet has for load balancers: %s", c.wanted.address, kept)
		p.Hint = fmt.Sprintf("choose one of %s, leave it out to have one chosen, or change spec.loadBalancer.addresses of the Fleet", f.names())
	case taken:
		p.Message = fmt.Sprintf("%s has a port of the same number on %s: %s", g.rival.service, c.wanted.address, kept)
		p.Hint = "change the port or the address, or leave the address out to have a free one chosen"
	default:
		p.Reason, p.Path = api.ReasonLoadBalancerAddressMissing, "spec.type"
		p.Message = fmt.Sprintf("none of %s, which Fleet %s has for load balancers, is free at the ports of the Service", f.names(), f.fleet)
		p.Hint = "give the Fleet more (spec.loadBalancer.addresses); node ports are served all the same"
	}
}

func (a clusterAddress) explain(c *claim, g grant, p *api.Problem) {
	if g.why == exhausted {
		p.Reason = api.ReasonClusterIPsExhausted
		p.Message = fmt.Sprintf("there is no free cluster IP in %s", a.within)
		p.Hint = "give the Fleet a wider range in spec.clusterIPRanges"
		return
	}
	kept := "the Service has none"
	if g.address.IsValid() {
		kept = fmt.Sprintf("the Service keeps %s, which it had before", g.address)
	}
	p.Reason = api.ReasonClusterIPConflict
	p.Message = fmt.Sprintf("cluster IP %s is already used by %s: %s", c.wanted.address, g.rival.service, kept)
	p.Hint = "leave it out to have a free one chosen"
}

func (f frontAddress) names() string {
	var all []string
	for _, p := range f.pool {
		if p.IsSingleIP() {
			all = append(all, p.Addr().String())
		} else {
			all = append(all, p.String())
		}
	}
	return strings.Join(all, ", ")
}

// noPool says that a Service waits for an address that no fleet can give it. One of a class that no fleet
// has is somebody else's.
func noPool(k api.Key, s *corev1.Service, fleets []*v1alpha1.Fleet) (api.Problem, bool) {
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return api.Problem{}, false
	}
	for _, f := range fleets {
		if f.ServesService(s.Labels) && ofClass(s, f) {
			return api.Problem{
				Object: k, Path: "spec.type", Reason: api.ReasonLoadBalancerAddressMissing, Severity: api.Warning,
				Message: fmt.Sprintf("Fleet %s has no addresses for load balancers: only the node ports of the Service are served", f.Name),
				Hint:    "give the Fleet spec.loadBalancer.addresses",
			}, true
		}
	}
	return api.Problem{}, false
}
