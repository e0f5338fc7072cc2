package translator

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/behind"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
)

// serviceEndpoints is the endpoint assignment of a Service port, or of a version of it. It is
// the same for every fleet, and all that an endpoint that comes or goes changes.
var serviceEndpoints = &Feature{Name: "endpoints", Build: buildEndpoints}

// endpoint is a place that requests may be sent to.
type endpoint struct {
	address   netip.AddrPort
	zone      string
	node      string // that it is on; empty when it is not known
	pod       string // the Pod it is in; empty when it is not known to be in one
	hostname  string // see hostname.go; empty when it has none
	state     endpointState
	probePort uint32 // where Envoy checks it; 0: not at all
	hints     *hints // nil: none
	priority  uint32 // that Envoy gives it; 0 is the highest
}

// endpointState is from best to worst.
type endpointState = behind.State

const (
	ready    = behind.Ready
	draining = behind.Draining
	notReady = behind.NotReady
)

// selection is what stands behind a Service port.
type selection struct {
	endpoints []endpoint
	// pending counts what is selected and has no address yet.
	pending int
	// portless is an object that is selected but does not have the target port.
	portless api.Key
}

func buildEndpoints(r *Reader, u Unit) Result {
	service, port := servedBy(r, u)
	if port == nil {
		return Result{}
	}
	packed, audience := unpackAudience(u.Extra)
	version := unpackVersion(packed)
	s := selectEndpoints(r, service, port, version)
	total := s.settle(behind.PrimaryFamily(service))
	isReady := s.count(ready)
	var problems []api.Problem
	switch {
	case audience != resource.Everyone:
		if !s.prefer(r, audience) {
			return Result{}
		}
	case !version.isTwin():
		problems = s.problems(service, port, version, total)
	}
	if s.serve(); isReady == 0 {
		isReady = s.count(ready)
	}

	workloads := selectedWorkloads(r, service, version)
	check, _ := checkOf(service, policyOf(r, service, port), workloads, speaksHTTP2(port.AppProtocol)) // the cluster reports on it
	name := clusterName(u.Namespace, u.Name, u.Port, version.ID)
	out := resource.Output{Ready: isReady, Total: total, Sources: []api.Key{serviceKey(u)}}
	e := &encoder{}
	key := resource.Key{Type: resource.Endpoint, Audience: audience, Name: name}
	a := assignment(name, s.endpoints, check)
	if audience != resource.Everyone {
		preferNear(a)
	}
	if speaksGRPC(port) {
		weighLocalities(a)
	}
	return e.result(key, a, out, problems...)
}

// selectEndpoints finds what stands behind a Service port. EndpointSlices, or Endpoints, are
// Kubernetes' own answer and win over Pods. They know nothing of versions, though: a version's
// Pods are selected directly, and EndpointSlices only say how those that are in them are.
// Workloads always join in.
func selectEndpoints(r *Reader, service *corev1.Service, port *corev1.ServicePort, version versionKey) *selection {
	s := &selection{}
	slices := r.list(indexSliceService, service.Namespace, service.Name)
	switch {
	case version.ID != "":
		pods := selectedPods(r, service, version)
		s.addPods(r, service, port, s.addSlicesOf(r, slices, port, pods))
	case len(slices) > 0:
		s.addSlices(r, slices, port, nil)
	case !s.addCoreEndpoints(r, service, port):
		s.addPods(r, service, port, selectedPods(r, service, version))
	}
	s.addWorkloads(r, port, selectedWorkloads(r, service, version))
	if service.Spec.PublishNotReadyAddresses {
		for i := range s.endpoints {
			s.endpoints[i].state = s.endpoints[i].state.Published()
		}
	}
	if prefersNear(service) {
		s.hint(service)
	}
	return s
}

// settle sorts what was found, removes duplicates, and of Pods with addresses of both families
// keeps those of the primary one. It returns the number of what is selected, ready or not.
func (s *selection) settle(primary corev1.IPFamily) (total int) {
	inPrimary := map[string]bool{}
	for _, e := range s.endpoints {
		if e.pod != "" && behind.FamilyOf(e.address.Addr()) == primary {
			inPrimary[e.pod] = true
		}
	}
	s.endpoints = slices.DeleteFunc(s.endpoints, func(e endpoint) bool {
		return inPrimary[e.pod] && behind.FamilyOf(e.address.Addr()) != primary
	})
	slices.SortFunc(s.endpoints, func(a, b endpoint) int {
		return cmp.Or(a.address.Compare(b.address), cmp.Compare(a.state, b.state), cmp.Compare(a.zone, b.zone), cmp.Compare(a.node, b.node),
			cmp.Compare(a.probePort, b.probePort))
	})
	s.endpoints = slices.CompactFunc(s.endpoints, func(a, b endpoint) bool { return a.address == b.address })
	return len(s.endpoints) + s.pending
}

// serve leaves what takes requests. When nothing is ready, what still serves while it
// terminates is better than an error:
// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#serving
func (s *selection) serve() {
	s.endpoints = slices.DeleteFunc(s.endpoints, func(e endpoint) bool { return e.state >= notReady })
	if s.count(ready) == 0 {
		for i := range s.endpoints {
			s.endpoints[i].state = ready
		}
	}
}

func (s *selection) count(state endpointState) (n int) {
	for _, e := range s.endpoints {
		if e.state == state {
			n++
		}
	}
	return n
}

// problems says when nothing stands behind the port.
func (s *selection) problems(service *corev1.Service, port *corev1.ServicePort, version versionKey, total int) []api.Problem {
	problem := api.Problem{
		Object:   api.Key{Kind: api.KindService, Namespace: service.Namespace, Name: service.Name},
		Severity: api.Warning,
	}
	switch {
	case s.portless != api.Key{} && len(s.endpoints) == 0:
		problem.Reason = api.ReasonPortNotFound
		problem.Path = portPath(service, port) + ".targetPort"
		problem.Message = fmt.Sprintf("%s has no port for it, and neither has anything else behind the Service", s.portless)
		problem.Hint = "name the port there, or use its number"
	case total > 0:
		return nil
	case version.ID != "":
		problem.Object.Kind, problem.Object.Name = api.KindRollout, version.Rollout
		problem.Reason = api.ReasonVersionEmpty
		problem.Path = "spec.versions"
		problem.Message = fmt.Sprintf("version %s selects no Pod and no Workload", v1alpha1.VersionName(version.ID))
		problem.Hint = "compare its selector, laid over that of the Service, with their labels"
	case len(service.Spec.Selector) > 0:
		problem.Reason = api.ReasonSelectorMatchesNone
		problem.Path = "spec.selector"
		problem.Message = "selects no Pod and no Workload: requests are answered 503"
		problem.Hint = "compare it with their labels; they must be in the same namespace"
	default:
		return nil
	}
	return []api.Problem{problem}
}

func portPath(service *corev1.Service, port *corev1.ServicePort) string {
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port.Port && p.Protocol == port.Protocol })
	if i == 0 { // that of most Services
		return "spec.ports[0]"
	}
	return fmt.Sprintf("spec.ports[%d]", i)
}

// assignment lays endpoints out by priority and zone.
func assignment(name string, endpoints []endpoint, check *check) *endpointv3.ClusterLoadAssignment {
	slices.SortStableFunc(endpoints, func(a, b endpoint) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.zone, b.zone))
	})
	a := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	for i, e := range endpoints {
		if i == 0 || endpoints[i-1].zone != e.zone || endpoints[i-1].priority != e.priority {
			locality := &endpointv3.LocalityLbEndpoints{Priority: e.priority}
			if e.zone != "" {
				locality.Locality = &corev3.Locality{Zone: e.zone}
			}
			a.Endpoints = append(a.Endpoints, locality)
		}
		last := a.Endpoints[len(a.Endpoints)-1]
		last.LbEndpoints = append(last.LbEndpoints, lbEndpoint(e, check))
	}
	return a
}

func lbEndpoint(e endpoint, check *check) *endpointv3.LbEndpoint {
	host := &endpointv3.Endpoint{
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address:       e.address.Addr().String(),
			PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(e.address.Port())},
		}}},
		HealthCheckConfig: healthCheckConfig(e, check),
	}
	lb := &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: host}}
	if e.state == draining {
		lb.HealthStatus = corev3.HealthStatus_DRAINING
	}
	return lb
}

// healthCheckConfig says what of the cluster's check is this endpoint's own.
func healthCheckConfig(e endpoint, check *check) *endpointv3.Endpoint_HealthCheckConfig {
	switch {
	case check == nil:
		return nil
	case check.byPolicy != nil:
		return policyCheckConfig(e, check.byPolicy)
	case e.probePort == 0:
		return &endpointv3.Endpoint_HealthCheckConfig{DisableActiveHealthCheck: true}
	}
	config := &endpointv3.Endpoint_HealthCheckConfig{PortValue: e.probePort}
	if check.HTTPGet != nil && hostHeader(check.HTTPGet) == "" {
		config.Hostname = netip.AddrPortFrom(e.address.Addr(), uint16(e.probePort)).String()
	}
	return config
}

// policyCheckConfig is that of an endpoint that is checked as a policy says, and all are.
func policyCheckConfig(e endpoint, a *v1alpha1.ActiveHealthCheck) *endpointv3.Endpoint_HealthCheckConfig {
	config := &endpointv3.Endpoint_HealthCheckConfig{PortValue: uint32(valueOr(a.Port, 0))}
	if a.HTTP != nil && a.HTTP.Hostname == "" {
		config.Hostname = netip.AddrPortFrom(e.address.Addr(), uint16(valueOr(a.Port, int32(e.address.Port())))).String()
	}
	return config
}

// add puts an endpoint in whose address admission has checked.
func (s *selection) add(address string, port int32, e endpoint) {
	if a, err := netip.ParseAddr(address); err == nil {
		s.addAt(a.Unmap(), port, e)
	}
}

func (s *selection) addAt(address netip.Addr, port int32, e endpoint) {
	if address.IsValid() && port > 0 && port <= 65535 {
		e.address = netip.AddrPortFrom(address, uint16(port))
		s.endpoints = append(s.endpoints, e)
	}
}

// zoneOf gives the zone of a node; empty when it is not known.
func zoneOf(r *Reader, node string) string {
	if node == "" {
		return ""
	}
	n := read[*keptNode](r, api.KindNode, "", node)
	if n == nil {
		return ""
	}
	return n.zone
}
