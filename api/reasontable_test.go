package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every constant in reasons.go is explained, once, and named after its value.
func TestEveryReasonIsExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reasons.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			text, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			if err != nil || name.Name != "Reason"+text {
				t.Errorf("%s has value %q; want %q", name.Name, text, strings.TrimPrefix(name.Name, "Reason"))
			}
			declared = append(declared, Reason(text))
		}
		return true
	})
	if len(declared) < 30 {
		t.Fatalf("found only %d reasons in reasons.go", len(declared))
	}
	var explained []Reason
	for _, info := range Reasons {
		explained = append(explained, info.Reason)
		if info.Group == "" || info.Means == "" || info.Do == "" {
			t.Errorf("%s is not explained", info.Reason)
		}
	}
	slices.Sort(declared)
	slices.Sort(explained)
	if !slices.Equal(declared, explained) {
		t.Errorf("declared  %v\nexplained %v", declared, explained)
	}
}
