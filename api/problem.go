package api

import (
	"cmp"
	"strings"
)

// Severity is how bad a problem is.
type Severity string

const (
	// Error: (a part of) the object has no effect, or its last good version stays in effect.
	Error Severity = "error"
	// Warning: the object works, but most likely not as its author means.
	Warning Severity = "warning"
	// Info: nothing is wrong; worth knowing all the same.
	Info Severity = "info"
)

// Reason is the stable CamelCase name of a class of problems. Each is listed, with what
// to do about it, in Reasons.
type Reason string

// Problem says what is wrong with one object.
//
// Path is written as Kubernetes does: field names as in YAML after dots, positions in lists
// and keys of maps in brackets, as in spec.ports[0].targetPort, spec.traffic[blue] and
// metadata.labels[app.kubernetes.io/name]. A field that is missing has a path too.
type Problem struct {
	Object   Key      `json:"object"`
	Path     string   `json:"path,omitempty"` // field path such as spec.ports[0].targetPort; empty: the whole object
	Reason   Reason   `json:"reason"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`           // what is wrong
	Hint     string   `json:"hint,omitempty"`    // what to do about it
	Position Position `json:"position,omitzero"` // where, when it comes from a file
	Other    Other    `json:"other,omitzero"`    // the other object that it takes for this problem
}

// Other is a second object without which there would be no problem, such as the route that
// wins where two ask for the same requests.
type Other struct {
	Object   Key      `json:"object"`
	Path     string   `json:"path,omitempty"`
	Position Position `json:"position,omitzero"`
}

// String gives one line: position, severity, object, path, message, the other
// object's position, hint and reason.
func (p Problem) String() string {
	var b strings.Builder
	if s := p.Position.String(); s != "" {
		b.WriteString(s + ": ")
	}
	b.WriteString(string(p.Severity) + ": ")
	if p.Object != (Key{}) {
		b.WriteString(p.Object.String() + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if s := p.Other.Position.String(); s != "" {
		b.WriteString("; see " + s)
	}
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	if p.Reason != "" {
		b.WriteString(" [" + string(p.Reason) + "]")
	}
	return b.String()
}

// Compare orders problems by position, object, path, reason, message and the other object.
func (p Problem) Compare(o Problem) int {
	return cmp.Or(
		cmp.Compare(p.Position.File, o.Position.File),
		cmp.Compare(p.Position.Line, o.Position.Line),
		cmp.Compare(p.Position.Column, o.Position.Column),
		p.Object.Compare(o.Object),
		cmp.Compare(p.Path, o.Path),
		cmp.Compare(p.Reason, o.Reason),
		cmp.Compare(p.Message, o.Message),
		p.Other.Object.Compare(o.Other.Object),
		cmp.Compare(p.Other.Path, o.Other.Path),
	)
}
