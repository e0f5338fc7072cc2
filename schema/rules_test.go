package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// Our way through the rules of a CRD finds exactly what the API server's validator finds, in all
// examples of the Gateway API, good and bad, and in what changing them at random makes of them.
func TestRulesHoldWhereTheValidatorFindsNothing(t *testing.T) {
	c := New(Options{})
	random := rand.New(rand.NewPCG(1, 2))
	held, broken := 0, 0
	for _, original := range gatewayAPIObjects(t) {
		object := original
		kind, _ := object["kind"].(string)
		group, version, _ := strings.Cut(object["apiVersion"].(string), "/")
		d := c.definitionOf(schema.GroupKind{Group: group, Kind: kind})
		if d == nil || d.versions[version] == nil {
			continue
		}
		v := d.versions[version]
		if err := v.compile(); err != nil || !v.simple {
			t.Fatalf("%s: %v, only the validator can evaluate it: %v", kind, err, !v.simple)
		}
		for range 40 {
			defaulting.Default(object, v.structural)
			budget := int64(celconfig.RuntimeCELCostBudget)
			errs, left := v.validator().Validate(context.Background(), nil, v.structural, object, nil, celconfig.RuntimeCELCostBudget)
			holds := v.rules.hold(object, &budget)
			if holds != (len(errs) == 0) {
				text, _ := json.Marshal(object)
				t.Fatalf("hold is %v, the validator says %v:\n%s", holds, errs, text)
			}
			if holds {
				held++
				if budget != left {
					t.Fatalf("the budget left is %d, the validator's %d", budget, left)
				}
				again := int64(celconfig.RuntimeCELCostBudget)
				if !v.rules.hold(object, &again) || again != left {
					t.Fatalf("asked again, the budget left is %d, the validator's %d", again, left)
				}
			} else {
				broken++
			}
			object = runtime.DeepCopyJSON(original)
			for range 1 + random.IntN(5) {
				disturb(random, object)
			}
		}
	}
	if held < 1000 || broken < 200 {
		t.Errorf("rules were held by %d and broken by %d objects: too few to say anything", held, broken)
	}
}

// disturb changes something somewhere: takes a field or item away, doubles an item, or turns a
// value into another.
func disturb(random *rand.Rand, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value { // the order of a map is random enough
			if name == "kind" || name == "apiVersion" || name == "metadata" {
				continue
			}
			if random.IntN(6) == 0 {
				delete(value, name)
			} else {
				value[name] = disturb(random, field)
			}
			break
		}
	case []any:
		if len(value) == 0 {
			return value
		}
		value = slices.Clone(value)
		i := random.IntN(len(value))
		switch random.IntN(5) {
		case 0:
			return append(value, value[i])
		case 1:
			return slices.Delete(value, i, i+1)
		}
		value[i] = disturb(random, value[i])
	case string:
		return []string{"", "*", "Exact", "PathPrefix", "/a//b", value + "x"}[random.IntN(6)]
	case int64, float64:
		return int64(random.IntN(1000))
	case bool:
		return !value
	}
	return value
}

// gatewayAPIObjects gives all examples of the Gateway API.
func gatewayAPIObjects(t *testing.T) []map[string]any {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, below := range []string{"examples", "hack/invalid-examples"} {
		err := filepath.WalkDir(filepath.Join(strings.TrimSpace(string(dir)), below), func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".yaml" {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, doc := range bytes.Split(text, []byte("\n---")) {
				text, err := yaml.YAMLToJSON(doc)
				if object, ok := new(report).read(text); err == nil && ok && object["apiVersion"] != nil {
					all = append(all, object)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
