package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// writeKubeconform writes a JSON Schema for each kind as kubeconform reads them, strict as those
// that it fetches are: GROUP_KIND_VERSION.json, lower case. The benchmark of validate compares with it.
func writeKubeconform(out, swagger string, crds ...string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := builtinSchemas(out, swagger); err != nil {
		return err
	}
	for _, dir := range crds {
		files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := crdSchemas(out, file); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

// builtinSchemas writes those of Kubernetes' own kinds.
func builtinSchemas(out, swagger string) error {
	text, err := os.ReadFile(swagger)
	if err != nil {
		return err
	}
	var doc struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	for _, d := range doc.Definitions {
		strict(d)
	}
	for name, format := range formats {
		if format.Format == "quantity" || format.Format == "int-or-string" {
			doc.Definitions[name] = map[string]any{"type": []string{"string", "number"}}
		}
	}
	for _, d := range doc.Definitions {
		var kinds []gvk
		data, err := json.Marshal(d["x-kubernetes-group-version-kind"])
		if err != nil || json.Unmarshal(data, &kinds) != nil || len(kinds) != 1 {
			continue
		}
		needed := make(map[string]any)
		follow(d, doc.Definitions, needed)
		schema := map[string]any{"$schema": "http://json-schema.org/schema#", "definitions": needed}
		for key, value := range d {
			schema[key] = value
		}
		if err := writeSchema(out, kinds[0], schema); err != nil {
			return err
		}
	}
	return nil
}

// follow notes the definitions that a schema refers to.
func follow(schema any, all map[string]map[string]any, needed map[string]any) {
	switch s := schema.(type) {
	case map[string]any:
		if ref, ok := s["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, "#/definitions/")
			if _, seen := needed[name]; !seen {
				needed[name] = all[name]
				follow(all[name], all, needed)
			}
		}
		for _, value := range s {
			follow(value, all, needed)
		}
	case []any:
		for _, value := range s {
			follow(value, all, needed)
		}
	}
}

// crdSchemas writes those of a custom resource definition.
func crdSchemas(out, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var crd struct {
		Spec struct {
			Group string `json:"group"`
			Names struct {
				Kind string `json:"kind"`
			} `json:"names"`
			Versions []struct {
				Name   string `json:"name"`
				Schema struct {
					Schema map[string]any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return err
	}
	for _, v := range crd.Spec.Versions {
		strict(v.Schema.Schema)
		// The API server adds these fields to every object.
		if p, ok := v.Schema.Schema["properties"].(map[string]any); ok {
			p["metadata"] = map[string]any{"type": "object"}
		}
		if err := writeSchema(out, gvk{crd.Spec.Group, v.Name, crd.Spec.Names.Kind}, v.Schema.Schema); err != nil {
			return err
		}
	}
	return nil
}

// strict allows no other properties than those that an object has.
func strict(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, has := s["properties"].(map[string]any); has && s["additionalProperties"] == nil && s["type"] == "object" {
			s["additionalProperties"] = false
		}
		for _, value := range s {
			strict(value)
		}
	case []any:
		for _, value := range s {
			strict(value)
		}
	}
}

func writeSchema(out string, k gvk, schema map[string]any) error {
	data, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	group := k.Group
	if group == "" {
		group = k.Version // the part of apiVersion before the slash, which is how kubeconform sees it
	}
	name := strings.ToLower(strings.Join([]string{group, k.Kind, k.Version}, "_")) + ".json"
	return os.WriteFile(filepath.Join(out, name), data, 0o644)
}
