package lint

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// serviceAddresses finds node ports and cluster IPs that two Services ask for.
func serviceAddresses(c *checker) {
	type nodePort struct {
		protocol corev1.Protocol
		port     int32
	}
	type place struct {
		key  api.Key
		path string
	}
	ports, addresses := map[nodePort]place{}, map[netip.Addr]place{}
	conflict := func(reason api.Reason, at, first place, what, hint string) {
		c.add(api.Problem{
			Object: at.key, Path: at.path, Reason: reason, Severity: api.Error,
			Message: fmt.Sprintf("%s is already used by %s: Kubernetes refuses the second Service", what, first.key),
			Hint:    hint, Other: api.Other{Object: first.key, Path: first.path},
		})
	}
	for _, o := range c.of(api.KindService) {
		service := o.Value.(*corev1.Service)
		for i, p := range service.Spec.Ports {
			at := place{o.Key, fmt.Sprintf("spec.ports[%d].nodePort", i)}
			n := nodePort{p.Protocol, p.NodePort}
			if p.NodePort == 0 {
				continue
			}
			if first, used := ports[n]; !used {
				ports[n] = at
			} else if first.key != o.Key {
				conflict(api.ReasonNodePortConflict, at, first, fmt.Sprintf("node port %d (%s)", n.port, n.protocol), "change it, or leave it out to have a free one chosen")
			}
		}
		for path, ip := range clusterIPs(service) {
			at := place{o.Key, path}
			if first, used := addresses[ip]; !used {
				addresses[ip] = at
			} else if first.key != o.Key {
				conflict(api.ReasonClusterIPConflict, at, first, "cluster IP "+ip.String(), "leave it out to have a free one chosen")
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
