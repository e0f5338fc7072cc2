package main

import (
	"fmt"
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// refusals takes in what Envoys refuse, and has the Rollouts looked at that this is about.
func (r *rollouts) refusals(each func(func(envoy string, refused xds.Refusal))) {
	before := r.refused
	r.refused = map[api.Key][]string{}
	each(func(envoy string, refused xds.Refusal) {
		services := map[api.Key]struct{}{}
		note := func(cluster string) {
			if namespace, name := translator.ServiceOf(cluster); name != "" {
				services[api.Key{Kind: api.KindService, Namespace: namespace, Name: name}] = struct{}{}
			}
		}
		if refused.Type <= resource.Endpoint {
			note(refused.Name)
		}
		for _, c := range refused.Clusters {
			note(c.Name)
		}
		for service := range services {
			if len(r.byTarget[service]) > 0 {
				r.refused[service] = append(r.refused[service], fmt.Sprintf("Envoy %s refuses the %s %s: %s", envoy, refused.Type, refused.Name, refused.Message))
			}
		}
	})
	for service := range r.byTarget {
		if !slices.Equal(before[service], r.refused[service]) {
			r.touch(service)
		}
	}
}
