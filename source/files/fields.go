package files

import (
	"reflect"
	"sort"
	"strings"
	"sync"
)

// structFields are the JSON fields of a Go struct, embedded ones included.
type structFields struct {
	types map[string]reflect.Type
	names []string // sorted
}

var structCache sync.Map // reflect.Type -> *structFields

// fieldsOf gives the JSON fields of a struct type.
func fieldsOf(t reflect.Type) *structFields {
	if cached, ok := structCache.Load(t); ok {
		return cached.(*structFields)
	}
	s := &structFields{types: make(map[string]reflect.Type)}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case f.Anonymous && name == "":
			embedded := fieldsOf(deref(f.Type))
			for _, n := range embedded.names {
				s.types[n] = embedded.types[n]
			}
		case name == "":
			s.types[f.Name] = f.Type
		default:
			s.types[name] = f.Type
		}
	}
	for n := range s.types {
		s.names = append(s.names, n)
	}
	sort.Strings(s.names)
	cached, _ := structCache.LoadOrStore(t, s)
	return cached.(*structFields)
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// below finds a field of that name in the structs up to two levels under t, and gives the
// path to it; empty when there is none.
func below(t reflect.Type, name string, depth int) string {
	t = deref(t)
	for t.Kind() == reflect.Slice {
		t = deref(t.Elem())
	}
	if t.Kind() != reflect.Struct || decodesItself(t) {
		return ""
	}
	s := fieldsOf(t)
	for _, n := range s.names {
		child := elem(s.types[n])
		if child.Kind() != reflect.Struct || decodesItself(child) {
			continue
		}
		if _, there := fieldsOf(child).types[name]; there {
			return n
		}
	}
	if depth <= 1 {
		return ""
	}
	for _, n := range s.names {
		if path := below(s.types[n], name, depth-1); path != "" {
			return n + "." + path
		}
	}
	return ""
}

// elem gives the type of a field, or of the items of a list.
func elem(t reflect.Type) reflect.Type {
	t = deref(t)
	for t.Kind() == reflect.Slice {
		t = deref(t.Elem())
	}
	return t
}
