package lint

import (
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// podTemplate is what some object makes Pods, or Workloads, from, or such an object itself.
type podTemplate struct {
	key      api.Key
	position api.Position // of a manifest that gateway-cp does not read
	labels   map[string]string
	// ports are the names of the ports; nil where the translator looks at them itself.
	ports    map[string]bool
	template bool
}

// ReadForeign takes what the checks ask for from a manifest that gateway-cp does not read: content is as
// decoded from JSON or YAML, and begins at a position. Nothing of it is kept.
func ReadForeign(content map[string]any, position api.Position) Foreign {
	key := api.Key{
		Kind: api.Kind(text(content, "kind")), Namespace: text(content, "metadata", "namespace"),
		Name: text(content, "metadata", "name"),
	}
	if key.Namespace == "" {
		key.Namespace = "default"
	}
	return Foreign{key: key, promised: promisedSecret(content, key), template: readTemplate(content, key, position)}
}

// addForeign takes a manifest in that gateway-cp does not read.
func (c *shared) addForeign(f *Foreign) {
	c.namespaces[f.key.Namespace] = true
	if f.promised != "" {
		c.promised[api.Key{Kind: api.KindSecret, Namespace: f.key.Namespace, Name: f.promised}] = true
	}
	if f.template != nil {
		c.templates.add(f.template)
	}
}

// readTemplate reads the Pods that Deployments, StatefulSets, DaemonSets, ReplicaSets, and what is made in
// their likeness, are templates of; nil for anything else.
func readTemplate(content map[string]any, key api.Key, position api.Position) *podTemplate {
	containers, ok := at(content, "spec", "template", "spec", "containers").([]any)
	if !ok {
		return nil
	}
	t := &podTemplate{key: key, position: position, labels: map[string]string{}, ports: map[string]bool{}, template: true}
	labels, _ := at(content, "spec", "template", "metadata", "labels").(map[string]any)
	for k, v := range labels {
		if s, ok := v.(string); ok {
			t.labels[k] = s
		}
	}
	before, _ := at(content, "spec", "template", "spec", "initContainers").([]any)
	sidecars := slices.DeleteFunc(slices.Clone(before), func(c any) bool { return text(c, "restartPolicy") != "Always" })
	for _, container := range slices.Concat(containers, sidecars) {
		ports, _ := at(container, "ports").([]any)
		for _, p := range ports {
			t.ports[text(p, "name")] = true
		}
	}
	return t
}

// promisedSecret gives the name of the Secret that other software makes from a manifest.
func promisedSecret(content map[string]any, key api.Key) string {
	group, _, _ := strings.Cut(text(content, "apiVersion"), "/")
	switch group + "/" + string(key.Kind) {
	case "cert-manager.io/Certificate":
		return text(content, "spec", "secretName")
	case "bitnami.com/SealedSecret":
		return key.Name
	case "external-secrets.io/ExternalSecret":
		if name := text(content, "spec", "target", "name"); name != "" {
			return name
		}
		return key.Name
	}
	return ""
}

// at follows names into nested maps; nil when one is not there.
func at(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func text(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}
