package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// decoder fills in the types of test files from YAML. Other than the YAML library's own, it says of
// everything that is wrong which field and place that is, in words for people, and reads the rest.
type decoder struct {
	wrong []mistake
}

// mistake is something that is wrong with a field.
type mistake struct {
	at            *yaml.Node
	path          []string
	message, hint string
}

// custom are types that read themselves: a number or bounds, a text or a list.
type custom interface {
	decode(d *decoder, n *yaml.Node, path []string)
}

func (d *decoder) fail(at *yaml.Node, path []string, format string, args ...any) {
	d.wrong = append(d.wrong, mistake{at: at, path: path, message: fmt.Sprintf(format, args...)})
}

// value reads a node into what can be set.
func (d *decoder) value(n *yaml.Node, to reflect.Value, path []string) {
	n = resolved(n)
	if c, ok := to.Addr().Interface().(custom); ok {
		c.decode(d, n, path)
		return
	}
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		d.value(n, to.Elem(), path)
	case reflect.Struct:
		d.fields(n, to, path)
	case reflect.Map:
		if d.is(n, yaml.MappingNode, path) {
			to.Set(reflect.MakeMap(to.Type()))
			for _, p := range d.pairs(n, path) {
				v := reflect.New(to.Type().Elem()).Elem()
				d.value(p.value, v, below(path, p.key.Value))
				to.SetMapIndex(reflect.ValueOf(p.key.Value), v)
			}
		}
	case reflect.Slice:
		if d.is(n, yaml.SequenceNode, path) {
			to.Set(reflect.MakeSlice(to.Type(), len(n.Content), len(n.Content)))
			for i, item := range n.Content {
				d.value(item, to.Index(i), below(path, strconv.Itoa(i)))
			}
		}
	case reflect.String:
		if d.is(n, yaml.ScalarNode, path) {
			to.SetString(n.Value)
		}
	default:
		if !d.is(n, yaml.ScalarNode, path) {
			return
		}
		if err := n.Decode(to.Addr().Interface()); err != nil {
			d.fail(n, path, "%q is not %s", n.Value, wanted[to.Kind()])
		}
	}
}

// wanted says what there shall be, for people.
var wanted = map[reflect.Kind]string{
	reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Uint16: "a whole number from 0 to 65535", reflect.Float64: "a number",
}

// fields reads a mapping into a struct.
func (d *decoder) fields(n *yaml.Node, to reflect.Value, path []string) {
	if !d.is(n, yaml.MappingNode, path) {
		return
	}
	index := map[string]int{}
	var names []string
	for i := range to.NumField() {
		if name := to.Type().Field(i).Tag.Get("yaml"); name != "" {
			index[name] = i
			names = append(names, name)
		}
	}
	for _, p := range d.pairs(n, path) {
		i, known := index[p.key.Value]
		if known {
			d.value(p.value, to.Field(i), below(path, p.key.Value))
			continue
		}
		m := mistake{at: p.key, path: below(path, p.key.Value), message: fmt.Sprintf("there is no field %s here", p.key.Value), hint: "there are " + strings.Join(names, ", ")}
		if near := nearest.Name(p.key.Value, names); near != "" {
			m.hint = fmt.Sprintf("did you mean %s?", near)
		}
		d.wrong = append(d.wrong, m)
	}
}

// is says whether a node is of a kind, and has a value.
func (d *decoder) is(n *yaml.Node, kind yaml.Kind, path []string) bool {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null" && kind == yaml.MappingNode:
		d.fail(n, path, "there is no value; {} is one without fields")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		d.fail(n, path, "there is no value")
	case n.Kind != kind:
		d.fail(n, path, "there must be %s, not %s", kinds[kind], kinds[n.Kind])
	default:
		return true
	}
	return false
}

var kinds = map[yaml.Kind]string{yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value"}

// pair is a key and its value.
type pair struct{ key, value *yaml.Node }

// pairs gives those of a mapping, with those that it takes over from others (<<: *other). A key that
// is there twice is told.
func (d *decoder) pairs(n *yaml.Node, path []string) []pair {
	var all, merged []pair
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolved(n.Content[i]), resolved(n.Content[i+1])
		switch {
		case key.Tag == "!!merge":
			merged = append(merged, taken(value)...)
		case key.Kind != yaml.ScalarNode:
			d.fail(key, path, "a key must be a single value, not %s", kinds[key.Kind])
		case seen[key.Value]:
			d.fail(key, below(path, key.Value), "it is there twice")
		default:
			seen[key.Value] = true
			all = append(all, pair{key, value})
		}
	}
	for _, p := range merged {
		if !seen[p.key.Value] {
			seen[p.key.Value] = true
			all = append(all, p)
		}
	}
	return all
}

// taken gives what << takes over: from one mapping, or from several of which the first wins.
func taken(from *yaml.Node) []pair {
	var all []pair
	switch from.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			all = append(all, pair{resolved(from.Content[i]), resolved(from.Content[i+1])})
		}
	case yaml.SequenceNode:
		for _, n := range from.Content {
			if n = resolved(n); n.Kind == yaml.MappingNode {
				all = append(all, taken(n)...)
			}
		}
	}
	return all
}

// resolved gives what an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func below(path []string, name string) []string { return append(slices.Clip(path), name) }
