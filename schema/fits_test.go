package schema

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Where an object fits, looking at each of its fields finds nothing, in objects of the kinds of Kubernetes
// and in what changing them at random makes of them; and almost all in which nothing is found fit.
func TestFitsWhereNothingIsFound(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	fit, missed, wrong := 0, 0, 0
	for _, original := range builtinObjects(t) {
		apiVersion, _ := original["apiVersion"].(string)
		gv, err := schema.ParseGroupVersion(apiVersion)
		if err != nil {
			continue
		}
		name, _ := original["kind"].(string)
		k := builtinKind(gv.WithKind(name))
		if k == nil || k.shape == nil {
			continue
		}
		for range 300 {
			object := runtime.DeepCopyJSON(original)
			for range random.IntN(5) {
				disturb(random, object)
			}
			r := new(report)
			r.checkShape(new(path), k.shape, object)
			switch fits := k.shape.fits(object); {
			case fits && len(r.problems) > 0:
				text, _ := json.Marshal(object)
				t.Fatalf("it fits, though %v:\n%s", r.problems, text)
			case fits:
				fit++
			case len(r.problems) == 0:
				missed++
			default:
				wrong++
			}
		}
	}
	if fit < 1000 || wrong < 200 || missed > fit/10 {
		t.Errorf("%d objects fit, %d do not though nothing is wrong, %d are wrong: too few to say anything", fit, missed, wrong)
	}
}

func builtinObjects(t *testing.T) (all []map[string]any) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range bytes.Split(text, []byte("\n---")) {
			text, err := yaml.YAMLToJSON(doc)
			if err != nil {
				t.Fatal(err)
			}
			if object, ok := new(report).read(text); ok {
				all = append(all, object)
			}
		}
	}
	return all
}
