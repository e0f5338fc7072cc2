package schema

import (
	"math"
	"regexp"
	"slices"
	"unicode/utf8"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	openapi "k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
)

// acceptor is one level of the OpenAPI schema of a CRD, prepared to find out quickly that a value
// fits. The API server's libraries drop fields that are unknown, put defaults in, make a new validator
// for each field of each object, and compare items, one after the other, which takes many times as long
// as looking at each field once; they are asked only about what is not accepted here,
// be it wrong or too unusual, and what they then say is what counts.
type acceptor struct {
	structure *structure // nil in combinations, which have none

	kind     string // of JSON; empty: any
	nullable bool
	format   string
	enum     []string
	numbers  []int64 // the enumeration of whole numbers

	minLength, maxLength *int64
	pattern              *regexp.Regexp

	least, most int64 // of integers

	items, values      *acceptor
	minItems, maxItems *int64 // of a list's items, or a map's fields
	properties         map[string]*acceptor
	required           []string
	closed             bool // it has no other properties

	all, any []*acceptor
}

// newAcceptor prepares a level and what is below; nil accepts nothing.
func newAcceptor(s *openapi.Schema, level *structuralschema.Structural) *acceptor {
	if s == nil || len(s.Type) > 1 && !isIntOrString(s) || len(s.OneOf) > 0 || s.Not != nil || len(s.PatternProperties) > 0 || len(s.Dependencies) > 0 ||
		s.AdditionalItems != nil || s.UniqueItems || s.MultipleOf != nil || s.ExclusiveMinimum || s.ExclusiveMaximum {
		return nil
	}
	a := &acceptor{
		nullable: s.Nullable || len(s.Type) == 0, format: s.Format,
		minLength: s.MinLength, maxLength: s.MaxLength, required: s.Required,
	}
	if len(s.Type) == 1 {
		a.kind = s.Type[0]
	} else if len(s.Type) > 1 {
		a.kind = intOrString
	} else if s.Format != "" || s.MinProperties != nil || s.MaxProperties != nil {
		return nil
	}
	if !a.enumerate(s.Enum) {
		return nil
	}
	if s.Pattern != "" {
		var err error
		if a.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return nil
		}
	}
	if !a.bounds(s) {
		return nil
	}
	if level != nil {
		if a.structure = newStructure(level); a.structure == nil {
			return nil
		}
	}
	a.below(s, level)
	return a
}

// enumerate takes the values that are allowed. It is false where they are not strings, or whole
// numbers, only.
func (a *acceptor) enumerate(values []any) bool {
	for _, value := range values {
		switch value := value.(type) {
		case string:
			a.enum = append(a.enum, value)
		case int64:
			a.numbers = append(a.numbers, value)
		case float64:
			if !isWhole(value) {
				return false
			}
			a.numbers = append(a.numbers, int64(value))
		default:
			return false
		}
	}
	return len(a.enum) == 0 || len(a.numbers) == 0
}

// isWhole says whether a number of a schema is a whole one that fits all formats.
func isWhole(f float64) bool { return f == math.Trunc(f) && f >= math.MinInt32 && f <= math.MaxInt32 }

// bounds takes those of numbers. It is false where they are not whole numbers.
func (a *acceptor) bounds(s *openapi.Schema) bool {
	a.least, a.most = math.MinInt64, math.MaxInt64
	if s.Format == "int32" {
		a.least, a.most = math.MinInt32, math.MaxInt32
	}
	for _, bound := range []*float64{s.Minimum, s.Maximum} {
		if bound != nil && !isWhole(*bound) {
			return false
		}
	}
	if s.Minimum != nil {
		a.least = max(a.least, int64(*s.Minimum))
	}
	if s.Maximum != nil {
		a.most = min(a.most, int64(*s.Maximum))
	}
	return true
}

// below prepares what lists, maps and combinations are made of.
func (a *acceptor) below(s *openapi.Schema, level *structuralschema.Structural) {
	a.minItems, a.maxItems = s.MinItems, s.MaxItems
	if a.kind == "object" {
		a.minItems, a.maxItems = s.MinProperties, s.MaxProperties
	}
	if s.Items != nil {
		a.items = newAcceptor(s.Items.Schema, itemsOf(level))
	}
	if s.AdditionalProperties != nil {
		a.closed = s.AdditionalProperties.Schema == nil && !s.AdditionalProperties.Allows
		if s.AdditionalProperties.Schema != nil {
			if a.values = newAcceptor(s.AdditionalProperties.Schema, valuesOf(level)); a.values == nil {
				a.closed = true // those values are for the validator
			}
		}
	}
	if len(s.Properties) > 0 {
		a.properties = make(map[string]*acceptor, len(s.Properties))
		for name, p := range s.Properties {
			a.properties[name] = newAcceptor(&p, propertyOf(level, name))
		}
	}
	for i := range s.AllOf {
		a.all = append(a.all, newAcceptor(&s.AllOf[i], nil))
	}
	for i := range s.AnyOf {
		a.any = append(a.any, newAcceptor(&s.AnyOf[i], nil))
	}
}

// rootAcceptor prepares all of a version. The metadata of an object is checked by its own shape, and
// where status is a subresource an object has none.
func rootAcceptor(s *openapi.Schema, root *structuralschema.Structural, status bool) *acceptor {
	a := newAcceptor(s, root)
	if a == nil {
		return nil
	}
	a.structure.root = true
	if status {
		a.structure.defaults = slices.DeleteFunc(a.structure.defaults, func(d defaultValue) bool { return d.name == "status" })
	}
	if metadata, ok := s.Properties["metadata"]; ok {
		a.properties["metadata"] = newAcceptor(&metadata, nil)
	}
	return a
}

// accepts says that an API server finds nothing in a value, and puts defaults in. False may also mean
// that it is not known; then a part of the defaults may be in it.
func (a *acceptor) accepts(value any) bool {
	if a == nil {
		return false
	}
	if value == nil {
		// Combinations are not looked at.
		return a.nullable && !a.enumerates() && (a.structure == nil || a.structure.nullable)
	}
	fits := false
	switch value := value.(type) {
	case string:
		fits = a.acceptsString(value)
	case bool:
		fits = a.is("boolean") && a.format == "" && !a.enumerates()
	case int64:
		fits = (a.is("integer") || a.is("number")) && (a.format == "" || a.format == "int32" || a.format == "int64") &&
			len(a.enum) == 0 && (a.numbers == nil || slices.Contains(a.numbers, value)) && value >= a.least && value <= a.most
	case []any:
		fits = a.acceptsList(value)
	case map[string]any:
		fits = a.acceptsMap(value)
	}
	if !fits {
		return false
	}
	for _, each := range a.all {
		if !each.accepts(value) {
			return false
		}
	}
	return len(a.any) == 0 || slices.ContainsFunc(a.any, func(one *acceptor) bool { return one.accepts(value) })
}

func (a *acceptor) enumerates() bool { return a.enum != nil || a.numbers != nil }

// intOrString is the kind of what a CRD marks with x-kubernetes-int-or-string.
const intOrString = "int-or-string"

func isIntOrString(s *openapi.Schema) bool {
	return slices.Equal(s.Type, []string{"integer", "string"}) && s.Format == ""
}

func (a *acceptor) is(kind string) bool {
	return a.kind == kind || a.kind == "" || a.kind == intOrString && (kind == "integer" || kind == "string")
}

func (a *acceptor) acceptsString(s string) bool {
	if !a.is("string") || a.numbers != nil || len(a.enum) > 0 && !slices.Contains(a.enum, s) {
		return false
	}
	if a.minLength != nil || a.maxLength != nil {
		length := int64(utf8.RuneCountInString(s))
		if a.minLength != nil && length < *a.minLength || a.maxLength != nil && length > *a.maxLength {
			return false
		}
	}
	if a.format != "" && strfmt.Default.ContainsName(a.format) && !strfmt.Default.Validates(a.format, s) {
		return false
	}
	return a.pattern == nil || a.pattern.MatchString(s)
}

// holds says whether a list or map may have so many items.
func (a *acceptor) holds(items int) bool {
	return (a.minItems == nil || int64(items) >= *a.minItems) && (a.maxItems == nil || int64(items) <= *a.maxItems)
}

func (a *acceptor) acceptsList(list []any) bool {
	if a.kind != "array" || a.format != "" || a.enumerates() || a.items == nil || !a.holds(len(list)) {
		return false
	}
	for _, item := range list {
		if !a.items.accepts(item) {
			return false
		}
	}
	return a.structure.differ(list)
}

func (a *acceptor) acceptsMap(m map[string]any) bool {
	if !a.is("object") || a.format != "" || a.enumerates() {
		return false
	}
	a.structure.complete(m)
	if !a.holds(len(m)) {
		return false
	}
	for _, name := range a.required {
		if _, there := m[name]; !there {
			return false
		}
	}
	for name, value := range m {
		p, known := a.properties[name]
		switch {
		case known:
			if !p.accepts(value) {
				return false
			}
		case a.values != nil:
			if !a.values.accepts(value) {
				return false
			}
		case a.closed || a.structure.drops(name):
			return false
		}
	}
	return true
}
