package schema

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	openapi "k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/gateway-cp/gateway-cp/api"
)

const (
	crdGroup = apiextensions.GroupName
	crdKind  = "CustomResourceDefinition"
)

// crd is a CustomResourceDefinition. Its versions are compiled when the first object asks.
type crd struct {
	kind     schema.GroupKind
	at       api.Position
	internal *apiextensions.CustomResourceDefinition
	versions map[string]*crdVersion
}

type crdVersion struct {
	served      bool
	deprecation *string // what the API server warns of; nil: nothing
	status      bool    // status is a subresource: creating an object takes none
	props       *apiextensions.JSONSchemaProps

	once       sync.Once
	err        error
	structural *structuralschema.Structural
	values     validation.SchemaValidator
	acceptor   *acceptor // knows of most values that fit that they do
	rules      *rules
	simple     bool                  // rules are all that there are
	validator  func() *cel.Validator // says which rule is broken
	embeds     bool                  // whole objects are among the fields

	begun, ended atomic.Bool // checking the first object
}

// begin says whether an object may be checked now: it is the first, or that is done.
func (v *crdVersion) begin() bool {
	return v == nil || v.begun.CompareAndSwap(false, true) || v.ended.Load()
}

func (v *crdVersion) end() {
	if v != nil {
		v.ended.Store(true)
	}
}

// kindDefined gives the kind that a CRD is for, which may be one that cannot be used.
func kindDefined(o Object) schema.GroupKind {
	var d struct {
		Spec struct {
			Group string
			Names struct{ Kind string }
		}
	}
	_ = json.Unmarshal(o.JSON, &d) // what is wrong with it has been said
	return schema.GroupKind{Group: d.Spec.Group, Kind: d.Spec.Names.Kind}
}

// readCRD reads and checks a CRD that is handed in; nil when it cannot be used.
func readCRD(o Object) (*crd, []api.Problem) {
	r := &report{key: identity(o.Key, false)}
	k := builtinKind(o.GVK)
	object, ok := r.read(o.JSON)
	if !ok {
		return nil, r.problems
	}
	r.checkShape(new(path), k.shape, object)
	if hasError(r.problems) {
		return nil, r.problems
	}
	d, err := parseCRD(o.JSON)
	if err != nil {
		r.add(api.Error, "", api.ReasonInvalidField, "", err.Error())
		return nil, r.problems
	}
	for _, v := range d.internal.Spec.Versions {
		if v.Storage {
			d.internal.Status.StoredVersions = []string{v.Name}
		}
	}
	r.library(crdvalidation.ValidateCustomResourceDefinition(context.Background(), d.internal))
	for i, p := range r.problems {
		// What is the same in all versions, the library keeps where v1beta1 had it.
		for before, now := range map[string]string{"spec.validation.": "schema.", "spec.subresources": "subresources", "spec.additionalPrinterColumns": "additionalPrinterColumns"} {
			if rest, ok := strings.CutPrefix(p.Path, before); ok {
				r.problems[i].Path = "spec.versions[0]." + now + rest
			}
		}
	}
	if hasError(r.problems) {
		return nil, r.problems
	}
	d.at = o.Origin.At("")
	return d, r.problems
}

// embeddedCRD reads a CRD that is known to be good; nil only where the data is stale.
func embeddedCRD(text []byte) *crd {
	d, err := parseCRD(text)
	if err != nil {
		return nil
	}
	return d
}

func parseCRD(text []byte) (*crd, error) {
	var external apiextensionsv1.CustomResourceDefinition
	if err := json.Unmarshal(text, &external); err != nil {
		return nil, err
	}
	apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(&external)
	internal := new(apiextensions.CustomResourceDefinition)
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&external, internal, nil); err != nil {
		return nil, err
	}
	d := &crd{
		kind:     schema.GroupKind{Group: internal.Spec.Group, Kind: internal.Spec.Names.Kind},
		internal: internal,
		versions: make(map[string]*crdVersion),
	}
	for _, v := range internal.Spec.Versions {
		version := &crdVersion{served: v.Served}
		if s, err := apiextensions.GetSchemaForVersion(internal, v.Name); err == nil && s != nil {
			version.props = s.OpenAPIV3Schema
		}
		if s, err := apiextensions.GetSubresourcesForVersion(internal, v.Name); err == nil && s != nil {
			version.status = s.Status != nil
		}
		if v.Deprecated {
			text := fmt.Sprintf("%s/%s %s is deprecated", internal.Spec.Group, v.Name, internal.Spec.Names.Kind)
			if v.DeprecationWarning != nil {
				text = *v.DeprecationWarning
			}
			version.deprecation = &text
		}
		d.versions[v.Name] = version
	}
	return d, nil
}

// servedVersions gives the names of the versions of a CRD, without reading their schemas.
func servedVersions(text []byte) []string {
	var head struct {
		Spec struct {
			Versions []struct {
				Name   string
				Served bool
			}
		}
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil
	}
	var names []string
	for _, v := range head.Spec.Versions {
		if v.Served {
			names = append(names, v.Name)
		}
	}
	return names
}

// compile prepares a version as the API server does when it begins to serve it.
func (v *crdVersion) compile() error {
	v.once.Do(func() {
		if v.structural, v.err = structuralschema.NewStructural(v.props); v.err != nil {
			return
		}
		if v.err = defaulting.PruneDefaults(v.structural); v.err != nil {
			return
		}
		var values *openapi.Schema
		if v.values, values, v.err = validation.NewSchemaValidator(v.props); v.err != nil {
			return
		}
		v.acceptor = rootAcceptor(values, v.structural, v.status)
		v.rules, v.simple = findRules(v.structural, true, model.SchemaDeclType(v.structural, true))
		v.validator = sync.OnceValue(func() *cel.Validator {
			return cel.NewValidator(v.structural, true, celconfig.PerCallLimit)
		})
		visitor := structuralschema.Visitor{Structural: func(s *structuralschema.Structural) bool {
			v.embeds = v.embeds || s.XEmbeddedResource
			return false
		}}
		visitor.Visit(v.structural)
	})
	return v.err
}
