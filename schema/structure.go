package schema

import (
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"
)

// structure is what an API server does with a level of a value apart from validating it. The methods of
// nil do nothing.
type structure struct {
	root     bool
	nullable bool
	open     bool // fields that no schema knows stay
	defaults []defaultValue
	set      bool     // no item is there twice
	keys     []string // fields of an item, by which none is there twice
}

type defaultValue struct {
	name  string
	value any
}

// maxCompared is how many items are compared with each other here.
const maxCompared = 32

// newStructure prepares a level; nil where only the API server's libraries know.
func newStructure(s *structuralschema.Structural) *structure {
	of := &structure{nullable: s.Nullable, open: s.XPreserveUnknownFields}
	if of.open && (s.Type == "array" || s.AdditionalProperties != nil) {
		return nil
	}
	for name, p := range s.Properties {
		if p.Default.Object != nil {
			of.defaults = append(of.defaults, defaultValue{name, p.Default.Object})
		}
	}
	if s.XListType != nil {
		of.set = *s.XListType == "set"
		if *s.XListType == "map" {
			of.keys = s.XListMapKeys
		}
	}
	return of
}

func itemsOf(s *structuralschema.Structural) *structuralschema.Structural {
	if s == nil {
		return nil
	}
	return s.Items
}

func valuesOf(s *structuralschema.Structural) *structuralschema.Structural {
	if s == nil || s.AdditionalProperties == nil {
		return nil
	}
	return s.AdditionalProperties.Structural
}

func propertyOf(s *structuralschema.Structural, name string) *structuralschema.Structural {
	if s == nil {
		return nil
	}
	p, ok := s.Properties[name]
	if !ok {
		return nil
	}
	return &p
}

// complete puts in the defaults of fields that are not there.
func (s *structure) complete(m map[string]any) {
	if s == nil {
		return
	}
	for _, d := range s.defaults {
		if _, there := m[d.name]; !there {
			m[d.name] = runtime.DeepCopyJSONValue(d.value)
		}
	}
}

// drops says whether a field that no schema knows goes away.
func (s *structure) drops(name string) bool {
	if s == nil || s.open {
		return false
	}
	return !s.root || name != "apiVersion" && name != "kind" && name != "metadata"
}

// differ says that no item is there twice where none may be. False may also mean that it is not known.
func (s *structure) differ(list []any) bool {
	if s == nil || !s.set && s.keys == nil || len(list) == 0 {
		return true
	}
	if len(list) > maxCompared {
		return false
	}
	for i := range list {
		if !s.comparable(list[i]) {
			return false
		}
		for j := range i {
			if s.same(list[i], list[j]) {
				return false
			}
		}
	}
	return true
}

// comparable says whether an item of a set is a scalar, and of a list with keys an object whose keys are
// there and scalars.
func (s *structure) comparable(item any) bool {
	if s.set {
		return isScalar(item)
	}
	m, ok := item.(map[string]any)
	if !ok {
		return false
	}
	for _, key := range s.keys {
		if !isScalar(m[key]) {
			return false
		}
	}
	return true
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, bool, int64, float64:
		return true
	}
	return false
}

// same compares two items that can be.
func (s *structure) same(a, b any) bool {
	if s.set {
		return a == b
	}
	one, other := a.(map[string]any), b.(map[string]any)
	for _, key := range s.keys {
		if one[key] != other[key] {
			return false
		}
	}
	return true
}
