package schematest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// mutation is an object with one thing wrong, most likely.
type mutation struct {
	what string // with the path, such as "remove spec.ports[0].port"
	json []byte
}

// mutate changes one thing of an object at a time.
func mutate(object map[string]any) []mutation {
	m := &mutator{root: object}
	m.walk("", object)
	return m.out
}

type mutator struct {
	root map[string]any
	out  []mutation
}

// try notes the object as it is while a change is in place.
func (m *mutator) try(what, path string) {
	text, err := json.Marshal(m.root)
	if err != nil {
		panic(err)
	}
	m.out = append(m.out, mutation{what + " " + path, text})
}

func (m *mutator) walk(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		v["zzz"] = "x"
		m.try("unknown", path)
		delete(v, "zzz")
		for _, name := range slices.Sorted(maps.Keys(v)) {
			at := path + "." + name
			if path == "" {
				at = name
			}
			if at == "apiVersion" || at == "kind" {
				continue
			}
			old := v[name]
			delete(v, name)
			m.try("remove", at)
			for _, value := range others(old) {
				v[name] = value
				m.try(fmt.Sprintf("set to %T %v", value, value), at)
			}
			v[name] = old
			m.walk(at, old)
		}
	case []any:
		for i, item := range v {
			at := path + "[" + strconv.Itoa(i) + "]"
			for _, value := range others(item) {
				v[i] = value
				m.try(fmt.Sprintf("set to %T %v", value, value), at)
			}
			v[i] = item
			m.walk(at, item)
		}
	}
}

// others gives values to put in the place of one.
func others(v any) []any {
	switch v := v.(type) {
	case string:
		return []any{"", "Not Valid!", 5, map[string]any{"a": "b"}}
	case bool:
		return []any{"true", 1}
	case map[string]any:
		return []any{"x", map[string]any{}}
	case []any:
		if len(v) > 0 {
			return []any{"x", []any{}, append(slices.Clone(v), v[0])}
		}
		return []any{"x"}
	case nil:
		return nil
	}
	return []any{-1, 0, 70000, 3000000000, 1.5, "x"}
}
