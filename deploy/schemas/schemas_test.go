package schemas

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// The schema of all kinds tells documents apart: each is held against its own kind, others are not
// held against any.
func TestAllKinds(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 4 {
		t.Fatalf("%d files", len(files))
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(files[All]))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(All, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(All)
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		"{apiVersion: gateway-cp.io/v1alpha1, kind: Rollout, metadata: {name: a, namespace: b}, spec: {targetRef: {name: a}, versions: [{name: v, selector: {v: w}}], blueGreen: {active: v}}}": true,
		"{apiVersion: gateway-cp.io/v1alpha1, kind: Rollout, metadata: {name: a, namespace: b}, spec: {targetRev: {name: a}, versions: [{name: v, selector: {v: w}}], blueGreen: {active: v}}}": false,
		"{apiVersion: gateway-cp.io/v1alpha1, kind: Workload, metadata: {name: a}, spec: {addresses: [127.0.0.1]}}":                                                                             true,
		"{apiVersion: gateway-cp.io/v1alpha1, kind: Workload, metadata: {name: a}, spec: {addresses: 127.0.0.1}}":                                                                               false,
		"{apiVersion: gateway-cp.io/v1alpha1, kind: Fleet, metadata: {name: a}, sqec: {}}":                                                                                                      false,
		"{apiVersion: apps/v1, kind: Deployment, anything: 1}":                                                                                                                                  true,
	} {
		data, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
