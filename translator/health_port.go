package translator

import (
	"fmt"
	"net/netip"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// A load balancer in front of the fleet sends traffic for local endpoints only to nodes that have some. It
// asks each node, on a port of its own, and is answered as by kube-proxy. Which node an Envoy stands on
// decides which routes it is sent, and the number of endpoints stands in them.
// https://kubernetes.io/docs/tasks/access-application-cluster/create-external-load-balancer/#preserving-the-client-source-ip
var (
	healthRoutes = &Feature{Name: "health of nodes", Build: buildHealthRoutes}
	healthHost   = &Feature{Name: "virtual host of the health of nodes", Build: buildHealthHost}
)

// healthOpenings are where a load balancer may ask for the health of a Service.
func healthOpenings(f fleet, service *corev1.Service) []opening {
	if service.Spec.HealthCheckNodePort == 0 || f.Spec.NodePorts.Disabled {
		return nil
	}
	var all []opening
	for _, a := range f.nodePortAddresses() {
		all = append(all, opening{
			address: a, port: service.Spec.HealthCheckNodePort, service: service, index: -1, path: "spec.healthCheckNodePort",
			intercepted: f.Spec.InterceptsNodePort(service.Spec.HealthCheckNodePort),
		})
	}
	return all
}

// healthCalls gives the answers for each node with endpoints, and that for all others. They are the same
// for all fleets.
func healthCalls(r *Reader, service *corev1.Service) []Unit {
	nodes := []string{""}
	for n := range localEndpoints(r, service) {
		nodes = append(nodes, n)
	}
	slices.Sort(nodes)
	var units []Unit
	for _, n := range nodes {
		u := Unit{Namespace: service.Namespace, Name: service.Name, Extra: n}
		units = append(units, u.of(healthRoutes), u.of(healthHost))
	}
	return units
}

// localEndpoints are the ready addresses of a Service by node, of versions that have traffic.
func localEndpoints(r *Reader, service *corev1.Service) map[string]map[netip.Addr]bool {
	on := map[string]map[netip.Addr]bool{}
	for _, v := range streamVersions(r, service) {
		if v.weight == 0 {
			continue
		}
		for i := range service.Spec.Ports {
			for _, e := range selectEndpoints(r, service, &service.Spec.Ports[i], v.versionKey).endpoints {
				if e.node == "" || e.state != ready {
					continue
				}
				if on[e.node] == nil {
					on[e.node] = map[netip.Addr]bool{}
				}
				on[e.node][e.address.Addr()] = true
			}
		}
	}
	return on
}

// healthKey is the key of the routes for the Envoys of a node; without one, for all others.
func healthKey(u Unit, part string) resource.Key {
	key := resource.Key{Type: resource.Route, Audience: resource.Everyone, Name: healthRouteName(u.Namespace, u.Name), Part: part}
	if u.Extra != "" {
		key.Audience = resource.Audience{Scope: resource.Node, Name: u.Extra}
	}
	return key
}

func buildHealthRoutes(_ *Reader, u Unit) Result {
	e := &encoder{}
	key := healthKey(u, "")
	return e.result(key, &routev3.RouteConfiguration{Name: key.Name}, resource.Output{Sources: []api.Key{serviceKey(u)}})
}

func buildHealthHost(r *Reader, u Unit) Result {
	service := read[*corev1.Service](r, api.KindService, u.Namespace, u.Name)
	if service == nil {
		return Result{}
	}
	n := 0
	if u.Extra != "" {
		n = len(localEndpoints(r, service)[u.Extra])
	}
	status := uint32(503)
	if n > 0 {
		status = 200
	}
	// As kube-proxy writes it, to the byte.
	body := fmt.Sprintf("{\n\t\"service\": {\n\t\t\"namespace\": %q,\n\t\t\"name\": %q\n\t},\n\t\"localEndpoints\": %d,\n\t\"serviceProxyHealthy\": true\n}", u.Namespace, u.Name, n)
	header := func(name, value string) *corev3.HeaderValueOption {
		return &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: name, Value: value},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	e := &encoder{}
	return e.result(healthKey(u, openingPart), &routev3.VirtualHost{
		Name: openingPart, Domains: []string{"*"},
		Routes: []*routev3.Route{{
			Match: everyPath(),
			Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
				Status: status, Body: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: body}},
			}},
			ResponseHeadersToAdd: []*corev3.HeaderValueOption{
				header("Content-Type", "application/json"), header("X-Content-Type-Options", "nosniff"),
				header("X-Load-Balancing-Endpoint-Weight", fmt.Sprint(n)),
			},
		}},
	}, resource.Output{Sources: []api.Key{serviceKey(u)}})
}
