package lint

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// templates finds what a selector may select: Pods, Workloads, and the templates of Pods.
type templates struct {
	byLabel map[label][]*podTemplate
	in      map[string]bool           // the namespaces that hold any
	values  func() map[label][]string // of labels without a value; made when first asked for
}

type label struct{ namespace, key, value string }

func newTemplates() *templates {
	t := &templates{byLabel: map[label][]*podTemplate{}, in: map[string]bool{}}
	t.values = sync.OnceValue(func() map[label][]string {
		values := map[label][]string{}
		for l := range t.byLabel {
			key := label{namespace: l.namespace, key: l.key}
			values[key] = append(values[key], l.value)
		}
		for _, list := range values {
			slices.Sort(list)
		}
		return values
	})
	return t
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
	return t.misspelt(namespace, selector, taken)
}

// misspelt gives something whose value of the only label of a selector is a slip of the pen away from
// what the selector says, and that label; nil when there is none.
func (t *templates) misspelt(namespace string, selector map[string]string, taken map[*podTemplate]bool) (*podTemplate, string) {
	const looked = 1000 // values at most
	if len(selector) != 1 {
		return nil, ""
	}
	for key, value := range selector {
		values := t.values()[label{namespace: namespace, key: key}]
		near := nearest.Name(value, values[:min(len(values), looked)])
		if near == "" || nearest.Distance(near, value) > 2 {
			return nil, ""
		}
		for _, p := range t.byLabel[label{namespace, key, near}] {
			if !taken[p] {
				return p, key
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
