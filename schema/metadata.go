package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gateway-cp/gateway-cp/api"
)

// objectMeta is the shape of metadata.
var objectMeta = &shape{Ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}

// nameRule is what names of a kind look like.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
type nameRule int

const (
	subdomain    nameRule = iota // DNS-1123, with dots
	label                        // DNS-1123, without
	segment                      // anything that can be a part of a URL's path
	optionalName                 // like subdomain, but the API server makes one up where there is none
	freeName                     // there is one, of any form
	anyName                      // not checked
)

// builtinName gives the rule of a kind that is built in, as its registry in Kubernetes has it.
func builtinName(gvk schema.GroupVersionKind) nameRule {
	switch gvk.Group {
	case "rbac.authorization.k8s.io":
		return segment
	case "authentication.k8s.io", "authorization.k8s.io", "internal.apiserver.k8s.io":
		return anyName
	case "apiregistration.k8s.io":
		return freeName
	}
	switch gvk.Kind {
	case "Namespace", "Service", "StatefulSet":
		return label
	case "LimitRange":
		return optionalName
	case "PodDisruptionBudget", "IPAddress", "CertificateSigningRequest", "ResourceSlice":
		return freeName
	case "ComponentStatus":
		return anyName
	}
	return subdomain
}

// totalAnnotations is how many bytes the annotations of an object may have.
const totalAnnotations = 256 << 10

// metadata checks name, namespace, labels and annotations, whose types are known to be right.
func (r *report) metadata(object map[string]any, rule nameRule, namespaced bool) {
	meta, _ := object["metadata"].(map[string]any)
	if isPlain(meta) {
		return
	}
	at := new(path).field("metadata")
	name, _ := meta["name"].(string)
	generate, _ := meta["generateName"].(string)
	switch {
	case name == "" && generate == "":
		if rule != anyName && rule != optionalName {
			r.fail(at.field("name"), api.ReasonMissingField, "give the object a name", "is required")
		}
	case name == "":
		r.name(at.field("generateName"), strings.TrimRight(generate, "-.")+"x", rule)
	default:
		r.name(at.field("name"), name, rule)
	}
	if namespace, _ := meta["namespace"].(string); namespaced && namespace != "" {
		r.name(at.field("namespace"), namespace, label)
	}
	labels, _ := meta["labels"].(map[string]any)
	r.labels(at.field("labels"), labels)
	annotations, _ := meta["annotations"].(map[string]any)
	size := 0
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		text, _ := annotations[key].(string)
		size += len(key) + len(text)
		r.labelKey(at.field("annotations").at(key), strings.ToLower(key))
	}
	if size > totalAnnotations {
		r.fail(at.field("annotations"), api.ReasonInvalidField, "move the data elsewhere, such as into a ConfigMap", "have %d bytes; at most %d are allowed", size, totalAnnotations)
	}
}

// finalizers checks those of a kind that is built in.
func (r *report) finalizers(object map[string]any) {
	meta, _ := object["metadata"].(map[string]any)
	names, _ := meta["finalizers"].([]any)
	for i, name := range names {
		at := new(path).field("metadata").field("finalizers").item(i)
		switch text, _ := name.(string); {
		case text == "kubernetes", text == metav1.FinalizerOrphanDependents, text == metav1.FinalizerDeleteDependents:
		case len(validation.IsQualifiedName(text)) > 0, !strings.Contains(text, "/"):
			r.fail(at, api.ReasonInvalidName, "begin it with a domain, as in example.com/finalizer", "%q is not the name of a finalizer", text)
		}
	}
}

// isPlain says that all rules of metadata hold. False may also mean that it is not known.
func isPlain(meta map[string]any) bool {
	name, _ := meta["name"].(string)
	namespace, _ := meta["namespace"].(string)
	labels, _ := meta["labels"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	if !api.IsPlainLabel(name) || namespace != "" && !api.IsPlainLabel(namespace) || len(annotations) > 0 {
		return false
	}
	for key, value := range labels {
		if text, _ := value.(string); !api.IsPlainKey(key) || !api.IsPlainLabel(text) {
			return false
		}
	}
	return true
}

// nameHints say what a name looks like.
var nameHints = map[nameRule]string{
	subdomain:    "use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, at most 253 characters",
	optionalName: "use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
	label:        "use lower-case letters, digits and '-', beginning and ending with a letter or digit, at most 63 characters",
	segment:      "leave out '/' and '%'",
}

func (r *report) name(at *path, name string, rule nameRule) {
	if api.IsPlainLabel(name) {
		return
	}
	var faults []string
	switch rule {
	case subdomain, optionalName:
		faults = validation.IsDNS1123Subdomain(name)
	case label:
		faults = validation.IsDNS1123Label(name)
	case segment:
		faults = content.IsPathSegmentName(name)
	}
	if len(faults) > 0 {
		r.fail(at, api.ReasonInvalidName, nameHints[rule], "%q is not a valid name", name)
	}
}

// labels checks keys and values.
func (r *report) labels(at *path, labels map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		text, _ := labels[key].(string)
		if api.IsPlainKey(key) && api.IsPlainLabel(text) {
			continue
		}
		r.labelKey(at.at(key), key)
		if len(validation.IsValidLabelValue(text)) > 0 {
			r.fail(at.at(key), api.ReasonInvalidField,
				"use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, at most 63 characters",
				"%q is not a valid label value", text)
		}
	}
}

func (r *report) labelKey(at *path, key string) {
	if len(validation.IsQualifiedName(key)) > 0 {
		r.add(api.Error, at.String(), api.ReasonInvalidName,
			"use letters, digits, '-', '_' and '.', at most 63 characters, with an optional DNS name and '/' before",
			fmt.Sprintf("%q is not a valid key", key))
	}
}
