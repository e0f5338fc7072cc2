package schema

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/gateway-cp/gateway-cp/api"
)

// check checks a custom resource, in the order of an API server that creates it. Rules that
// compare with an older object do not apply.
func (d *crd) check(o Object) []api.Problem {
	namespaced := d.internal.Spec.Scope != "Cluster"
	r := &report{key: identity(o.Key, namespaced)}
	v := d.version(r, o)
	if v == nil {
		return r.problems
	}
	object, ok := r.copy(o)
	if !ok {
		return r.problems
	}
	if err := v.compile(); err != nil {
		r.add(api.Error, "", api.ReasonInvalidField, "correct the CRD", "its CRD cannot be used: "+err.Error())
		return r.problems
	}
	if !objectMeta.fits(object["metadata"]) {
		r.checkShape(new(path).field("metadata"), objectMeta, object["metadata"])
	}
	if hasError(r.problems) {
		return r.problems
	}
	r.metadata(object, subdomain, namespaced)
	var errs field.ErrorList
	if !v.accepts(object) {
		if object, ok = r.read(o.JSON); !ok {
			return r.problems
		}
		errs = v.validate(r, object)
	}
	if !blocking(errs) {
		errs = append(errs, v.brokenRules(object)...)
	}
	r.dropWithin(errs)
	r.library(r.besides(errs))
	return r.problems
}

// dropWithin leaves out the unknown fields within what is of another type altogether.
func (r *report) dropWithin(errs field.ErrorList) {
	for _, e := range errs {
		if e.Type == field.ErrorTypeTypeInvalid {
			within := cleanPath(e.Field) + "."
			r.problems = slices.DeleteFunc(r.problems, func(p api.Problem) bool { return strings.HasPrefix(p.Path, within) })
		}
	}
}

// accepts says that an API server finds nothing in an object apart from its rules, and puts defaults in.
// False may also mean that it is not known.
func (v *crdVersion) accepts(object map[string]any) bool {
	_, status := object["status"]
	return !v.embeds && !(v.status && status) && v.acceptor.accepts(object)
}

// validate makes of an object what an API server does before it looks at the rules, and gives what
// that finds.
func (v *crdVersion) validate(r *report, object map[string]any) field.ErrorList {
	v.unknownFields(r, object)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, v.structural)
	defaulting.Default(object, v.structural)
	if v.status {
		delete(object, "status")
	}
	errs := validation.ValidateCustomResource(nil, object, v.values)
	if v.embeds {
		errs = append(errs, objectmeta.Validate(context.Background(), nil, object, v.structural, false)...)
	}
	return append(errs, listtype.ValidateListSetsAndMaps(nil, v.structural, object)...)
}

// brokenRules gives the rules of the CRD that an object breaks.
func (v *crdVersion) brokenRules(object map[string]any) field.ErrorList {
	budget := int64(celconfig.RuntimeCELCostBudget)
	if v.simple && v.rules.hold(object, &budget) {
		return nil
	}
	broken, _ := v.validator().Validate(context.Background(), nil, v.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return broken
}

// besides leaves out what is most likely said because of a field that is misspelt: that
// something is missing, or a rule broken, where that field stands.
func (r *report) besides(errs field.ErrorList) field.ErrorList {
	misspelt := make(map[string]bool)
	for _, p := range r.problems {
		if p.Reason == api.ReasonUnknownField {
			misspelt[parent(p.Path)] = true
		}
	}
	twice := make(map[string]bool) // lists, of which a rule most likely says the same
	for _, e := range errs {
		if e.Type == field.ErrorTypeDuplicate {
			twice[parent(cleanPath(e.Field))] = true
		}
	}
	return slices.DeleteFunc(errs, func(e *field.Error) bool {
		at := cleanPath(e.Field)
		return e.Type == field.ErrorTypeInvalid && twice[at] || e.Type == field.ErrorTypeRequired && misspelt[parent(at)] || e.Type == field.ErrorTypeInvalid && misspelt[at]
	})
}

// blocking says whether errors are such that rules cannot be evaluated, as the API server has it.
func blocking(errs field.ErrorList) bool {
	return slices.ContainsFunc(errs, func(e *field.Error) bool {
		switch e.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return true
		}
		return false
	})
}

// version finds the version that an object is written in; nil when it is not served.
func (d *crd) version(r *report, o Object) *crdVersion {
	v := d.versions[o.GVK.Version]
	if v != nil && v.served {
		if v.deprecation != nil {
			r.add(api.Warning, "apiVersion", api.ReasonDeprecatedAPIVersion, "", *v.deprecation)
		}
		return v
	}
	var served []string
	for _, name := range slices.Sorted(maps.Keys(d.versions)) {
		if d.versions[name].served {
			served = append(served, d.kind.Group+"/"+name)
		}
	}
	r.add(api.Error, "apiVersion", api.ReasonRemovedAPIVersion, "use "+orList(served), fmt.Sprintf("%s does not have the version %s", d.kind.Kind, o.GVK.Version))
	return nil
}

// unknownFields reports fields that the API server would drop, and drops them.
func (v *crdVersion) unknownFields(r *report, object map[string]any) {
	track := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	unknown := pruning.PruneWithOptions(object, v.structural, true, track)
	if v.embeds {
		// The metadata of the object itself is checked already.
		err, inMetadata := objectmeta.CoerceWithOptions(nil, object, v.structural, false, objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
		if err != nil {
			r.library(field.ErrorList{err})
		}
		unknown = append(unknown, inMetadata...)
	}
	for _, name := range unknown {
		at, field := v.locate(name)
		r.fail(at.field(field), api.ReasonUnknownField, unknownHint(field, at), "unknown field %q", field)
	}
}

// locate gives the level that an unknown field is on, and the field's name.
func (v *crdVersion) locate(unknown string) (at *path, field string) {
	s := v.structural
	at = &path{level: structural{s}}
	steps := strings.FieldsFunc(unknown, func(c rune) bool { return c == '.' || c == '[' || c == ']' })
	for i, step := range steps {
		if i == len(steps)-1 {
			return at, step
		}
		at = at.field(step)
		switch {
		case s == nil:
		case s.Items != nil:
			if index, err := strconv.Atoi(step); err == nil {
				at.name, at.index = "", index
			}
			s = s.Items
		case s.AdditionalProperties != nil:
			s = s.AdditionalProperties.Structural
		default:
			if p, ok := s.Properties[step]; ok {
				s = &p
			} else {
				s = nil
			}
		}
		at.level = structural{s}
	}
	return at, ""
}

// structural is a level of a CRD.
type structural struct{ *structuralschema.Structural }

func (s structural) fields() []string {
	if s.Structural == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.Properties))
}

func (s structural) within(field string) level {
	if s.Structural == nil {
		return nil
	}
	in, ok := s.Properties[field]
	for ok && in.Items != nil {
		in = *in.Items
	}
	if !ok || len(in.Properties) == 0 {
		return nil
	}
	return structural{&in}
}
