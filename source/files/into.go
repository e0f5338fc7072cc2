package files

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// Most of the time that a library takes to read JSON into an object of a kind goes into finding out once
// more what the document says, which the nodes know. into does without JSON, and gives up where
// anything is wrong or unusual: it is the library that says what is the matter, or reads it. What into
// reads, it reads as the library does: TestIntoReadsAsTheLibrary compares the two.

// into reads a node into a typed object that is empty. It is false where the library has to; then there
// may be something in the object.
func (n *node) into(object any) bool {
	to := reflect.ValueOf(object).Elem()
	return intoOf(to.Type())(n, to)
}

// intoFunc reads a node, which is not null, into a value of a type.
type intoFunc func(n *node, to reflect.Value) bool

var intos sync.Map // reflect.Type -> intoFunc

// intoOf gives the function of a type. Types may refer to themselves, so that those of fields and items
// are found when they are first met.
func intoOf(t reflect.Type) intoFunc {
	if known, ok := intos.Load(t); ok {
		return known.(intoFunc)
	}
	known, _ := intos.LoadOrStore(t, makeInto(t))
	return known.(intoFunc)
}

func later(t reflect.Type) func() intoFunc {
	return sync.OnceValue(func() intoFunc { return intoOf(t) })
}

func makeInto(t reflect.Type) intoFunc {
	pointer := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer:
		return intoPointer(t)
	case t == reflect.TypeFor[intstr.IntOrString]():
		return intoIntOrString
	case pointer.Implements(jsonUnmarshaler):
		return intoItself
	case pointer.Implements(textUnmarshaler):
		return never
	}
	switch t.Kind() {
	case reflect.Struct:
		return intoStruct(t)
	case reflect.Map:
		return intoMap(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return intoBytes
		}
		return intoSlice(t)
	case reflect.String:
		return intoString
	case reflect.Bool:
		return intoBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intoInt
	}
	return never
}

func never(*node, reflect.Value) bool { return false }

func intoItself(n *node, to reflect.Value) bool {
	text, err := n.appendJSON(nil, 1<<20)
	return err == nil && to.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(text) == nil
}

// intoIntOrString reads what ports and shares may be, of which there are several in most objects.
func intoIntOrString(n *node, to reflect.Value) bool {
	value := to.Addr().Interface().(*intstr.IntOrString)
	if n.isText {
		*value = intstr.FromString(n.scalar)
		return true
	}
	number, err := strconv.ParseInt(n.scalar, 10, 32)
	*value = intstr.FromInt32(int32(number))
	return n.kind == scalarNode && err == nil
}

func intoPointer(t reflect.Type) intoFunc {
	elem := later(t.Elem())
	return func(n *node, to reflect.Value) bool {
		p := reflect.New(t.Elem())
		to.Set(p)
		return elem()(n, p.Elem())
	}
}

func intoString(n *node, to reflect.Value) bool {
	if n.isText {
		to.SetString(n.scalar)
	}
	return n.isText
}

func intoBool(n *node, to reflect.Value) bool {
	if n.kind != scalarNode || n.isText || n.scalar != "true" && n.scalar != "false" {
		return false
	}
	to.SetBool(n.scalar == "true")
	return true
}

func intoInt(n *node, to reflect.Value) bool {
	if n.kind != scalarNode || n.isText {
		return false
	}
	i, err := strconv.ParseInt(n.scalar, 10, 64)
	if err != nil || to.OverflowInt(i) {
		return false
	}
	to.SetInt(i)
	return true
}

func intoBytes(n *node, to reflect.Value) bool {
	if !n.isText {
		return false
	}
	data, err := base64.StdEncoding.DecodeString(n.scalar)
	if err != nil {
		return false
	}
	to.SetBytes(data)
	return true
}

func intoSlice(t reflect.Type) intoFunc {
	elem := later(t.Elem())
	return func(n *node, to reflect.Value) bool {
		if n.kind != listNode {
			return false
		}
		list := reflect.MakeSlice(t, len(n.items), len(n.items))
		to.Set(list)
		for i, item := range n.items {
			if item.isNull() || !elem()(item, list.Index(i)) {
				return false
			}
		}
		return true
	}
}

func intoMap(t reflect.Type) intoFunc {
	if t.Key().Kind() != reflect.String || reflect.PointerTo(t.Key()).Implements(textUnmarshaler) {
		return never
	}
	elem := later(t.Elem())
	texts := reflect.TypeFor[map[string]string]()
	return func(n *node, to reflect.Value) bool {
		if n.kind != mapNode {
			return false
		}
		if t == texts {
			m, ok := n.texts()
			to.Set(reflect.ValueOf(m))
			return ok
		}
		m := reflect.MakeMapWithSize(t, len(n.fields))
		to.Set(m)
		for i := range n.fields {
			f := &n.fields[i]
			value := reflect.New(t.Elem()).Elem()
			if f.value.isNull() || !elem()(f.value, value) {
				return false
			}
			m.SetMapIndex(reflect.ValueOf(f.name).Convert(t.Key()), value)
		}
		return true
	}
}

// texts gives a map of strings.
func (n *node) texts() (m map[string]string, ok bool) {
	m = make(map[string]string, len(n.fields))
	for i := range n.fields {
		if m[n.fields[i].name], ok = n.fields[i].value.text(); !ok {
			return m, false
		}
	}
	return m, true
}

// intoField is where a field of JSON is in a struct.
type intoField struct {
	index []int
	into  func() intoFunc
}

func intoStruct(t reflect.Type) intoFunc {
	fields, ok := intoFields(t)
	if !ok {
		return never
	}
	return func(n *node, to reflect.Value) bool {
		if n.kind != mapNode {
			return false
		}
		for i := range n.fields {
			f := &n.fields[i]
			field, known := fields[f.name]
			if !known || f.value.isNull() || !field.into()(f.value, to.FieldByIndex(field.index)) {
				return false
			}
		}
		return true
	}
}

// intoFields gives the fields of a struct, with those of structs that are embedded. It is false where
// there is something that Kubernetes does not do.
func intoFields(t reflect.Type) (fields map[string]intoField, ok bool) {
	fields, own := map[string]intoField{}, map[string]intoField{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case strings.Contains(options, "string"):
			return nil, false
		case f.Anonymous && name == "":
			if f.Type.Kind() != reflect.Struct {
				return nil, false
			}
			embedded, ok := intoFields(f.Type)
			if !ok {
				return nil, false
			}
			for name, e := range embedded {
				fields[name] = intoField{append([]int{i}, e.index...), e.into}
			}
		default:
			if name == "" {
				name = f.Name
			}
			own[name] = intoField{f.Index, later(f.Type)}
		}
	}
	maps.Copy(fields, own)
	return fields, true
}
