package configdump

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Field is one place where two contents differ. Want and Have are JSON, cut to a line's length;
// empty means that the field is not there.
type Field struct {
	Path string `json:"path"`
	Want string `json:"want,omitempty"`
	Have string `json:"have,omitempty"`
}

// maxFields bounds how many differences of one resource are told, maxValue their length.
const (
	maxFields = 50
	maxValue  = 160
)

// fieldsOf compares two JSON trees. Entries of lists are matched by their names, where all have
// one, so that one more virtual host is not a difference of all that come after it.
func fieldsOf(want, have any) []Field {
	var found []Field
	compare("", want, have, &found)
	if n := len(found) - maxFields; n > 0 {
		found = append(found[:maxFields], Field{Path: fmt.Sprintf("and %d more", n)})
	}
	return found
}

func compare(path string, want, have any, found *[]Field) {
	if reflect.DeepEqual(want, have) {
		return
	}
	switch want := want.(type) {
	case map[string]any:
		if have, ok := have.(map[string]any); ok {
			compareObjects(path, want, have, found)
			return
		}
	case []any:
		if have, ok := have.([]any); ok {
			compareLists(path, want, have, found)
			return
		}
	}
	*found = append(*found, Field{Path: path, Want: show(want), Have: show(have)})
}

func compareObjects(path string, want, have map[string]any, found *[]Field) {
	keys := map[string]struct{}{}
	for k := range want {
		keys[k] = struct{}{}
	}
	for k := range have {
		keys[k] = struct{}{}
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		at := k
		if path != "" {
			at = path + "." + k
		}
		compare(at, want[k], have[k], found)
	}
}

func compareLists(path string, want, have []any, found *[]Field) {
	a, named := byName(want)
	b, alsoNamed := byName(have)
	if !named || !alsoNamed {
		for i := range max(len(want), len(have)) {
			compare(fmt.Sprintf("%s[%d]", path, i), at(want, i), at(have, i), found)
		}
		return
	}
	before := len(*found)
	for _, x := range want {
		name := x.(map[string]any)["name"].(string)
		compare(fmt.Sprintf("%s[%s]", path, name), x, b[name], found)
	}
	for _, x := range have {
		if name := x.(map[string]any)["name"].(string); a[name] == nil {
			compare(fmt.Sprintf("%s[%s]", path, name), nil, x, found)
		}
	}
	if len(*found) == before { // the same entries in another order
		*found = append(*found, Field{Path: path, Want: show(names(want)), Have: show(names(have))})
	}
}

// byName gives the entries of a list by their names; false unless all have one of their own.
func byName(list []any) (map[string]any, bool) {
	named := map[string]any{}
	for _, x := range list {
		name := nameOf(x, "name")
		if name == "" || named[name] != nil {
			return nil, false
		}
		named[name] = x
	}
	return named, true
}

func names(list []any) []any {
	var all []any
	for _, x := range list {
		all = append(all, nameOf(x, "name"))
	}
	return all
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// show writes a value in one line.
func show(v any) string {
	if v == nil {
		return ""
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	text := []rune(string(raw))
	if len(text) > maxValue {
		return string(text[:maxValue-1]) + "…"
	}
	return string(text)
}
