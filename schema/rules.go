package schema

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
)

// rules are the CEL rules of a version, at one level of its schema and below. They are compiled and
// evaluated by the API server's library, as its cel.Validator does, but over a schema that
// remembers the properties of a level (celschema.go), and only to learn whether all of them hold.
// Which one does not, and why, cel.Validator says.
type rules struct {
	programs []cel.CompilationResult
	schema   common.Schema

	items, values *rules
	properties    map[string]*rules
}

// compileRules gives the rules of a level; nil when there are none. It is false when there are some
// that only cel.Validator can evaluate.
func compileRules(s *structuralschema.Structural, root bool, declared *apiservercel.DeclType) (r *rules, ok bool) {
	if nestedRules(s) {
		return nil, false
	}
	r = &rules{}
	if len(s.XValidations) > 0 {
		var err error
		env := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
		r.programs, err = cel.Compile(s, declared, celconfig.PerCallLimit, env, cel.StoredExpressionsEnvLoader())
		if err != nil {
			return nil, false
		}
		for i, p := range r.programs {
			if p.Error != nil || s.XValidations[i].OptionalOldSelf != nil {
				return nil, false
			}
		}
		seen := s
		if root {
			seen = model.WithTypeAndObjectMeta(s)
		}
		r.schema = newCELSchema(seen)
	}
	if !r.compileBelow(s, declared) {
		return nil, false
	}
	if len(r.programs) == 0 && r.items == nil && r.values == nil && r.properties == nil {
		return nil, true
	}
	return r, true
}

// compileBelow compiles the rules of items, of values and of properties.
func (r *rules) compileBelow(s *structuralschema.Structural, declared *apiservercel.DeclType) (ok bool) {
	var element *apiservercel.DeclType
	if declared != nil {
		element = declared.ElemType
	}
	if s.Items != nil {
		if r.items, ok = compileRules(s.Items, s.Items.XEmbeddedResource, element); !ok {
			return false
		}
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		values := s.AdditionalProperties.Structural
		if r.values, ok = compileRules(values, values.XEmbeddedResource, element); !ok {
			return false
		}
	}
	for name, p := range s.Properties {
		var field *apiservercel.DeclType
		if escaped, can := apiservercel.Escape(name); !can {
			field = model.SchemaDeclType(&p, p.XEmbeddedResource)
		} else if declared != nil && declared.Fields[escaped] != nil {
			field = declared.Fields[escaped].Type
		}
		if field == nil {
			continue // CEL does not see fields of unknown types
		}
		below, ok := compileRules(&p, p.XEmbeddedResource, field)
		if !ok {
			return false
		}
		if below != nil {
			if r.properties == nil {
				r.properties = make(map[string]*rules)
			}
			r.properties[name] = below
		}
	}
	return true
}

// nestedRules says whether there are rules within allOf.
func nestedRules(s *structuralschema.Structural) bool {
	if s.ValueValidation == nil {
		return false
	}
	for _, n := range s.ValueValidation.AllOf {
		if nestedValueRules(&n) {
			return true
		}
	}
	return false
}

func nestedValueRules(n *structuralschema.NestedValueValidation) bool {
	if n == nil {
		return false
	}
	if len(n.ValidationExtensions.XValidations) > 0 || nestedValueRules(n.Items) || nestedValueRules(n.AdditionalProperties) {
		return true
	}
	for _, p := range n.Properties {
		if nestedValueRules(&p) {
			return true
		}
	}
	for _, in := range n.AllOf {
		if nestedValueRules(&in) {
			return true
		}
	}
	return false
}

// hold says whether all rules hold for a value, within the budget of the API server, which is
// lowered by what that cost. False may also mean that it is not known.
func (r *rules) hold(value any, budget *int64) bool {
	if r == nil || value == nil {
		return true
	}
	if len(r.programs) > 0 && !r.holdHere(value, budget) {
		return false
	}
	switch value := value.(type) {
	case []any:
		if r.items == nil {
			return true
		}
		for _, item := range value {
			if !r.items.hold(item, budget) {
				return false
			}
		}
	case map[string]any:
		for name, field := range value {
			if !r.values.hold(field, budget) || !r.properties[name].hold(field, budget) {
				return false
			}
		}
	}
	return true
}

func (r *rules) holdHere(value any, budget *int64) bool {
	self := selfActivation{common.UnstructuredToVal(value, r.schema)}
	for _, p := range r.programs {
		if p.Program == nil || p.UsesOldSelf {
			continue // empty, or of an update
		}
		result, details, err := p.Program.Eval(self)
		if err != nil || details == nil || details.ActualCost() == nil || result != types.True {
			return false
		}
		if *budget -= int64(min(*details.ActualCost(), celconfig.RuntimeCELCostBudget+1)); *budget < 0 {
			return false
		}
	}
	return true
}

// selfActivation gives rules what they look at.
type selfActivation struct{ self ref.Val }

func (a selfActivation) ResolveName(name string) (any, bool) {
	if name == cel.ScopedVarName {
		return a.self, true
	}
	return nil, false
}

func (a selfActivation) Parent() interpreter.Activation { return nil }
