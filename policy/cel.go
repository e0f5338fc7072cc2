package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"

	"github.com/gateway-cp/gateway-cp/traffic"
)

// maxCost bounds what an expression may cost, in CEL's own units.
const maxCost = 1_000_000

// assert evaluates an expression. It fails when the expression is none, or cannot be evaluated.
func (w *World) assert(expression string, q *traffic.Request, f *facts) (bool, error) {
	env, err := cel.NewEnv(
		ext.Strings(), ext.Lists(), cel.CrossTypeNumericComparisons(true),
		cel.Variable("request", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("route", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("services", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("rollouts", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("now", cel.TimestampType),
		lookup("rollout", w.rolloutVariables()),
		lookup("service", w.serviceVariables()),
	)
	if err != nil {
		return false, err
	}
	tree, issues := env.Compile(expression)
	if issues.Err() != nil {
		var all []string
		for _, e := range issues.Errors() {
			all = append(all, fmt.Sprintf("%s (at character %d)", e.Message, e.Location.Column()+1))
		}
		return false, errors.New(strings.Join(all, "; "))
	}
	if k := tree.OutputType(); k != cel.BoolType && k != cel.DynType {
		return false, fmt.Errorf("it is a %s, not true or false", k)
	}
	program, err := env.Program(tree, cel.CostLimit(maxCost))
	if err != nil {
		return false, err
	}
	vars := map[string]any{"request": requestVariables(q), "route": map[string]any{}, "services": w.serviceVariables(), "rollouts": w.rolloutVariables(), "now": w.Now}
	if f != nil {
		vars["route"] = f.variables()
	}
	out, _, err := program.Eval(vars)
	if err != nil {
		return false, err
	}
	result, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("it is %v, not true or false", out.Value())
	}
	return result, nil
}

// lookup is a function that gives an object by namespace/name, or by a name that only one has.
func lookup(kind string, all map[string]any) cel.EnvOption {
	return cel.Function(kind, cel.Overload(kind+"_string", []*cel.Type{cel.StringType}, cel.DynType,
		cel.UnaryBinding(func(arg ref.Val) ref.Val {
			name, _ := arg.Value().(string)
			if v, ok := all[name]; ok {
				return types.DefaultTypeAdapter.NativeToValue(v)
			}
			var found []any
			for key, v := range all {
				if strings.HasSuffix(key, "/"+name) {
					found = append(found, v)
				}
			}
			switch len(found) {
			case 1:
				return types.DefaultTypeAdapter.NativeToValue(found[0])
			case 0:
				return types.NewErr("there is no %s %q", kind, name)
			}
			return types.NewErr("there are several with the name %q: write namespace/name", name)
		})))
}

func (w *World) rolloutVariables() map[string]any {
	all := map[string]any{}
	for name, r := range w.Rollouts {
		all[name] = map[string]any{"weights": r.Weights, "phase": r.Phase}
	}
	return all
}

func (w *World) serviceVariables() map[string]any {
	all := map[string]any{}
	for name, s := range w.Services {
		all[name] = map[string]any{"endpoints": s.Endpoints}
	}
	return all
}

func requestVariables(q *traffic.Request) map[string]any {
	if q == nil {
		return map[string]any{}
	}
	headers := map[string]string{}
	for _, h := range q.Headers {
		headers[strings.ToLower(h.Name)] = h.Value
	}
	return map[string]any{"method": q.Method, "scheme": q.Scheme, "host": q.Authority, "path": q.Path, "headers": headers, "client": q.Client}
}
