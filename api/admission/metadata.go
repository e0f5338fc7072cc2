package admission

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
)

var (
	metadata          = field.NewPath("metadata")
	metadataName      = metadata.Child("name")
	metadataNamespace = metadata.Child("namespace")
	metadataLabels    = metadata.Child("labels")
)

// metadata checks name, namespace, label keys and values, and annotation keys.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
func (r *report) metadata(kind api.Kind, value api.Value) {
	switch name := value.GetName(); {
	case name == "" && value.GetGenerateName() != "":
		r.fail(metadataName, api.ReasonMissingField, "give the object a name; generateName is only for objects created in Kubernetes", "is required")
	case name == "":
		r.missing(metadataName, "give the object a name")
	default:
		r.name(metadataName, name, namesAreLabels(kind))
	}
	if !api.ClusterScoped(kind) {
		r.name(metadataNamespace, value.GetNamespace(), true)
	}
	r.labels(metadataLabels, value.GetLabels())
	annotations := value.GetAnnotations()
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		r.labelKey(metadata.Child("annotations").Key(key), strings.ToLower(key))
	}
}

// namesAreLabels says whether names of the kind are single DNS labels, without dots.
// Kubernetes long asked that a Service's name begin with a letter (DNS-1035); it relaxes
// that to DNS-1123 labels, which is what host names allow.
func namesAreLabels(kind api.Kind) bool {
	return kind == api.KindService || kind == api.KindNamespace
}

// name checks a DNS-1123 label or subdomain.
func (r *report) name(path *field.Path, name string, label bool) {
	if api.IsPlainLabel(name) {
		return
	}
	var faults []string
	if label {
		faults = validation.IsDNS1123Label(name)
	} else {
		faults = validation.IsDNS1123Subdomain(name)
	}
	if len(faults) > 0 {
		hint := "use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, at most 253 characters"
		if label {
			hint = "use lower-case letters, digits and '-', beginning and ending with a letter or digit, at most 63 characters"
		}
		r.fail(path, api.ReasonInvalidName, hint, "%q is not a valid name", name)
	}
}

// labels checks the keys and values of labels, or of a selector by equality.
func (r *report) labels(path *field.Path, labels map[string]string) {
	if arePlain(labels) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		r.labelKey(path.Key(key), key)
		r.labelValue(path.Key(key), labels[key])
	}
}

// arePlain says that all keys and values are valid. False may also mean that it is not known.
func arePlain(labels map[string]string) bool {
	for key, value := range labels {
		if !api.IsPlainKey(key) || !api.IsPlainLabel(value) {
			return false
		}
	}
	return true
}

func (r *report) labelKey(path *field.Path, key string) {
	if !api.IsPlainKey(key) && len(validation.IsQualifiedName(key)) > 0 {
		r.fail(path, api.ReasonInvalidName,
			"use letters, digits, '-', '_' and '.', at most 63 characters, with an optional DNS name and '/' before",
			"%q is not a valid key", key)
	}
}

func (r *report) labelValue(path *field.Path, value string) {
	if !api.IsPlainLabel(value) && len(validation.IsValidLabelValue(value)) > 0 {
		r.fail(path, api.ReasonInvalidField,
			"use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, at most 63 characters",
			"%q is not a valid label value", value)
	}
}

// selector checks a label selector. Nil is valid.
func (r *report) selector(path *field.Path, s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	r.labels(path.Child("matchLabels"), s.MatchLabels)
	for i, e := range s.MatchExpressions {
		at := path.Child("matchExpressions").Index(i)
		r.labelKey(at.Child("key"), e.Key)
		switch e.Operator {
		case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn:
			if len(e.Values) == 0 {
				r.missing(at.Child("values"), "list at least one value for operator "+string(e.Operator))
			}
		case metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
			if len(e.Values) > 0 {
				r.fail(at.Child("values"), api.ReasonInvalidField, "leave the values out", "operator %s takes no values", e.Operator)
			}
		default:
			r.fail(at.Child("operator"), api.ReasonInvalidField, "use In, NotIn, Exists or DoesNotExist", "%q is not an operator", e.Operator)
		}
		for j, v := range e.Values {
			r.labelValue(at.Child("values").Index(j), v)
		}
	}
}
