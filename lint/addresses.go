package lint

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// serviceAddresses finds cluster IPs that two Services ask for.
func serviceAddresses(c *checker) {
	addresses := map[netip.Addr]api.Other{}
	for _, o := range c.of(api.KindService) {
		for path, ip := range clusterIPs(o.Value.(*corev1.Service)) {
			first, used := addresses[ip]
			if !used {
				addresses[ip] = api.Other{Object: o.Key, Path: path}
			} else if first.Object != o.Key {
				c.add(api.Problem{
					Object: o.Key, Path: path, Reason: api.ReasonClusterIPConflict, Severity: api.Error,
					Message: fmt.Sprintf("cluster IP %s is already used by %s: Kubernetes refuses the second Service", ip, first.Object),
					Hint:    "leave it out to have a free one chosen", Other: first,
				})
			}
		}
	}
}

// clusterIPs gives the addresses of a Service, and where they are written, each once.
func clusterIPs(s *corev1.Service) map[string]netip.Addr {
	all := map[string]netip.Addr{}
	if ip, err := netip.ParseAddr(s.Spec.ClusterIP); err == nil {
		all["spec.clusterIP"] = ip
	}
	for i, text := range s.Spec.ClusterIPs {
		if ip, err := netip.ParseAddr(text); err == nil && text != s.Spec.ClusterIP {
			all[fmt.Sprintf("spec.clusterIPs[%d]", i)] = ip
		}
	}
	return all
}
