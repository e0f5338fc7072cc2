package schema

import (
	"math"
	"slices"
)

// fits says that checkShape finds nothing in a value, without noting the way to each field. False may also
// mean that it is not known.
func (s *shape) fits(v any) bool {
	s = s.resolve()
	if v == nil {
		return true
	}
	if s.format != nil {
		var r report
		s.format(&r, nil, v)
		return len(r.problems) == 0
	}
	switch s.Type {
	case "object":
		m, ok := v.(map[string]any)
		return ok && s.fitsFields(m)
	case "array":
		items, ok := v.([]any)
		return ok && !slices.ContainsFunc(items, func(item any) bool { return !s.Items.fits(item) })
	case "string":
		text, ok := v.(string)
		return ok && (s.Enum == nil || text == "" || slices.Contains(s.Enum, text))
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "number":
		switch v.(type) {
		case int64, float64:
			return true
		}
		return false
	case "integer":
		n, ok := v.(int64)
		return ok && (s.Format != "int32" || n <= math.MaxInt32 && n >= math.MinInt32)
	}
	return true
}

func (s *shape) fitsFields(m map[string]any) bool {
	if s.Properties == nil && !s.Closed {
		if s.Values == nil {
			return true
		}
		for _, value := range m {
			if !s.Values.fits(value) {
				return false
			}
		}
		return true
	}
	for name, value := range m {
		if f := s.Properties[name]; f == nil || !f.fits(value) {
			return false
		}
	}
	return !slices.ContainsFunc(s.Required, func(name string) bool { return isEmpty(m[name]) })
}
