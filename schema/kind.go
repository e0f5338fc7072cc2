package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
	"github.com/gateway-cp/gateway-cp/schema/internal/data"
)

// Version is the version of Kubernetes whose kinds are built in, such as 1.37.
var Version = func() string {
	text, _ := data.Builtin.Find("V")
	return strings.Trim(text, `"`)
}()

// kind is what is known of a kind that is, or was, built into Kubernetes.
type kind struct {
	Definition  string `json:"definition"` // empty: this version of Kubernetes does not have it
	Namespaced  bool   `json:"namespaced"`
	Deprecated  string `json:"deprecated"`  // since which version of Kubernetes
	Removed     string `json:"removed"`     // from which version of Kubernetes on
	Replacement string `json:"replacement"` // apiVersion and kind

	shape *shape
}

var kinds sync.Map // GVK -> *kind; nil for those that there are not

// builtinKind finds a kind; nil when it is not one of Kubernetes.
func builtinKind(gvk schema.GroupVersionKind) *kind {
	if k, ok := kinds.Load(gvk); ok {
		return k.(*kind)
	}
	var k *kind
	if text, ok := data.Builtin.Find("K " + gvkName(gvk)); ok {
		k = new(kind)
		if err := json.Unmarshal([]byte(text), k); err != nil {
			k = nil
		} else if k.Definition != "" {
			k.shape = definition(k.Definition)
		}
	}
	cached, _ := kinds.LoadOrStore(gvk, k)
	return cached.(*kind)
}

func gvkName(gvk schema.GroupVersionKind) string {
	return gvk.GroupVersion().String() + " " + gvk.Kind
}

// age reports an apiVersion that is deprecated or gone. It is false when there is nothing to
// check the object against.
func (r *report) age(k *kind, gvk schema.GroupVersionKind) bool {
	name := gvkName(gvk)
	hint := "there is no replacement"
	if k.Replacement != "" {
		hint = "use " + k.Replacement
	}
	switch {
	case k.shape == nil && k.Removed != "":
		r.add(api.Error, "apiVersion", api.ReasonRemovedAPIVersion, hint, fmt.Sprintf("%s is gone since Kubernetes %s", name, k.Removed))
		return false
	case k.shape == nil:
		r.add(api.Error, "apiVersion", api.ReasonRemovedAPIVersion, hint, fmt.Sprintf("%s is not served by Kubernetes %s", name, Version))
		return false
	case k.Deprecated != "" && notAfter(k.Deprecated, Version):
		message := fmt.Sprintf("%s is deprecated since Kubernetes %s", name, k.Deprecated)
		if k.Removed != "" {
			message += " and goes away in " + k.Removed
		}
		r.add(api.Warning, "apiVersion", api.ReasonDeprecatedAPIVersion, hint, message)
	}
	return true
}

// notAfter compares versions of two numbers.
func notAfter(a, b string) bool {
	var aMajor, aMinor, bMajor, bMinor int
	fmt.Sscanf(a, "%d.%d", &aMajor, &aMinor) // what is not a version is 0.0
	fmt.Sscanf(b, "%d.%d", &bMajor, &bMinor)
	return aMajor < bMajor || aMajor == bMajor && aMinor <= bMinor
}

// similarKinds says what the author of a kind that nobody knows may have meant; empty when
// nothing is near. Known are kinds as "apps/v1 Deployment".
func similarKinds(gvk schema.GroupVersionKind, known []string) string {
	byKind := make(map[string][]string)
	var names []string
	for _, k := range known {
		apiVersion, name, _ := strings.Cut(k, " ")
		byKind[name] = append(byKind[name], apiVersion)
		names = append(names, name)
	}
	if versions := byKind[gvk.Kind]; versions != nil {
		if !slices.ContainsFunc(versions, func(version string) bool { return mayMean(gvk.Group, groupOf(version)) }) {
			return ""
		}
		slices.Sort(versions)
		return fmt.Sprintf("%s is in %s", gvk.Kind, orList(slices.Compact(versions)))
	}
	var ofGroup []string
	for _, name := range names {
		if slices.ContainsFunc(byKind[name], func(version string) bool { return groupOf(version) == gvk.Group }) {
			ofGroup = append(ofGroup, name)
		}
	}
	slices.Sort(ofGroup)
	near := nearest.Name(gvk.Kind, slices.Compact(ofGroup))
	if near == "" || nearest.Distance(strings.ToLower(near), strings.ToLower(gvk.Kind)) > 2 {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", near)
}

// mayMean says whether the author of a group that nobody knows may have meant another: it is one that only
// Kubernetes may give, or almost that name. Others have kinds of the same names, such as the Rollout of Argo.
func mayMean(group, other string) bool {
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") || nearest.Distance(group, other) <= 2
}

// groupOf gives the group of an apiVersion.
func groupOf(apiVersion string) string {
	gv, _ := schema.ParseGroupVersion(apiVersion) // ours are well formed
	return gv.Group
}
