package crdtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
)

// kind validates objects as the API server does.
type kind struct {
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// kinds reads the CRDs and fails where the API server would not accept one.
func kinds(t *testing.T, files ...[]string) map[string]kind {
	found := map[string]kind{}
	for _, file := range slices.Concat(files...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var external apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &external); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		apiextensionsv1.SetDefaults_CustomResourceDefinition(&external)
		apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&external.Spec)
		for _, version := range external.Spec.Versions {
			if version.Storage {
				external.Status.StoredVersions = []string{version.Name}
			}
		}
		var internal apiextensions.CustomResourceDefinition
		if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&external, &internal, nil); err != nil {
			t.Fatal(err)
		}
		if errs := crdvalidation.ValidateCustomResourceDefinition(context.Background(), &internal); len(errs) > 0 {
			t.Fatalf("%s: the API server would refuse it: %v", file, errs.ToAggregate())
		}
		props := internal.Spec.Versions[0].Schema
		if props == nil {
			props = internal.Spec.Validation
		}
		structural, err := structuralschema.NewStructural(props.OpenAPIV3Schema)
		if err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
		if err != nil {
			t.Fatal(err)
		}
		found[external.Spec.Names.Kind] = kind{structural, validator, cel.NewValidator(structural, true, celconfig.PerCallLimit)}
	}
	return found
}

// validate sets defaults, then gives what the API server would refuse.
func (k kind) validate(object map[string]any) field.ErrorList {
	defaulting.Default(object, k.structural)
	errs := validation.ValidateCustomResource(nil, object, k.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, k.structural, object)...)
	if len(errs) == 0 {
		more, _ := k.rules.Validate(context.Background(), nil, k.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, more...)
	}
	return errs
}

// TestExamples compares CRD and admission on the examples in api/testdata. Good ones are
// accepted by both, with the same defaults; for bad ones, the line "# crd:" says what the
// CRD does.
func TestExamples(t *testing.T) {
	known := kinds(t, ourCRDs(t), gatewayCRDs(t))
	for name, text := range examples(t) {
		t.Run(name, func(t *testing.T) {
			k, ok := known[header(t, text).Kind]
			if !ok {
				return // a kind that is built into Kubernetes
			}
			var object map[string]any
			if err := yaml.Unmarshal(text, &object); err != nil {
				t.Fatal(err)
			}
			errs := k.validate(integers(object).(map[string]any))
			refused := strings.Contains(string(text), "# crd: refuses\n")
			if refused != (len(errs) > 0) {
				t.Errorf("got %v, want it refused: %v", errs.ToAggregate(), refused)
			}
			if strings.HasPrefix(name, "good/") {
				k.compareDefaults(t, text)
			}
		})
	}
}

// compareDefaults sets defaults with the CRD and with admission.
func (k kind) compareDefaults(t *testing.T, text []byte) {
	head := header(t, text)
	info, ok := api.Lookup(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind))
	if !ok {
		t.Fatalf("unknown kind %v", head)
	}
	if info.Kind == api.KindWorkload {
		return // the defaults of Kubernetes' own probe type are not in the CRD
	}
	byAdmission, byCRD := info.New(), info.New()
	if err := yaml.UnmarshalStrict(text, byAdmission); err != nil {
		t.Fatal(err)
	}
	if problems := admission.Admit(byAdmission); len(problems) > 0 {
		t.Errorf("admission: %v", problems)
	}
	var object map[string]any
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	if object["spec"] == nil {
		object["spec"] = map[string]any{} // a Fleet without a spec has the same defaults
	}
	delete(k.structural.Properties, "status") // defaults there are the API server's own
	defaulting.Default(object, k.structural)
	asJSON, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(asJSON, byCRD); err != nil {
		t.Fatal(err)
	}
	byCRD.GetObjectKind().SetGroupVersionKind(info.GVK)
	byCRD.SetNamespace(byAdmission.GetNamespace())
	if d := cmp.Diff(byCRD, byAdmission); d != "" {
		t.Errorf("defaults differ (- CRD, + admission):\n%s", d)
	}
}

// examples gives the texts of api/testdata by name.
func examples(t *testing.T) map[string][]byte {
	found := map[string][]byte{}
	for _, file := range glob(t, "../../api/testdata/good/*.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found["good/"+filepath.Base(file)] = text
	}
	for _, file := range glob(t, "../../api/testdata/bad/*.txtar") {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range archive.Files {
			found["bad/"+filepath.Base(file)+"/"+c.Name] = c.Data
		}
	}
	return found
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing is at %s: %v", pattern, err)
	}
	return files
}

func header(t *testing.T, text []byte) (head struct{ APIVersion, Kind string }) {
	t.Helper()
	if err := yaml.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	return head
}

func ourCRDs(t *testing.T) []string { return glob(t, "../../deploy/crds/*.yaml") }

// gatewayCRDs are those that come with the Go module, with the experimental fields.
func gatewayCRDs(t *testing.T) (files []string) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gatewayclasses", "gateways", "httproutes", "referencegrants"} {
		files = append(files, filepath.Join(strings.TrimSpace(string(dir)), "config/crd/experimental/gateway.networking.k8s.io_"+name+".yaml"))
	}
	return files
}

// integers turns whole numbers into int64, as the API server's decoder does.
func integers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = integers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case float64:
		return int64(v)
	}
	return v
}
