package admission

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
)

// FuzzAdmit decodes bytes into each kind. Admission must not panic, must only speak of the
// object, and must change nothing when it runs on its own result.
func FuzzAdmit(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, info := range api.Kinds() {
			value := info.New()
			if json.Unmarshal(data, value) != nil {
				continue
			}
			problems := admit(value, now)
			for _, p := range problems {
				if p.Object.Kind != info.Kind || p.Reason == "" || p.Severity == "" || p.Message == "" || p.Hint == "" {
					t.Errorf("incomplete problem %+v", p)
				}
			}
			once := value.DeepCopyObject()
			again := admit(value, now)
			if d := cmp.Diff(problems, again); d != "" {
				t.Errorf("%s: problems differ when admitted again:\n%s", info.Kind, d)
			}
			if d := cmp.Diff(once, value.DeepCopyObject()); d != "" {
				t.Errorf("%s: changed when admitted again:\n%s", info.Kind, d)
			}
		}
	})
}

// seeds are the examples in api/testdata, as JSON.
func seeds(f *testing.F) (found [][]byte) {
	var texts [][]byte
	for _, file := range examples(f, "good", "*.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, text)
	}
	for _, file := range examples(f, "bad", "*.txtar") {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range archive.Files {
			texts = append(texts, c.Data)
		}
	}
	for _, text := range texts {
		asJSON, err := yaml.YAMLToJSON(text)
		if err != nil {
			f.Fatal(err)
		}
		found = append(found, asJSON)
	}
	return append(found, []byte(`{"metadata":{"name":"a"},"type":"kubernetes.io/tls","stringData":{"tls.crt":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n","tls.key":"x"}}`))
}
