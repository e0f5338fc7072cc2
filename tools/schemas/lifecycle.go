package main

import (
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// goneBefore are apiVersions whose Go types are gone from k8s.io/api as well.
// https://kubernetes.io/docs/reference/using-api/deprecation-guide/
var goneBefore = map[string]kind{
	"policy/v1beta1 PodSecurityPolicy":                                 {Removed: "1.25"},
	"extensions/v1beta1 PodSecurityPolicy":                             {Removed: "1.16"},
	"batch/v2alpha1 CronJob":                                           {Removed: "1.21", Replacement: "batch/v1 CronJob"},
	"apiextensions.k8s.io/v1beta1 CustomResourceDefinition":            {Removed: "1.22", Replacement: "apiextensions.k8s.io/v1 CustomResourceDefinition"},
	"apiregistration.k8s.io/v1beta1 APIService":                        {Removed: "1.22", Replacement: "apiregistration.k8s.io/v1 APIService"},
	"autoscaling/v2beta1 HorizontalPodAutoscaler":                      {Removed: "1.25", Replacement: "autoscaling/v2 HorizontalPodAutoscaler"},
	"autoscaling/v2beta2 HorizontalPodAutoscaler":                      {Removed: "1.26", Replacement: "autoscaling/v2 HorizontalPodAutoscaler"},
	"flowcontrol.apiserver.k8s.io/v1alpha1 FlowSchema":                 {Removed: "1.21", Replacement: "flowcontrol.apiserver.k8s.io/v1 FlowSchema"},
	"flowcontrol.apiserver.k8s.io/v1alpha1 PriorityLevelConfiguration": {Removed: "1.21", Replacement: "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration"},
}

// lifecycle adds in which versions of Kubernetes kinds are deprecated and removed, as their
// Go types say.
func lifecycle(kinds map[string]*kind) {
	for g, typ := range scheme.Scheme.AllKnownTypes() {
		if strings.HasSuffix(g.Kind, "List") || strings.HasSuffix(g.Kind, "Options") {
			continue
		}
		name := gvk{g.Group, g.Version, g.Kind}.String()
		value := reflect.New(typ).Interface()
		removed, hasEnd := value.(interface{ APILifecycleRemoved() (int, int) })
		deprecated, ages := value.(interface{ APILifecycleDeprecated() (int, int) })
		k := kinds[name]
		if k == nil {
			if !hasEnd {
				continue // an alpha that is not served
			}
			k = &kind{}
			kinds[name] = k
		}
		if ages {
			k.Deprecated = version(deprecated.APILifecycleDeprecated())
		}
		if hasEnd {
			k.Removed = version(removed.APILifecycleRemoved())
		}
		if r, ok := value.(interface {
			APILifecycleReplacement() schema.GroupVersionKind
		}); ok {
			to := r.APILifecycleReplacement()
			k.Replacement = gvk{to.Group, to.Version, to.Kind}.String()
		}
	}
	for name, k := range goneBefore {
		if kinds[name] == nil {
			kinds[name] = &k
		}
	}
}

func version(major, minor int) string {
	if major == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", major, minor)
}
