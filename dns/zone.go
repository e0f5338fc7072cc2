package dns

//lint:file-ignore SA1019 Endpoints is deprecated in Kubernetes, yet still what hand-written manifests use

import (
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// ZoneOptions say whose names a Zone has.
type ZoneOptions struct {
	// Fleet is the fleet whose Services are answered.
	Fleet string
	// Domain is the cluster's domain, such as cluster.local. Empty: what the Fleet's
	// spec.clusterDomain says.
	Domain string
}

// Zone makes the names of a fleet's Services from objects. One goroutine owns it and applies
// changes; Servers read what has come of them.
type Zone struct {
	options ZoneOptions
	fleet   *v1alpha1.Fleet // nil: there is no such fleet, so no Services of it

	services  map[name]*corev1.Service
	slices    map[name]map[name]*discoveryv1.EndpointSlice // by Service
	sliceOf   map[name]name                                // the Service of a slice
	endpoints map[name]*corev1.Endpoints
	pods      byLabel[*corev1.Pod]
	workloads byLabel[*v1alpha1.Workload]
	// headless are the Services whose records change with Pods and Workloads.
	headless selectors

	touched map[name]struct{} // Services whose records are to be made again
	current atomic.Pointer[snapshot]
}

// NewZone makes a Zone that has not been told anything yet: until then a Server does not know
// which names there are, and says so.
func NewZone(o ZoneOptions) *Zone {
	z := &Zone{
		options:   o,
		services:  map[name]*corev1.Service{},
		slices:    map[name]map[name]*discoveryv1.EndpointSlice{},
		sliceOf:   map[name]name{},
		endpoints: map[name]*corev1.Endpoints{},
		pods:      newByLabel[*corev1.Pod](),
		workloads: newByLabel[*v1alpha1.Workload](),
		headless:  newSelectors(),
		touched:   map[name]struct{}{},
	}
	z.setFleet(nil)
	return z
}

// Apply takes a batch of admitted objects that are new or have changed, and of keys that are gone.
// When it returns, queries are answered by it. It costs what the batch is worth, however many
// other objects there are. The objects are kept and must not change.
func (z *Zone) Apply(set []*api.Object, gone []api.Key) {
	next := z.current.Load().edit()
	for _, k := range gone {
		z.put(k, nil, next)
	}
	for _, o := range set {
		z.put(o.Key, o.Value, next)
	}
	next.setDomain(z.domain())
	for n := range z.touched {
		next.setService(n, z.records(n))
	}
	clear(z.touched)
	z.current.Store(next.commit())
}

// put notes an object, or that it is gone (nil), and which Services it touches.
func (z *Zone) put(k api.Key, value api.Value, next *edit) {
	n := nameOf(k)
	switch k.Kind {
	case api.KindFleet:
		if k.Name == z.options.Fleet {
			fleet, _ := value.(*v1alpha1.Fleet)
			z.setFleet(fleet)
		}
	case api.KindNamespace:
		next.setNamespace(k.Name, value != nil)
	case api.KindService:
		service, _ := value.(*corev1.Service)
		z.setService(n, service)
	case api.KindEndpointSlice:
		slice, _ := value.(*discoveryv1.EndpointSlice)
		z.setSlice(n, slice)
	case api.KindEndpoints:
		delete(z.endpoints, n)
		if value != nil {
			z.endpoints[n] = value.(*corev1.Endpoints)
		}
		z.touch(n)
	case api.KindPod:
		pod, ok := value.(*corev1.Pod)
		before, after := z.pods.set(n, pod, ok)
		z.touchSelecting(n.namespace, before, after)
	case api.KindWorkload:
		workload, ok := value.(*v1alpha1.Workload)
		before, after := z.workloads.set(n, workload, ok)
		z.touchSelecting(n.namespace, before, after)
	}
}

func (z *Zone) touch(n name) { z.touched[n] = struct{}{} }

// touchSelecting touches the Services that select what had, or has, the labels.
func (z *Zone) touchSelecting(namespace string, before, after map[string]string) {
	z.headless.each(namespace, before, z.touch)
	z.headless.each(namespace, after, z.touch)
}

// setFleet puts another fleet in place. That touches every Service: it is rare.
func (z *Zone) setFleet(fleet *v1alpha1.Fleet) {
	if fleet == nil && z.options.Fleet == v1alpha1.DefaultFleet {
		fleet = v1alpha1.ImplicitFleet()
	}
	z.fleet = fleet
	for n := range z.services {
		z.touch(n)
	}
}

// domain is that of the cluster, without dots around it.
func (z *Zone) domain() string {
	switch {
	case z.options.Domain != "":
		return z.options.Domain
	case z.fleet != nil:
		return z.fleet.Spec.ClusterDomain
	}
	return v1alpha1.ImplicitFleet().Spec.ClusterDomain
}

func (z *Zone) setService(n name, service *corev1.Service) {
	if old := z.services[n]; old != nil {
		z.headless.remove(n, old.Spec.Selector)
		delete(z.services, n)
	}
	if service != nil {
		z.services[n] = service
		if isHeadless(service) {
			z.headless.add(n, service.Spec.Selector)
		}
	}
	z.touch(n)
}

func (z *Zone) setSlice(n name, slice *discoveryv1.EndpointSlice) {
	if old, ok := z.sliceOf[n]; ok {
		if delete(z.slices[old], n); len(z.slices[old]) == 0 {
			delete(z.slices, old)
		}
		delete(z.sliceOf, n)
		z.touch(old)
	}
	if slice == nil || slice.Labels[discoveryv1.LabelServiceName] == "" {
		return
	}
	service := name{n.namespace, slice.Labels[discoveryv1.LabelServiceName]}
	if z.slices[service] == nil {
		z.slices[service] = map[name]*discoveryv1.EndpointSlice{}
	}
	z.slices[service][n], z.sliceOf[n] = slice, service
	z.touch(service)
}

// records makes the records of a Service; nil when the fleet has no such Service.
func (z *Zone) records(n name) *records {
	service := z.services[n]
	if service == nil || z.fleet == nil || !z.fleet.ServesService(service.Labels) {
		return nil
	}
	return newRecords(service, func() []endpoint { return z.ready(service) })
}
