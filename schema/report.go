package schema

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
)

// maxProblems of one object; there is no use in more.
const maxProblems = 100

// report collects the problems of one object.
type report struct {
	key      api.Key
	secret   bool           // its values must not be shown
	object   map[string]any // of a kind that is built in
	problems []api.Problem
}

func (r *report) add(severity api.Severity, path string, reason api.Reason, hint, message string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, api.Problem{Object: r.key, Path: path, Reason: reason, Severity: severity, Message: message, Hint: hint})
	}
}

func (r *report) fail(p *path, reason api.Reason, hint, format string, args ...any) {
	r.add(api.Error, p.String(), reason, hint, fmt.Sprintf(format, args...))
}

// found names a value's type and, for short scalars, the value.
func (r *report) found(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	case string:
		if r.secret || len(v) > 40 {
			return "a string"
		}
		return fmt.Sprintf("the string %q", v)
	case bool:
		if r.secret {
			return "a boolean"
		}
		return fmt.Sprintf("the boolean %v", v)
	}
	if r.secret {
		return "a number"
	}
	return fmt.Sprintf("the number %v", v)
}

func (r *report) wrongType(p *path, v any, expected string) {
	hint := ""
	if expected == "a string" {
		switch v.(type) {
		case bool, int64, float64:
			hint = "put the value in quotes"
		}
	}
	r.fail(p, api.ReasonInvalidField, hint, "expected %s, found %s", expected, r.found(v))
}

// library adds what a library of Kubernetes found.
func (r *report) library(errs field.ErrorList) {
	at := make(map[string]bool, len(errs)) // paths, and those above them
	for _, e := range errs {
		for p := cleanPath(e.Field); p != ""; p = parent(p) {
			at[p] = true
		}
	}
	for _, e := range errs {
		p, message, hint := cleanPath(e.Field), e.Detail, ""
		reason := api.ReasonInvalidField
		switch e.Type {
		case field.ErrorTypeRequired:
			reason = api.ReasonMissingField
			if message == "" {
				message = "is required"
			}
		case field.ErrorTypeDuplicate:
			message, hint = "is there twice"+r.value(e.BadValue), "remove or change one of the two"
		case field.ErrorTypeNotSupported:
			message, hint = "is not one of the values that are allowed"+r.value(e.BadValue), strings.ReplaceAll(e.Detail, "supported values: ", "use one of ")
		default:
			if of, said, ok := alternatives(message); ok {
				if at[of] {
					continue // which alternative fails is said of the field itself
				}
				p, message = of, said
				break
			}
			if of, said, ok := checkedValue(message); ok {
				p, message = of, said
				break
			}
			if message == "" {
				message = strings.ToLower(e.Type.String())
			}
			message = strings.TrimPrefix(message, e.Field+" in body ")
			if quoted, ok := strings.CutPrefix(message, "should match '"); ok {
				hint = likeness(strings.TrimSuffix(quoted, "'"))
			}
			if !strings.Contains(message, ": ") {
				message += r.value(e.BadValue)
			}
		}
		r.add(api.Error, p, reason, hint, message)
	}
}

// alternatives reads what the library says when a value matches none of the schemas of an
// anyOf or oneOf: the path is a part of the message.
func alternatives(message string) (path, said string, ok bool) {
	quoted, rest, ok := strings.Cut(strings.TrimPrefix(message, `"`), `" must validate `)
	if !ok || !strings.HasPrefix(message, `"`) {
		return "", "", false
	}
	return cleanPath(quoted), "must match " + strings.ReplaceAll(strings.ReplaceAll(rest, "validate ", "match "), " schema", " of the schema's alternatives"), true
}

// likenesses are what may stand where a pattern is asked for.
var likenesses = []string{
	"shop.example.com", "web", "example.com/web", "/web", "Web", "WEB", "30s", "10%", "10", "99.5", "100m", "1Gi", "10.0.0.1", "10.0.0.0/8", "2001:db8::1",
	"https://shop.example.com", "2026-01-31", "2026-01-31T12:00:00Z", "1.2.3", "v1.2.3",
}

// likeness gives something that matches a pattern, as a hint; empty when nothing does that people would
// recognise.
func likeness(pattern string) string {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return ""
	}
	for _, like := range likenesses {
		if re.MatchString(like) {
			return "write it as in " + like
		}
	}
	return ""
}

// checkedValue reads what the library says of a number that does not fit its type or format: the path is
// a part of the message.
func checkedValue(message string) (path, said string, ok bool) {
	rest, ok := strings.CutPrefix(message, "Checked value ")
	at := strings.LastIndex(rest, " in ")
	if !ok || at < 0 {
		return "", "", false
	}
	return cleanPath(rest[at+len(" in "):]), strings.TrimSuffix(rest[:at], " (default format)"), true
}

func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// value shows a short scalar after a message.
func (r *report) value(v any) string {
	switch v := v.(type) {
	case string:
		if v == "" || len(v) > 60 {
			return ""
		}
	case bool, int, int64, float64:
	default: // a map, a list, or what stands for a value that is left out
		return ""
	}
	if r.secret {
		return ""
	}
	return fmt.Sprintf(": %#v", v)
}

// cleanPath writes a path of a Kubernetes library as ours are. Some say "<nil>" for the object.
func cleanPath(p string) string {
	if p == "<nil>" || p == "." {
		return ""
	}
	return strings.TrimPrefix(p, ".")
}
