package lint

import (
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

// readForeign takes from a manifest that gateway-cp does not read what the checks ask for.
func (c *checker) readForeign(f Foreign) {
	key := api.Key{
		Kind: api.Kind(text(f.Content, "kind")), Namespace: text(f.Content, "metadata", "namespace"),
		Name: text(f.Content, "metadata", "name"),
	}
	if key.Namespace == "" {
		key.Namespace = "default"
	}
	c.namespaces[key.Namespace] = true
	if secret := promisedSecret(f.Content, key); secret != "" {
		k := api.Key{Kind: api.KindSecret, Namespace: key.Namespace, Name: secret}
		c.promised[k] = true
	}
	// Deployments, StatefulSets, DaemonSets, ReplicaSets, and what is made in their likeness.
	containers, ok := at(f.Content, "spec", "template", "spec", "containers").([]any)
	if !ok {
		return
	}
	t := podTemplate{key: key, position: f.Position, labels: map[string]string{}, ports: map[string]bool{}, template: true}
	labels, _ := at(f.Content, "spec", "template", "metadata", "labels").(map[string]any)
	for k, v := range labels {
		if s, ok := v.(string); ok {
			t.labels[k] = s
		}
	}
	for _, container := range containers {
		ports, _ := at(container, "ports").([]any)
		for _, p := range ports {
			t.ports[text(p, "name")] = true
		}
	}
	c.templates.add(&t)
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
