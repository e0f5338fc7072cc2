package schema

import (
	"sync"

	"github.com/google/cel-go/common/ast"
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
// evaluated by the API server's library, as its cel.Validator does, but when the first value comes to
// their level, over a schema that remembers the properties of a level (celschema.go), once for values
// that are the same to them (known.go), and only to learn whether all of them hold.
// Which one does not, and why, cel.Validator says.
type rules struct {
	here *rulesHere // nil where there are only some below

	items, values *rules
	properties    map[string]*rules
}

// rulesHere are those of one level.
type rulesHere struct {
	level    *structuralschema.Structural
	root     bool
	declared *apiservercel.DeclType

	once     sync.Once
	unknown  bool // only cel.Validator knows whether they hold
	programs []cel.CompilationResult
	schema   common.Schema
	known    known
}

// findRules gives the rules of a level; nil when there are none. It is false when there are some
// that only cel.Validator can evaluate.
func findRules(s *structuralschema.Structural, root bool, declared *apiservercel.DeclType) (r *rules, ok bool) {
	if nestedRules(s) {
		return nil, false
	}
	r = &rules{}
	if len(s.XValidations) > 0 {
		for i := range s.XValidations {
			if s.XValidations[i].OptionalOldSelf != nil {
				return nil, false
			}
		}
		r.here = &rulesHere{level: s, root: root, declared: declared}
	}
	if !r.findBelow(s, declared) {
		return nil, false
	}
	if r.here == nil && r.items == nil && r.values == nil && r.properties == nil {
		return nil, true
	}
	return r, true
}

// compile makes programs of the rules. It is false when one is none.
func (r *rulesHere) compile() (ok bool) {
	env := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	loader := cel.StoredExpressionsEnvLoader()
	var err error
	r.programs, err = cel.Compile(r.level, r.declared, celconfig.PerCallLimit, env, loader)
	if err != nil {
		return false
	}
	var parsed []ast.Expr
	for i, p := range r.programs {
		if p.Error != nil {
			return false
		}
		if p.Program == nil {
			continue
		}
		text := r.level.XValidations[i].Rule
		expression, issues := loader.RuleEnv(env, text).Parse(text)
		if issues.Err() != nil {
			return false
		}
		parsed = append(parsed, expression.NativeRep().Expr())
	}
	r.known.reads = readsOf(parsed)
	seen := r.level
	if r.root {
		seen = model.WithTypeAndObjectMeta(r.level)
	}
	r.schema = newCELSchema(seen)
	return true
}

// findBelow finds the rules of items, of values and of properties.
func (r *rules) findBelow(s *structuralschema.Structural, declared *apiservercel.DeclType) (ok bool) {
	var element *apiservercel.DeclType
	if declared != nil {
		element = declared.ElemType
	}
	if s.Items != nil {
		if r.items, ok = findRules(s.Items, s.Items.XEmbeddedResource, element); !ok {
			return false
		}
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		values := s.AdditionalProperties.Structural
		if r.values, ok = findRules(values, values.XEmbeddedResource, element); !ok {
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
		below, ok := findRules(&p, p.XEmbeddedResource, field)
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
	if r.here != nil && !r.here.hold(value, budget) {
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

func (r *rulesHere) hold(value any, budget *int64) bool {
	r.once.Do(func() { r.unknown = !r.compile() })
	if r.unknown {
		return false
	}
	var room [256]byte
	cost, holds, key := r.known.cost(room[:], value)
	if !holds {
		before := *budget
		if !r.evaluate(value, budget) {
			return false
		}
		r.known.note(key, before-*budget)
		return true
	}
	*budget -= cost
	return *budget >= 0
}

func (r *rulesHere) evaluate(value any, budget *int64) bool {
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
