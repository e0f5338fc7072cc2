package convert

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// object is a part of a manifest. What is not there, or of another type, is empty.
type object map[string]any

func (o object) kind() string { return o.text("kind") }

func (o object) name() string {
	meta := o.in("metadata")
	name := meta.text("name")
	if ns := meta.text("namespace"); ns != "" {
		name = ns + "/" + name
	}
	return o.kind() + " " + name
}

// in gives the object at the end of a path.
func (o object) in(path ...string) object {
	for _, name := range path {
		m, _ := o[name].(map[string]any)
		o = m
	}
	return o
}

func (o object) has(name string) bool { _, ok := o[name]; return ok }

func (o object) text(name string) string {
	switch v := o[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (o object) texts(name string) map[string]string {
	var all map[string]string
	for k := range o.in(name) {
		if all == nil {
			all = map[string]string{}
		}
		all[k] = o.in(name).text(k)
	}
	return all
}

// list gives the objects of a list.
func (o object) list(name string) (all []object) {
	values, _ := o[name].([]any)
	for _, v := range values {
		m, _ := v.(map[string]any)
		all = append(all, m)
	}
	return all
}

// number gives a number; false: there is none.
func (o object) number(name string) (float64, bool) {
	switch v := o[name].(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// lasting reads a duration, of which a plain number is seconds; nil: there is none.
func (o object) lasting(name string) *metav1.Duration {
	if n, ok := o.number(name); ok {
		return &metav1.Duration{Duration: time.Duration(n * float64(time.Second))}
	}
	if d, err := time.ParseDuration(o.text(name)); err == nil {
		return &metav1.Duration{Duration: d}
	}
	return nil
}

// share makes a share of a number in percent.
func share(percent float64) *v1alpha1.Percent {
	p := v1alpha1.Percent(intstr.FromString(strconv.FormatFloat(percent, 'f', -1, 64)))
	if percent == float64(int32(percent)) {
		p = v1alpha1.Percent(intstr.FromInt32(int32(percent)))
	}
	return &p
}

// at writes the path of an entry of a list, for people.
func at(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

func sortedKeys(o object) []string { return slices.Sorted(maps.Keys(o)) }
