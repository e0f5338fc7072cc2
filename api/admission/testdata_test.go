package admission

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
)

// The examples in api/testdata pass, or fail as their first lines say, both admission and
// the JSON Schemas; tools/crdtest checks the CRDs with the same files.

func TestGoodExamples(t *testing.T) {
	for _, file := range examples(t, "good") {
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
	for _, file := range examples(t, "bad") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, value := example(t, file)
			want := remark(t, text, "admission")
			var got []string
			for _, p := range Admit(value) {
				if p.Severity == api.Error {
					got = append(got, string(p.Reason)+" "+p.Path)
				}
			}
			if len(got) == 0 || got[0] != want {
				t.Errorf("admission: got %q, want %q first", got, want)
			}
			err := validate(t, text, value)
			if refused := remark(t, text, "schema") == "refuses"; refused != (err != nil) {
				t.Errorf("schema: got %v, want it refused: %v", err, refused)
			}
		})
	}
}

func examples(t *testing.T, dir string) []string {
	files, err := filepath.Glob(filepath.Join("..", "testdata", dir, "*.yaml"))
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

// remark reads a line such as "# schema: refuses".
func remark(t *testing.T, text []byte, name string) string {
	t.Helper()
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "# "+name+": "); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatalf("there is no line %q", "# "+name+":")
	return ""
}

// validate compares the text with the JSON Schema of the value's kind.
func validate(t *testing.T, text []byte, value api.Value) error {
	t.Helper()
	info, _ := api.KindOf(value)
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
