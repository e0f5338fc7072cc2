package lint

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// templates finds what a selector may select: Pods, Workloads, and the templates of Pods.
type templates struct {
	byLabel map[label][]*podTemplate
	in      map[string]bool // the namespaces that hold any
}

type label struct{ namespace, key, value string }

func newTemplates() *templates {
	return &templates{byLabel: map[label][]*podTemplate{}, in: map[string]bool{}}
}

func (t *templates) add(p *podTemplate) {
	t.in[p.key.Namespace] = true
	for k, v := range p.labels {
		l := label{p.key.Namespace, k, v}
		t.byLabel[l] = append(t.byLabel[l], p)
	}
}

func (t *templates) addObject(o *api.Object) {
	switch o.Key.Kind {
	case api.KindPod, api.KindWorkload:
		t.add(&podTemplate{key: o.Key, labels: o.Value.GetLabels()})
	}
}

// sort makes what is found independent of the order in which things were added.
func (t *templates) sort() {
	for _, list := range t.byLabel {
		slices.SortStableFunc(list, func(a, b *podTemplate) int {
			return cmp.Or(a.key.Compare(b.key), cmp.Compare(a.position.File, b.position.File), cmp.Compare(a.position.Line, b.position.Line))
		})
	}
}

// selected gives what a selector selects. The empty one selects nothing, as for Services.
func (t *templates) selected(namespace string, selector map[string]string) []*podTemplate {
	var rarest []*podTemplate
	first := true
	for k, v := range selector {
		if list := t.byLabel[label{namespace, k, v}]; first || len(list) < len(rarest) {
			rarest, first = list, false
		}
	}
	var all []*podTemplate
	for _, p := range rarest {
		if contains(p.labels, selector) {
			all = append(all, p)
		}
	}
	return all
}

// nearest gives something that has some of the labels of a selector which selects nothing, and
// the label that it lacks; nil when there is none that lacks just one. Those that are taken have
// nothing to do with it.
func (t *templates) nearest(namespace string, selector map[string]string, taken map[*podTemplate]bool) (*podTemplate, string) {
	const looked = 64 // at most, for each label
	for _, k := range slices.Sorted(maps.Keys(selector)) {
		list := t.byLabel[label{namespace, k, selector[k]}]
		for _, p := range list[:min(len(list), looked)] {
			var lacks []string
			for key, value := range selector {
				if p.labels[key] != value {
					lacks = append(lacks, key)
				}
			}
			if len(lacks) == 1 && !taken[p] {
				return p, lacks[0]
			}
		}
	}
	return nil, ""
}

// contains says whether all labels of the selector are there.
func contains(labels, selector map[string]string) bool {
	for k, v := range selector {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// merged lays a version's selector over that of its Service.
func merged(service *corev1.Service, version map[string]string) map[string]string {
	all := maps.Clone(service.Spec.Selector)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, version)
	return all
}
