package schema

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// resources checks what a container asks for, and compares requests with limits.
func (r *report) resources(p *path, res corev1.ResourceRequirements) {
	compute, hugePages := false, false
	for _, list := range []struct {
		field     string
		resources corev1.ResourceList
	}{{"requests", res.Requests}, {"limits", res.Limits}} {
		for _, name := range sortedResources(list.resources) {
			at := p.field(list.field).at(string(name))
			r.containerResource(at, name)
			r.amount(at, name, list.resources[name])
			compute = compute || name == corev1.ResourceCPU || name == corev1.ResourceMemory
			hugePages = hugePages || isHugePages(name)
		}
	}
	for _, name := range sortedResources(res.Requests) {
		request, at := res.Requests[name], p.field("requests").at(string(name))
		limit, limited := res.Limits[name]
		switch {
		case isNative(name) && !isHugePages(name): // more may be requested than there is
			if limited && request.Cmp(limit) > 0 {
				r.invalid(at, "raise the limit or lower the request", "is %s, more than the limit of %s", request.String(), limit.String())
			}
		case !limited:
			r.missing(p.field("limits").at(string(name)), "make it the same as the request: what a container has of it, others do not")
		case request.Cmp(limit) != 0:
			r.invalid(at, "make it the same as the limit", "is %s, but the limit is %s", request.String(), limit.String())
		}
	}
	if hugePages && !compute {
		r.invalid(p, "ask for cpu or memory as well", "asks for huge pages alone")
	}
}

// containerResource checks the name of a resource that a container may ask for.
// https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources
func (r *report) containerResource(p *path, name corev1.ResourceName) {
	ok := false
	switch {
	case !strings.Contains(string(name), "/"):
		ok = name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage || isHugePages(name)
	case isNative(name):
		ok = len(validation.IsQualifiedName(string(name))) == 0
	default:
		ok = isExtended(name)
	}
	if !ok {
		r.invalid(p, "use cpu, memory, ephemeral-storage, hugepages-2Mi or the like, or a name with a domain such as example.com/gpu", "%q is not a resource", name)
	}
}

// isNative says whether a resource is one of Kubernetes.
func isNative(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

func isExtended(name corev1.ResourceName) bool {
	return !isNative(name) && !strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix) &&
		len(validation.IsQualifiedName(corev1.DefaultResourceRequestsPrefix+string(name))) == 0
}

func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// amount checks how much of a resource is meant.
func (r *report) amount(p *path, name corev1.ResourceName, q resource.Quantity) {
	switch {
	case q.Sign() < 0:
		r.invalid(p, "", "is %s, but must be at least 0", q.String())
	case (isExtended(name) || slices.Contains(counted, name)) && q.MilliValue()%1000 != 0:
		r.invalid(p, "", "is %s, but must be a whole number", q.String())
	}
}

// counted are the resources of which there are only whole numbers.
var counted = []corev1.ResourceName{
	corev1.ResourcePods, corev1.ResourceQuotas, corev1.ResourceServices, corev1.ResourceReplicationControllers, corev1.ResourceSecrets,
	corev1.ResourceConfigMaps, corev1.ResourcePersistentVolumeClaims, corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers,
}

func sortedResources(list corev1.ResourceList) []corev1.ResourceName {
	return slices.Sorted(maps.Keys(list))
}

// limitable are the resources, apart from the counted ones, that a ResourceQuota may limit by a plain name.
var limitable = []corev1.ResourceName{
	corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
	corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsStorage, corev1.ResourceRequestsEphemeralStorage,
	corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage,
}

func (r *report) resourceQuota(q *corev1.ResourceQuota) {
	for _, name := range sortedResources(q.Spec.Hard) {
		at := spec.field("hard").at(string(name))
		plain := !strings.Contains(string(name), "/")
		known := slices.Contains(limitable, name) || slices.Contains(counted, name) || isHugePages(name) || strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix)
		if len(validation.IsQualifiedName(string(name))) > 0 || plain && !known {
			r.invalid(at, "use a resource such as requests.cpu or pods, or count/ and a kind such as count/deployments.apps", "%q is not a resource that can be limited", name)
		}
		r.amount(at, name, q.Spec.Hard[name])
	}
}

func (r *report) limitRange(l *corev1.LimitRange) {
	types := make(map[corev1.LimitType]bool)
	for i, limit := range l.Spec.Limits {
		at := spec.field("limits").item(i)
		if types[limit.Type] {
			r.invalid(at.field("type"), "write both into one entry", "%s is there twice", limit.Type)
		}
		types[limit.Type] = true
		if limit.Type == corev1.LimitTypePod && len(limit.Default)+len(limit.DefaultRequest) > 0 {
			r.invalid(at, "use them for the type Container", "has defaults, which are not for the type Pod")
			continue
		}
		// Each is at most what comes after it.
		order := []struct {
			field string
			list  corev1.ResourceList
		}{{"min", limit.Min}, {"defaultRequest", limit.DefaultRequest}, {"default", limit.Default}, {"max", limit.Max}}
		for n, low := range order {
			for _, name := range sortedResources(low.list) {
				for _, high := range order[n+1:] {
					least, most := low.list[name], high.list[name]
					if _, there := high.list[name]; there && least.Cmp(most) > 0 {
						r.invalid(at.field(low.field).at(string(name)), "lower it, or raise the other", "is %s, more than %s, which is %s", least.String(), high.field, most.String())
					}
				}
			}
		}
	}
}
