package admission

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// The examples in api/testdata pass, or fail as their first lines say, both admission and
// the JSON Schemas; tools/crdtest checks CRDs with the same files.

func TestGoodExamples(t *testing.T) {
	for _, file := range examples(t, "good", "*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, value := example(t, file)
			if problems := Admit(value); len(problems) > 0 {
				t.Errorf("admission: %v", problems)
			}
			if err := validate(t, text, value); err != nil {
				t.Errorf("schema: %v", err)
			}
		})
	}
}

func TestBadExamples(t *testing.T) {
	for _, file := range examples(t, "bad", "*.txtar") {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range archive.Files {
			t.Run(filepath.Base(file)+"/"+c.Name, func(t *testing.T) {
				value := decode(t, c.Data)
				var got []string
				for _, p := range Admit(value) {
					got = append(got, string(p.Severity)+": "+string(p.Reason)+" "+p.Path)
				}
				want := append(remarks(c.Data, "error: "), remarks(c.Data, "warning: ")...)
				slices.Sort(got)
				slices.Sort(want)
				if len(want) == 0 || !slices.Equal(slices.Compact(got), want) {
					t.Errorf("admission: got %q, want %q", got, want)
				}
				schema := remarks(c.Data, "schema: ")
				if len(schema) == 0 {
					return
				}
				err := validate(t, c.Data, value)
				if refused := schema[0] == "schema: refuses"; refused != (err != nil) {
					t.Errorf("schema: got %v, want it refused: %v", err, refused)
				}
			})
		}
	}
}

func examples(t testing.TB, dir, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "testdata", dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	return files
}

// example reads a file into the Go type of its kind.
func example(t *testing.T, file string) ([]byte, api.Value) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text, decode(t, text)
}

func decode(t *testing.T, text []byte) api.Value {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	info, ok := api.Lookup(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind))
	if !ok {
		t.Fatalf("unknown kind %+v", head)
	}
	value := info.New()
	if err := yaml.UnmarshalStrict(text, value); err != nil {
		t.Fatal(err)
	}
	return value
}

// remarks gives the lines that begin with "# " and prefix, without the "# ".
func remarks(text []byte, prefix string) (found []string) {
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "# "); ok && strings.HasPrefix(rest, prefix) {
			found = append(found, strings.TrimSpace(rest))
		}
	}
	return found
}

// validate compares the text with the JSON Schema of the value's kind, if it is one of ours.
func validate(t *testing.T, text []byte, value api.Value) error {
	t.Helper()
	info, _ := api.KindOf(value)
	if info.GVK.Group != v1alpha1.GroupVersion.Group {
		return nil
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiled, err := compiler.Compile(filepath.Join("..", "..", "deploy", "schemas", strings.ToLower(string(info.Kind))+"_v1alpha1.json"))
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(document)
}
