package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gateway-cp/gateway-cp/api"
)

func (r *report) pod(pod *corev1.Pod) {
	r.podSpec(spec, &pod.Spec, nil)
	r.trimmedImages(spec.field("initContainers"), pod.Spec.InitContainers)
	r.trimmedImages(spec.field("containers"), pod.Spec.Containers)
}

// trimmedImages is asked of Pods, and not of templates.
func (r *report) trimmedImages(p *path, containers []corev1.Container) {
	for i, c := range containers {
		if c.Image != strings.TrimSpace(c.Image) {
			r.invalid(p.item(i).field("image"), "remove the space", "%q begins or ends with a space", c.Image)
		}
	}
}

func (r *report) podTemplateObject(t *corev1.PodTemplate) {
	r.podTemplate(new(path).field("template"), &t.Template, nil)
}

// podTemplate checks the labels and the spec of a template. Claims are the names of volumes
// that the object around it brings along.
func (r *report) podTemplate(p *path, t *corev1.PodTemplateSpec, claims map[string]bool) {
	meta := p.field("metadata")
	r.stringLabels(meta.field("labels"), t.Labels)
	for _, key := range slices.Sorted(maps.Keys(t.Annotations)) {
		r.labelKey(meta.field("annotations").at(key), key)
	}
	r.podSpec(p.field("spec"), &t.Spec, claims)
}

func (r *report) stringLabels(p *path, labels map[string]string) {
	as := make(map[string]any, len(labels))
	for k, v := range labels {
		as[k] = v
	}
	r.labels(p, as)
}

// podSpec checks what a Pod asks of itself: names that are unique, mounts of volumes that are
// there, probes that can be done.
func (r *report) podSpec(p *path, s *corev1.PodSpec, claims map[string]bool) {
	volumes := maps.Clone(claims)
	if volumes == nil {
		volumes = make(map[string]bool)
	}
	for i := range s.Volumes {
		r.volume(p.field("volumes").item(i), &s.Volumes[i], volumes, claims)
	}
	if len(s.Containers) == 0 {
		r.missing(p.field("containers"), "a Pod has at least one container")
	}
	names := make(map[string]bool)
	for i := range s.InitContainers {
		r.container(p.field("initContainers").item(i), &s.InitContainers[i], names, volumes)
	}
	for i := range s.Containers {
		r.container(p.field("containers").item(i), &s.Containers[i], names, volumes)
	}
	r.optionalName(p.field("serviceAccountName"), s.ServiceAccountName, subdomain)
	r.optionalName(p.field("priorityClassName"), s.PriorityClassName, subdomain)
	r.optionalName(p.field("nodeName"), s.NodeName, subdomain)
	r.optionalName(p.field("hostname"), s.Hostname, label)
	r.optionalName(p.field("subdomain"), s.Subdomain, label)
	r.stringLabels(p.field("nodeSelector"), s.NodeSelector)
	for i, t := range s.Tolerations {
		r.toleration(p.field("tolerations").item(i), t)
	}
	if s.ActiveDeadlineSeconds != nil && *s.ActiveDeadlineSeconds < 1 {
		r.invalid(p.field("activeDeadlineSeconds"), "", "is %d, but must be at least 1", *s.ActiveDeadlineSeconds)
	}
	r.affinity(p.field("affinity"), s.Affinity)
	r.spread(p.field("topologySpreadConstraints"), s.TopologySpreadConstraints)
	r.podNetwork(p, s)
	if s.OS != nil {
		r.oneOf(p.field("os").field("name"), string(s.OS.Name), string(corev1.Linux), string(corev1.Windows))
	}
}

func (r *report) optionalName(p *path, name string, rule nameRule) {
	if name != "" {
		r.name(p, name, rule)
	}
}

// requiredName checks the name of a part of an object, which is unique among its likes.
func (r *report) requiredName(p *path, name string, seen map[string]bool) {
	switch {
	case name == "":
		r.missing(p, "")
		return
	case seen[name]:
		r.invalid(p, "rename one of the two", "%q is there twice", name)
	}
	seen[name] = true
	r.name(p, name, label)
}

func (r *report) volume(p *path, v *corev1.Volume, seen, claims map[string]bool) {
	if claims[v.Name] {
		seen = make(map[string]bool) // a claim's volume takes the place of this one
	}
	r.requiredName(p.field("name"), v.Name, seen)
	sources := 0
	for _, there := range []bool{
		v.HostPath != nil, v.EmptyDir != nil, v.Secret != nil, v.ConfigMap != nil, v.PersistentVolumeClaim != nil, v.Projected != nil,
		v.DownwardAPI != nil, v.CSI != nil, v.NFS != nil, v.Ephemeral != nil, v.ISCSI != nil, v.Image != nil,
	} {
		if there {
			sources++
		}
	}
	if sources > 1 {
		r.invalid(p, "make a volume of each", "has several sources")
	}
	if v.HostPath != nil && v.HostPath.Path == "" {
		r.missing(p.field("hostPath").field("path"), "")
	}
	if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == "" && !claims[v.Name] {
		r.missing(p.field("persistentVolumeClaim").field("claimName"), "name the PersistentVolumeClaim")
	}
	if v.ConfigMap != nil && v.ConfigMap.Name == "" {
		r.missing(p.field("configMap").field("name"), "name the ConfigMap")
	}
	if v.Secret != nil && v.Secret.SecretName == "" {
		r.missing(p.field("secret").field("secretName"), "name the Secret")
	}
}

func (r *report) toleration(p *path, t corev1.Toleration) {
	switch {
	case t.Key != "":
		r.labelKey(p.field("key"), t.Key)
	case t.Operator != corev1.TolerationOpExists:
		r.invalid(p.field("operator"), "use Exists, which then tolerates every taint", "must be Exists where there is no key")
	}
	if t.Operator == corev1.TolerationOpExists && t.Value != "" {
		r.invalid(p.field("value"), "remove it, or use the operator Equal", "is not for the operator Exists")
	}
}

func (r *report) affinity(p *path, a *corev1.Affinity) {
	if a == nil {
		return
	}
	terms := func(p *path, required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		for i, t := range required {
			r.affinityTerm(p.field("requiredDuringSchedulingIgnoredDuringExecution").item(i), t)
		}
		for i, t := range preferred {
			at := p.field("preferredDuringSchedulingIgnoredDuringExecution").item(i)
			if t.Weight < 1 || t.Weight > 100 {
				r.invalid(at.field("weight"), "use a number from 1 to 100", "%d is not a weight", t.Weight)
			}
			r.affinityTerm(at.field("podAffinityTerm"), t.PodAffinityTerm)
		}
	}
	if b := a.PodAffinity; b != nil {
		terms(p.field("podAffinity"), b.RequiredDuringSchedulingIgnoredDuringExecution, b.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if b := a.PodAntiAffinity; b != nil {
		terms(p.field("podAntiAffinity"), b.RequiredDuringSchedulingIgnoredDuringExecution, b.PreferredDuringSchedulingIgnoredDuringExecution)
	}
}

func (r *report) affinityTerm(p *path, t corev1.PodAffinityTerm) {
	r.selector(p.field("labelSelector"), t.LabelSelector)
	if t.TopologyKey == "" {
		r.missing(p.field("topologyKey"), "such as kubernetes.io/hostname")
	} else {
		r.labelKey(p.field("topologyKey"), t.TopologyKey)
	}
}

func (r *report) spread(p *path, constraints []corev1.TopologySpreadConstraint) {
	for i, c := range constraints {
		r.atLeast(p.item(i).field("maxSkew"), &c.MaxSkew, 1)
		r.selector(p.item(i).field("labelSelector"), c.LabelSelector)
	}
}

// selector checks a label selector; nil is fine.
func (r *report) selector(p *path, s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	r.stringLabels(p.field("matchLabels"), s.MatchLabels)
	for i, e := range s.MatchExpressions {
		at := p.field("matchExpressions").item(i)
		r.labelKey(at.field("key"), e.Key)
		switch e.Operator {
		case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn:
			if len(e.Values) == 0 {
				r.missing(at.field("values"), fmt.Sprintf("list at least one value for the operator %s", e.Operator))
			}
		case metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
			if len(e.Values) > 0 {
				r.invalid(at.field("values"), "leave the values out", "operator %s takes no values", e.Operator)
			}
		default:
			r.invalid(at.field("operator"), "use In, NotIn, Exists or DoesNotExist", "%q is not an operator", e.Operator)
		}
		for j, v := range e.Values {
			if len(validation.IsValidLabelValue(v)) > 0 {
				r.fail(at.field("values").item(j), api.ReasonInvalidField, "", "%q is not a valid label value", v)
			}
		}
	}
}
