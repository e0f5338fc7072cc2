package admission

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
)

// report collects the problems of one object.
type report struct {
	key      api.Key
	problems []api.Problem
}

// fail adds an error; format and args make its message.
func (r *report) fail(path *field.Path, reason api.Reason, hint, format string, args ...any) {
	r.add(api.Error, path, reason, hint, fmt.Sprintf(format, args...))
}

// warn adds a warning; format and args make its message.
func (r *report) warn(path *field.Path, reason api.Reason, hint, format string, args ...any) {
	r.add(api.Warning, path, reason, hint, fmt.Sprintf(format, args...))
}

// missing adds an error for a field that must be there.
func (r *report) missing(path *field.Path, hint string) {
	r.add(api.Error, path, api.ReasonMissingField, hint, "is required")
}

func (r *report) add(severity api.Severity, path *field.Path, reason api.Reason, hint, message string) {
	p := api.Problem{Object: r.key, Reason: reason, Severity: severity, Message: message, Hint: hint}
	if path != nil {
		p.Path = path.String()
	}
	r.problems = append(r.problems, p)
}

// atMost checks the length of a list or map.
func (r *report) atMost(path *field.Path, n, limit int) {
	if n > limit {
		r.fail(path, api.ReasonInvalidField, "split the object in several", "has %d entries; at most %d are allowed", n, limit)
	}
}

// isNil is true for a typed nil pointer in an interface.
func isNil(v any) bool { return reflect.ValueOf(v).IsNil() }

// spec is where almost every field is.
var spec = field.NewPath("spec")
