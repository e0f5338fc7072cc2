package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
)

// reads says which parts of a value rules look at: of one field only whether it is there, of another
// how long it is, of a third all of it. Rules that hold for one value hold for all that are the same
// in those parts, at the same cost. It errs on the side of too much.
type reads struct {
	whole  bool // everything
	length bool // of a list, map or string
	items  *reads
	fields map[string]*reads
	order  []string // of the fields
}

// everything reads all that there is.
var everything = &reads{whole: true}

// below is what is read of each item of a list, and of the values of a map whatever their names;
// nil for nothing.
func (r *reads) below() *reads {
	if r.whole {
		return everything
	}
	return r.items
}

// onlyThere says that nothing is read but that there is something.
func (r *reads) onlyThere() bool {
	return !r.whole && !r.length && r.items == nil && r.fields == nil
}

// sort fixes the order of fields.
func (r *reads) sort() {
	r.order = slices.Sorted(maps.Keys(r.fields))
	for _, field := range r.fields {
		field.sort()
	}
	if r.items != nil {
		r.items.sort()
	}
}

func (r *reads) item() *reads {
	if r.items == nil {
		r.items = &reads{}
	}
	return r.items
}

func (r *reads) field(name string) *reads {
	if r.fields[name] == nil {
		if r.fields == nil {
			r.fields = make(map[string]*reads)
		}
		r.fields[name] = &reads{}
	}
	return r.fields[name]
}

// names are the variables of a rule, and the parts of the value that they stand for; nil for what is
// computed.
type names map[string]*reads

// with gives names in which some stand for a part.
func (n names) with(part *reads, variables ...string) names {
	all := make(names, len(n)+len(variables))
	maps.Copy(all, n)
	for _, v := range variables {
		all[v] = part
	}
	return all
}

// readsOf gives what rules read, by their parsed expressions.
func readsOf(rules []ast.Expr) *reads {
	self := &reads{}
	for _, rule := range rules {
		names{cel.ScopedVarName: self}.all(rule)
	}
	self.sort()
	return self
}

// all notes that expressions are used in ways that may need all of them.
func (n names) all(expressions ...ast.Expr) {
	for _, e := range expressions {
		if part := n.part(e); part != nil {
			part.whole = true
		}
	}
}

// part notes what an expression reads, and gives the part of the value that it stands for without
// reading it; nil where it is computed.
func (n names) part(e ast.Expr) *reads {
	switch e.Kind() {
	case ast.LiteralKind:
		return nil
	case ast.IdentKind:
		return n[e.AsIdent()]
	case ast.SelectKind:
		return n.selection(e.AsSelect())
	case ast.CallKind:
		return n.call(e.AsCall())
	case ast.ComprehensionKind:
		n.comprehension(e.AsComprehension())
		return nil
	case ast.ListKind:
		n.all(e.AsList().Elements()...)
		return nil
	}
	for _, part := range n { // maps and messages; rules hardly have any
		if part != nil {
			part.whole = true
		}
	}
	return nil
}

// selection is a field, or the question whether it is there.
func (n names) selection(s ast.SelectExpr) *reads {
	part := n.part(s.Operand())
	if part == nil {
		return nil
	}
	if strings.Contains(s.FieldName(), "__") {
		part.whole = true // it may be escaped: https://kubernetes.io/docs/reference/using-api/cel/#escaping
		return part
	}
	field := part.field(s.FieldName())
	if s.IsTestOnly() {
		return nil
	}
	return field
}

func (n names) call(c ast.CallExpr) *reads {
	arguments := c.Args()
	if c.IsMemberFunction() {
		arguments = slices.Concat([]ast.Expr{c.Target()}, arguments)
	}
	switch name := c.FunctionName(); {
	case name == "size" && len(arguments) == 1:
		if part := n.part(arguments[0]); part != nil {
			part.length = true
		}
		return nil
	case name == operators.Index && len(arguments) == 2:
		n.all(arguments[1])
		if part := n.part(arguments[0]); part != nil {
			part.length = true
			return part.item()
		}
		return nil
	}
	n.all(arguments...)
	return nil
}

// comprehension is what macros such as all and exists come to.
func (n names) comprehension(c ast.ComprehensionExpr) {
	var item *reads
	if part := n.part(c.IterRange()); part != nil {
		part.length = true
		item = part.item()
	}
	n.all(c.AccuInit())
	inner := n.with(item, c.IterVar())
	if c.HasIterVar2() {
		inner = inner.with(item, c.IterVar2())
	}
	inner = inner.with(nil, c.AccuVar())
	inner.all(c.LoopCondition(), c.LoopStep())
	n.with(nil, c.AccuVar()).all(c.Result())
}
