package schema

import (
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// level is a place in an object that has named fields.
type level interface {
	// fields gives their names, sorted.
	fields() []string
	// within gives the level that a field, or an item of a field that is a list, has; nil where
	// it has no named fields.
	within(field string) level
}

// unknownHint says what the author of an unknown field may have meant: the very name on
// another level, which is wrong indentation, or a similar name on this level. Levels are those
// on the way to the field, the innermost last; paths are where they are.
func unknownHint(name string, at *path) string {
	here := at.level.fields()
	for p := at.up; p != nil; p = p.up {
		if p.level == nil || !slices.Contains(p.level.fields(), name) {
			continue
		}
		if where := p.String(); where != "" {
			return "it is a field of " + where + ": check the indentation"
		}
		return "it is a field of the object itself: check the indentation"
	}
	similar := nearest.Name(name, here)
	if similar != "" && nearest.Distance(strings.ToLower(similar), strings.ToLower(name)) <= 1 {
		return "did you mean \"" + similar + "\"?"
	}
	if under := beneath(at.level, name, 2); under != "" {
		return "it is a field of " + strings.TrimPrefix(at.String()+"."+under, ".") + ": check the indentation"
	}
	switch {
	case similar != "":
		return "did you mean \"" + similar + "\"?"
	case len(here) > 0 && len(here) <= 12:
		return "the fields here are " + strings.Join(here, ", ")
	}
	return "remove it, or check its name and indentation"
}

// beneath finds a field of that name up to some levels further in, and gives the path to it.
func beneath(l level, name string, depth int) string {
	for _, f := range l.fields() {
		if in := l.within(f); in != nil && slices.Contains(in.fields(), name) {
			return f
		}
	}
	if depth <= 1 {
		return ""
	}
	for _, f := range l.fields() {
		if in := l.within(f); in != nil {
			if under := beneath(in, name, depth-1); under != "" {
				return f + "." + under
			}
		}
	}
	return ""
}
