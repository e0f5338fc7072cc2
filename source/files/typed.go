package files

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// decodeTyped reads a document, whose nodes may be nil, into a typed object, as strictly as an API server with
// fieldValidation=Strict: names are case-sensitive, and unknown fields are errors. Complete
// says that the value has everything else that the document says, also with an error.
func decodeTyped(n *node, doc []byte, value api.Value) (complete bool, err error) {
	if n != nil {
		if n.into(value) {
			return true, nil
		}
		reflect.ValueOf(value).Elem().SetZero()
	}
	strict, err := kjson.UnmarshalStrict(doc, value)
	if err != nil {
		return false, err
	}
	if len(strict) > 0 {
		return true, strict[0]
	}
	return true, nil
}

// explain finds out why decodeTyped failed: all fields that are unknown or of the wrong
// type, with their places. It gives no problems when it does not know.
func explain(root *node, value api.Value, secret bool) []fieldProblem {
	e := explainer{secret: secret}
	e.check(root, reflect.TypeOf(value).Elem(), root.line, root.column)
	return e.problems
}

type fieldProblem struct {
	path         string
	line, column int
	reason       api.Reason
	message      string
	hint         string
}

type explainer struct {
	secret   bool // never show values
	path     string
	parents  []parent
	problems []fieldProblem
}

// parent is a struct on the way to the current node.
type parent struct {
	path string
	typ  reflect.Type
}

func (e *explainer) add(line, column int, reason api.Reason, hint, format string, args ...any) {
	if len(e.problems) >= 100 {
		return // enough to fix
	}
	e.problems = append(e.problems, fieldProblem{e.path, line, column, reason, fmt.Sprintf(format, args...), hint})
}

func (e *explainer) wrongType(n *node, line, column int, expected string) {
	found, hint := n.describe(), ""
	if e.secret && n.kind == scalarNode {
		found = map[string]string{"!!str": "a string", "!!bool": "a boolean", "!!null": "nothing"}[n.tag()]
		if found == "" {
			found = "a number"
		}
	}
	if expected == "a string" && n.kind == scalarNode {
		hint = "put the value in quotes"
		if n.plain != "" && !e.secret {
			hint = fmt.Sprintf("YAML reads %s as %s: quote it", n.plain, n.scalar)
		}
	}
	e.add(line, column, api.ReasonInvalidField, hint, "expected %s, found %s", expected, found)
}

// check compares a node with the type that it is decoded into. Line and column are those of
// the field that holds it.
func (e *explainer) check(n *node, t reflect.Type, line, column int) {
	t = deref(t)
	if n.isNull() || t.Kind() == reflect.Interface {
		return
	}
	if decodesItself(t) {
		e.decodes(n, t, line, column)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		e.object(n, t, line, column)
	case reflect.Map:
		if n.kind != mapNode {
			e.wrongType(n, line, column, "a map")
			return
		}
		for _, f := range n.fields {
			e.within(step{name: f.name}, func() { e.check(f.value, t.Elem(), f.line, f.column) })
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			e.base64(n, line, column)
			return
		}
		if n.kind != listNode {
			e.wrongType(n, line, column, "a list")
			return
		}
		for i, item := range n.items {
			e.within(step{index: i}, func() { e.check(item, t.Elem(), item.line, item.column) })
		}
	default:
		e.scalar(n, t, line, column)
	}
}

func (e *explainer) within(s step, f func()) {
	path := e.path
	e.path = appendStep(path, s)
	f()
	e.path = path
}

func (e *explainer) object(n *node, t reflect.Type, line, column int) {
	if n.kind != mapNode {
		e.wrongType(n, line, column, "a map")
		return
	}
	known := fieldsOf(t)
	for _, f := range n.fields {
		ft, ok := known.types[f.name]
		if !ok {
			hint := e.suggest(f.name, t, known.names)
			e.within(step{name: f.name}, func() {
				e.add(f.line, f.column, api.ReasonUnknownField, hint, "unknown field %q", f.name)
			})
			continue
		}
		e.parents = append(e.parents, parent{e.path, t})
		e.within(step{name: f.name}, func() { e.check(f.value, ft, f.line, f.column) })
		e.parents = e.parents[:len(e.parents)-1]
	}
}

// suggest says what the author of an unknown field may have meant: the very name on another
// level, which is wrong indentation, or a similar name on this level.
func (e *explainer) suggest(name string, t reflect.Type, names []string) string {
	for i := len(e.parents) - 1; i >= 0; i-- {
		if _, there := fieldsOf(e.parents[i].typ).types[name]; there {
			if where := e.parents[i].path; where != "" {
				return fmt.Sprintf("it is a field of %s: check the indentation", where)
			}
			return "it is a field of the object itself: check the indentation"
		}
	}
	similar := nearest.Name(name, names)
	if similar != "" && nearest.Distance(strings.ToLower(similar), strings.ToLower(name)) <= 1 {
		return fmt.Sprintf("did you mean %q?", similar)
	}
	if under := below(t, name, 2); under != "" {
		return fmt.Sprintf("it is a field of %s: check the indentation", strings.TrimPrefix(e.path+"."+under, "."))
	}
	if similar != "" {
		return fmt.Sprintf("did you mean %q?", similar)
	}
	if len(names) > 0 && len(names) <= 12 {
		return "the fields here are " + strings.Join(names, ", ")
	}
	return "remove it, or check its name and indentation"
}

func (e *explainer) scalar(n *node, t reflect.Type, line, column int) {
	expected := ""
	ok := n.kind == scalarNode
	switch t.Kind() {
	case reflect.String:
		expected = "a string"
		ok = ok && n.tag() == "!!str"
	case reflect.Bool:
		expected = "true or false"
		ok = ok && n.tag() == "!!bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		expected = "a whole number"
		if ok = ok && n.tag() == "!!int"; ok {
			if _, err := strconv.ParseInt(n.scalar, 10, t.Bits()); err != nil {
				ok, expected = false, fmt.Sprintf("a whole number of at most %d bits", t.Bits())
			}
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		expected = "a whole number from 0"
		if ok = ok && n.tag() == "!!int"; ok {
			_, err := strconv.ParseUint(n.scalar, 10, t.Bits())
			ok = err == nil
		}
	case reflect.Float32, reflect.Float64:
		expected = "a number"
		ok = ok && (n.tag() == "!!int" || n.tag() == "!!float")
	default:
		return
	}
	if !ok {
		e.wrongType(n, line, column, expected)
	}
}

func (e *explainer) base64(n *node, line, column int) {
	text, ok := n.text()
	if !ok {
		e.wrongType(n, line, column, "a string")
		return
	}
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		e.add(line, column, api.ReasonInvalidField, "encode it with base64, or use stringData for plain text", "not valid base64")
	}
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decodesItself says whether a type has its own way to read JSON, such as a duration.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler)
}

func (e *explainer) decodes(n *node, t reflect.Type, line, column int) {
	text, err := n.appendJSON(nil, 1<<20)
	if err == nil {
		err = json.Unmarshal(text, reflect.New(t).Interface())
	}
	if err == nil {
		return
	}
	scalar, written := n.text()
	for _, own := range ownForms {
		switch {
		case t != own.of:
		case written && !e.secret:
			e.add(line, column, api.ReasonInvalidField, own.hint, "%q is not %s", scalar, own.what)
			return
		default:
			e.add(line, column, api.ReasonInvalidField, own.hint, "is not %s", own.what)
			return
		}
	}
	message := strings.TrimPrefix(err.Error(), "json: ")
	if e.secret {
		message = "the value cannot be read"
	}
	e.add(line, column, api.ReasonInvalidField, "", "%s", message)
}

// ownForms are the types that read text in their own way, and what that looks like.
var ownForms = []struct {
	of         reflect.Type
	what, hint string
}{
	{reflect.TypeFor[metav1.Time](), "a time", "write it as in 2026-01-31T12:00:00Z"},
	{reflect.TypeFor[metav1.MicroTime](), "a time", "write it as in 2026-01-31T12:00:00.000000Z"},
	{reflect.TypeFor[metav1.Duration](), "a duration", "write it as in 30s or 1h30m"},
	{reflect.TypeFor[resource.Quantity](), "a quantity", "write a number with an optional suffix, such as 500m, 2, 64Mi or 1.5Gi"},
}
