package files

import (
	"reflect"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
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

// nearest gives the name that a person who wrote word most likely meant; empty when none is
// near.
func nearest(word string, names []string) string {
	best, bestDistance := "", max(2, utf8.RuneCountInString(word)/3)+1
	for _, name := range names {
		d := distance(strings.ToLower(word), strings.ToLower(name))
		if len(name) <= 3 && d > 1 {
			continue // every short word is near every other
		}
		if d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their neighbour to get
// from one word to the other.
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
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
