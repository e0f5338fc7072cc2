package configdump

import (
	"encoding/json"
	"fmt"
)

// assignment is what of a ClusterLoadAssignment stays the same on its way through Envoy.
type assignment struct {
	Endpoints []struct {
		Locality struct {
			Region  string `json:"region"`
			Zone    string `json:"zone"`
			SubZone string `json:"sub_zone"`
		} `json:"locality"`
		Priority int     `json:"priority"`
		Weight   float64 `json:"load_balancing_weight"`
		Hosts    []struct {
			Endpoint struct {
				Address any `json:"address"`
			} `json:"endpoint"`
			Weight *float64 `json:"load_balancing_weight"`
		} `json:"lb_endpoints"`
	} `json:"endpoints"`
}

// normalEndpoints gives the hosts of a ClusterLoadAssignment by locality and priority, with
// their weights. Envoy does not keep what it was sent: its dump is made from the hosts that it
// has, and what it adds (health, host names of health checks) is none of the comparison.
func normalEndpoints(tree any) any {
	raw, err := json.Marshal(tree)
	if err != nil {
		return tree
	}
	var a assignment
	if json.Unmarshal(raw, &a) != nil {
		return tree
	}
	all := map[string]any{}
	for _, l := range a.Endpoints {
		if len(l.Hosts) == 0 {
			continue // Envoy does not keep empty localities
		}
		where := fmt.Sprintf("locality %q priority %d", l.Locality.Region+"/"+l.Locality.Zone+"/"+l.Locality.SubZone, l.Priority)
		hosts, _ := all[where].(map[string]any)
		if hosts == nil {
			hosts = map[string]any{"weight": l.Weight}
			all[where] = hosts
		}
		for _, h := range l.Hosts {
			weight := 1.0
			if h.Weight != nil {
				weight = *h.Weight
			}
			hosts[addressOf(h.Endpoint.Address)] = map[string]any{"weight": weight}
		}
	}
	return all
}

// addressOf writes an address as ip:port, or whatever it is as JSON.
func addressOf(tree any) string {
	m, _ := tree.(map[string]any)
	socket, _ := m["socket_address"].(map[string]any)
	if socket == nil {
		return show(tree)
	}
	return fmt.Sprintf("%v:%v", socket["address"], socket["port_value"])
}
