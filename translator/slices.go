package translator

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// indexSliceService finds EndpointSlices by the Service that their label names.
const indexSliceService index = "EndpointSlices by Service"

func endpointSliceLookups(o *api.Object) []lookup {
	service := o.Value.(*keptSlice).service
	if service == "" {
		return nil
	}
	return []lookup{{indexSliceService, o.Key.Namespace, service}}
}

// endpointSliceCalls gives the units of an EndpointSlice: whether it has an effect, what its hints ask for, and those of its
// hostnames.
func endpointSliceCalls(r *Reader, o *api.Object) []Unit {
	slice := o.Value.(*keptSlice)
	if slice.service == "" {
		return nil
	}
	units := []Unit{{Feature: endpointSliceCheck, Namespace: o.Key.Namespace, Name: o.Key.Name, Extra: slice.service}}
	if hostnames := slice.distinctHostnames(); len(hostnames) > 0 {
		units = append(units, hostnameCalls(r, o.Key.Namespace, slice.service, hostnames...)...)
	}
	return append(units, sliceTopologyCalls(r, o.Key.Namespace, slice)...)
}

// endpointSliceCheck says when the Service that an EndpointSlice names is not there. Its name is
// in the unit, so that endpoints come and go without a new check.
var endpointSliceCheck = &Feature{Name: "endpoint slice check", Build: checkEndpointSlice}

func checkEndpointSlice(r *Reader, u Unit) Result {
	if r.get(api.KindService, u.Namespace, u.Extra) != nil {
		return Result{}
	}
	return Result{Problems: []api.Problem{{
		Object:   api.Key{Kind: api.KindEndpointSlice, Namespace: u.Namespace, Name: u.Name},
		Path:     "metadata.labels[" + discoveryv1.LabelServiceName + "]",
		Reason:   api.ReasonTargetNotFound,
		Severity: api.Warning,
		Message:  "there is no Service " + u.Namespace + "/" + u.Extra,
		Hint:     "the endpoints get no traffic until it exists; check the name",
	}}}
}

// addSlices adds the endpoints of EndpointSlices; with pods, only those that are in one of
// them. It returns the Pods that an endpoint was found for.
func (s *selection) addSlices(r *Reader, slices []*api.Object, port *corev1.ServicePort, pods map[string]bool) map[string]bool {
	var found map[string]bool
	if pods != nil {
		found = map[string]bool{}
	}
	for _, o := range slices {
		slice := o.Value.(*keptSlice)
		number := slice.port(port)
		for i := range slice.endpoints {
			e := &slice.endpoints[i]
			pod := slice.pod(i)
			if pods != nil && !pods[pod] {
				continue
			}
			if pods != nil && pod != "" {
				found[pod] = true
			}
			if number == 0 {
				s.portless = o.Key
				continue
			}
			s.addAt(e.address, number, endpoint{
				zone: e.zoneOf(r), node: e.node.Value(), pod: pod, state: e.state, hints: slice.hintsOf(i), hostname: slice.hostname(i),
			})
		}
	}
	return found
}

// addSlicesOf adds the endpoints of EndpointSlices that are in one of the Pods, and returns the
// Pods that no endpoint was found for.
func (s *selection) addSlicesOf(r *Reader, slices []*api.Object, port *corev1.ServicePort, pods []*api.Object) []*api.Object {
	names := make(map[string]bool, len(pods))
	for _, p := range pods {
		names[p.Key.Name] = true
	}
	found := s.addSlices(r, slices, port, names)
	var rest []*api.Object
	for _, p := range pods {
		if !found[p.Key.Name] {
			rest = append(rest, p)
		}
	}
	return rest
}

func podName(ref *corev1.ObjectReference) string {
	if ref == nil || ref.Kind != string(api.KindPod) {
		return ""
	}
	return ref.Name
}
