// Command schemagen writes a JSON Schema (draft-07, which editors know best) for every kind,
// from the CRDs. Its arguments are the directory of the CRDs and that of the schemas.
//
// A schema is stricter than the CRD where an editor can help: apiVersion, kind and
// metadata.name are required, and fields that the kind does not have are refused.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// crd is what is read of a CustomResourceDefinition.
type crd struct {
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Scope    string `json:"scope"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: schemagen CRDS SCHEMAS")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no CRDs in %s", from)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	used := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var c crd
		if err := yaml.Unmarshal(text, &c); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, version := range c.Spec.Versions {
			schema := version.Schema.OpenAPIV3Schema
			convert(schema, used)
			complete(schema, c.Spec.Group+"/"+version.Name, c.Spec.Names.Kind, c.Spec.Scope == "Namespaced")
			name := strings.ToLower(c.Spec.Names.Kind) + "_" + version.Name + ".json"
			if err := write(filepath.Join(to, name), schema); err != nil {
				return err
			}
		}
	}
	for rule := range rules {
		if !used[rule] {
			return fmt.Errorf("no CRD has the rule %q any more: change the table in rules.go", rule)
		}
	}
	return nil
}

// complete adds what the CRD leaves to the API server.
func complete(schema map[string]any, apiVersion, kind string, namespaced bool) {
	text := map[string]any{"type": "string"}
	texts := map[string]any{"type": "object", "additionalProperties": text}
	metadata := map[string]any{
		"name":        map[string]any{"type": "string", "minLength": 1, "maxLength": 253, "pattern": `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`},
		"labels":      texts,
		"annotations": texts,
	}
	if namespaced {
		metadata["namespace"] = map[string]any{"type": "string", "maxLength": 63, "pattern": `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`}
	}
	properties := schema["properties"].(map[string]any)
	properties["apiVersion"] = map[string]any{"const": apiVersion}
	properties["kind"] = map[string]any{"const": kind}
	properties["metadata"] = map[string]any{"type": "object", "properties": metadata, "required": []string{"name"}}
	required := []any{"apiVersion", "kind", "metadata"}
	if more, ok := schema["required"].([]any); ok {
		required = append(required, more...)
	}
	schema["required"] = required
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["title"] = kind + " (" + apiVersion + ")"
}

// convert turns an OpenAPI schema of a CRD, in place, into a JSON Schema.
func convert(schema map[string]any, used map[string]bool) {
	for _, rule := range list(schema["x-kubernetes-validations"]) {
		if add, ok := rules[rule["rule"].(string)]; ok {
			used[rule["rule"].(string)] = true
			add(schema)
		}
	}
	if schema["format"] == "int32" || schema["format"] == "int64" {
		delete(schema, "format")
	}
	for key := range schema {
		if strings.HasPrefix(key, "x-kubernetes-") {
			delete(schema, key)
		}
	}
	if properties, ok := schema["properties"].(map[string]any); ok {
		for _, p := range properties {
			convert(p.(map[string]any), used)
		}
		if _, set := schema["additionalProperties"]; !set {
			schema["additionalProperties"] = false
		}
	}
	for _, key := range []string{"additionalProperties", "items"} {
		if nested, ok := schema[key].(map[string]any); ok {
			convert(nested, used)
		}
	}
}

// list gives the maps in a list; nil for what is not a list.
func list(v any) (maps []map[string]any) {
	items, _ := v.([]any)
	for _, item := range items {
		maps = append(maps, item.(map[string]any))
	}
	return maps
}

func write(file string, schema map[string]any) error {
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
