package translator

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// serviceCalls gives the units of a Service: for each port its endpoints, and for each fleet
// that serves it a cluster, a virtual host under every form of its name, what its node ports need and,
// where it speaks gRPC, what clients without an Envoy ask for.
//
// A headless Service is served like any other: Envoy spreads the requests. One of type ExternalName has no
// endpoints that are known here: see external.go.
func serviceCalls(r *Reader, o *api.Object) []Unit {
	service := o.Value.(*corev1.Service)
	subject := Unit{Namespace: service.Namespace, Name: service.Name}
	units := []Unit{subject.of(serviceCheck)}
	versions := versionKeys(r, service)
	fleets := fleetsCarrying(r, service)
	for _, port := range servedPorts(service) {
		subject.Port = port.Port
		for _, v := range versions {
			subject.Extra = v
			if len(fleets) > 0 && !isExternal(service) {
				units = append(units, subject.of(serviceEndpoints))
			}
			for _, f := range fleets {
				units = append(units, subject.of(serviceCluster).in(f))
			}
		}
		for _, f := range fleets {
			units = append(units, rescueCalls(r, service, port.Port, f)...)
		}
	}
	if isHeadless(service) {
		if hostnames := hostnamesBehind(r, service); len(hostnames) > 0 {
			units = append(units, hostnameCalls(r, service.Namespace, service.Name, hostnames...)...)
		}
	}
	for _, f := range fleets {
		units = append(units, hostCalls(f, service)...)
		if !isExternal(service) { // gRPC clients without an Envoy are told addresses, which nobody knows here
			units = append(units, proxylessCalls(f, service)...)
		}
		for _, u := range append(namedCalls(r, f, service), openingCalls(r, f, service)...) {
			units = addUnit(units, u)
		}
	}
	if prefersNear(service) {
		units = append(units, topologyCalls(r, service)...)
	}
	return units
}

// hostCalls gives the virtual hosts of a Service on the service listener of a fleet, and the
// scope that they are in.
func hostCalls(f fleet, service *corev1.Service) []Unit {
	if _, enabled := f.serviceListener(); !enabled || len(servedPorts(service)) == 0 {
		return nil
	}
	subject := Unit{Namespace: service.Namespace, Name: service.Name}.in(f)
	return []Unit{subject.of(scopeHead), subject.of(serviceHosts)}
}

func (u Unit) of(f *Feature) Unit { u.Feature = f; return u }

func (u Unit) in(f fleet) Unit { u.Fleet = f.Name; return u }

func fleetsServing(r *Reader, service *corev1.Service) []fleet {
	var serving []fleet
	for _, f := range readFleets(r) {
		if f.servesService(service.Labels) {
			serving = append(serving, f)
		}
	}
	return serving
}

// versionKeys gives the packed versions of a Service, also of those that stand behind or beside a canary once
// more; without a Rollout just the empty one.
func versionKeys(r *Reader, service *corev1.Service) []string {
	rollout := rolloutOf(r, service.Namespace, service.Name)
	if rollout == nil || len(rollout.Spec.Versions) == 0 {
		return []string{""}
	}
	var keys []string
	for _, v := range versionsOf(rollout) {
		keys = append(keys, versionKey{ID: v.id, Rollout: rollout.Name, Selector: v.selector}.pack())
		if v.mirror != nil {
			keys = append(keys, versionKey{ID: v.id + mirrorSuffix, Rollout: rollout.Name, Selector: v.selector}.pack())
		}
	}
	if v, ok := rescueVersion(rollout); ok {
		keys = append(keys, v)
	}
	return keys
}

// servedPorts are the TCP ports of a Service, each number once, in the order of the spec.
func servedPorts(service *corev1.Service) []*corev1.ServicePort {
	var ports []*corev1.ServicePort
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if isTCP(p.Protocol) && findPort(ports, p.Port) == nil {
			ports = append(ports, p)
		}
	}
	return ports
}

func isTCP(p corev1.Protocol) bool { return p == corev1.ProtocolTCP }

func findPort(ports []*corev1.ServicePort, number int32) *corev1.ServicePort {
	for _, p := range ports {
		if p.Port == number {
			return p
		}
	}
	return nil
}

// servedPort gives the TCP port of a Service with this number, or nil.
func servedPort(service *corev1.Service, number int32) *corev1.ServicePort {
	return findPort(servedPorts(service), number)
}

// servedBy gives the Service of a unit and its TCP port; the port is nil where either is gone.
func servedBy(r *Reader, u Unit) (*corev1.Service, *corev1.ServicePort) {
	service := read[*corev1.Service](r, api.KindService, u.Namespace, u.Name)
	if service == nil {
		return nil, nil
	}
	return service, servedPort(service, u.Port)
}

// defaultPort is the port that a host name without one means: 80, else the only one. It is
// false where neither is there.
func defaultPort(service *corev1.Service) (int32, bool) {
	ports := servedPorts(service)
	switch {
	case findPort(ports, 80) != nil:
		return 80, true
	case len(ports) == 1:
		return ports[0].Port, true
	}
	return 0, false
}

// serviceCheck says what of a Service cannot be served as it is written.
var serviceCheck = &Feature{Name: "service check", Build: buildServiceCheck}

func buildServiceCheck(r *Reader, u Unit) Result {
	service := read[*corev1.Service](r, api.KindService, u.Namespace, u.Name)
	if service == nil {
		return Result{}
	}
	var problems []api.Problem
	warn := func(reason api.Reason, path, message, hint string) {
		problems = append(problems, api.Problem{
			Object: serviceKey(u), Path: path, Reason: reason, Severity: api.Warning, Message: message, Hint: hint,
		})
	}
	if isExternal(service) {
		outsideCheck(r, service, func(severity api.Severity, reason api.Reason, path, message, hint string, other ...api.Other) {
			p := api.Problem{Object: serviceKey(u), Path: path, Reason: reason, Severity: severity, Message: message, Hint: hint}
			if len(other) > 0 {
				p.Other = other[0]
			}
			problems = append(problems, p)
		})
	}
	if fleets := fleetsServing(r, service); len(fleets) > 0 {
		for i, a := range externalIPs(service) {
			if !slices.ContainsFunc(fleets, func(f fleet) bool { return f.PermitsExternalIP(a) }) {
				warn(api.ReasonExternalIPRefused, fmt.Sprintf("spec.externalIPs[%d]", i), fmt.Sprintf("no Fleet permits %s: nothing listens there", a),
					"add it to spec.externalIPRanges of Fleet "+fleets[0].Name+", or take it out")
			}
		}
	}
	for i, p := range service.Spec.Ports {
		if !isTCP(p.Protocol) {
			if p.Protocol != corev1.ProtocolUDP {
				warn(api.ReasonUnsupportedField, fmt.Sprintf("spec.ports[%d].protocol", i),
					fmt.Sprintf("port %d is not served: Envoy does not speak %s", p.Port, p.Protocol), "")
			} else if p.NodePort == 0 && len(frontAddresses(service)) == 0 && len(service.Spec.ExternalIPs) == 0 && !opensClusterIPs(r, service) {
				warn(api.ReasonUnsupportedField, fmt.Sprintf("spec.ports[%d].protocol", i),
					fmt.Sprintf("port %d is not served: a UDP port needs a node port or an address, and it has none", p.Port),
					"set spec.type to NodePort")
			}
			continue
		}
		if p.AppProtocol != nil && speaksTLS(*p.AppProtocol) && !isExternal(service) && !hasTLSPolicy(r, service, &p) {
			warn(api.ReasonUnsupportedField, fmt.Sprintf("spec.ports[%d].appProtocol", i),
				fmt.Sprintf("no BackendTLSPolicy says how to verify endpoints: to the names of the Service %s is sent in plain text", *p.AppProtocol),
				"make a BackendTLSPolicy for the Service, or let the endpoints accept plain HTTP")
		}
	}
	problems = append(problems, originalSourceProblems(r, service)...)
	if _, ok := defaultPort(service); !ok && len(servedPorts(service)) > 1 {
		warn(api.ReasonAmbiguousPort, "spec.ports",
			"a host name without a port answers 404: there is more than one port, and none is 80",
			fmt.Sprintf("give one of the ports the number 80, or send a Host with a port, such as %s.%s:%d",
				u.Name, u.Namespace, servedPorts(service)[0].Port))
	}
	return Result{Problems: problems}
}

func serviceKey(u Unit) api.Key {
	return api.Key{Kind: api.KindService, Namespace: u.Namespace, Name: u.Name}
}
