package schema

import (
	"math"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// checkShape compares a value with its type. Fields that are null count as left out, as the
// API server's decoder has it.
func (r *report) checkShape(p *path, s *shape, v any) {
	s = s.resolve()
	if v == nil {
		return
	}
	if s.format != nil {
		s.format(r, p, v)
		return
	}
	switch s.Type {
	case "object":
		m, ok := v.(map[string]any)
		switch {
		case !ok:
			r.wrongType(p, v, "a map")
		case s.Properties != nil || s.Closed:
			r.checkFields(p, s, m)
		case s.Values != nil:
			for name, value := range m {
				r.checkShape(p.at(name), s.Values, value)
			}
		}
	case "array":
		items, ok := v.([]any)
		if !ok {
			r.wrongType(p, v, "a list")
			return
		}
		for i, item := range items {
			r.checkShape(p.item(i), s.Items, item)
		}
	case "string":
		text, ok := v.(string)
		if !ok {
			r.wrongType(p, v, "a string")
		} else if s.Enum != nil && text != "" && !slices.Contains(s.Enum, text) {
			r.notAllowed(p, text, s.Enum)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			r.wrongType(p, v, "true or false")
		}
	case "number":
		switch v.(type) {
		case int64, float64:
		default:
			r.wrongType(p, v, "a number")
		}
	case "integer":
		n, ok := v.(int64)
		if !ok {
			r.wrongType(p, v, "a whole number")
		} else if s.Format == "int32" && (n > math.MaxInt32 || n < math.MinInt32) {
			r.wrongType(p, v, "a whole number of at most 32 bits")
		}
	}
}

func (r *report) checkFields(p *path, s *shape, m map[string]any) {
	here := *p
	here.level = s
	p = &here
	misspelt := false
	for name, value := range m {
		f, known := s.Properties[name]
		if !known {
			r.fail(p.field(name), api.ReasonUnknownField, unknownHint(name, p), "unknown field %q", name)
			misspelt = true
			continue
		}
		r.checkShape(p.field(name), f, value)
	}
	if misspelt || p.isStatus() {
		return // it is most likely what is missing; and of a status, an API server takes nothing from a manifest
	}
	for _, name := range s.Required {
		if isEmpty(m[name]) && !lenient[s.name+"."+name] {
			r.missing(p.field(name), s.Properties[name].missingHint(s.name+"."+name))
		}
	}
}

// missingHints say what to write into fields whose names do not.
var missingHints = map[string]string{
	"storage.v1.StorageClass.provisioner": "name the driver that makes the volumes, such as ebs.csi.aws.com",
}

// mostListed is how many names a hint lists.
const mostListed = 6

// missingHint says what to write into a field that is missing, as far as its type tells.
func (s *shape) missingHint(field string) string {
	if hint := missingHints[field]; hint != "" {
		return hint
	}
	if s == nil {
		return "add it"
	}
	s = s.resolve()
	switch {
	case len(s.Enum) > 0 && len(s.Enum) <= mostListed:
		return "use " + orList(s.Enum)
	case s.Type == "array":
		return "list at least one"
	case len(s.names) > 0 && len(s.names) <= mostListed:
		return "add it; its fields are " + strings.Join(s.names, ", ")
	}
	return "add it"
}

// lenient are fields that OpenAPI calls required because their Go type has no omitempty, but
// that an API server does not ask for.
var lenient = map[string]bool{
	"core.v1.LimitRangeSpec.limits":                       true,
	"core.v1.PersistentVolumeClaimVolumeSource.claimName": true, // see volume
	"core.v1.SleepAction.seconds":                         true,
	"storage.v1.CSIDriver.spec":                           true,
	"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion.served": true,
}

// isEmpty says whether an API server takes the value of a required field for a missing one.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	}
	return false
}

// isStatus says whether the path is in the object's status.
func (p *path) isStatus() bool {
	for ; p.up != nil; p = p.up {
		if p.up.up == nil && p.name == "status" {
			return true
		}
	}
	return false
}

func (r *report) notAllowed(p *path, text string, allowed []string) {
	// Enumerations are met in any order of the versions of Kubernetes; the hint has all of them.
	r.fail(p, api.ReasonInvalidField, "use "+orList(allowed), "%q is not a value that it can have", text)
}

// orList writes "a, b or c".
func orList(words []string) string {
	if len(words) <= 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
