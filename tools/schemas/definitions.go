package main

import (
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// definitions writes a line per custom resource definition: "C group kind" and JSON.
func definitions(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	lines := make(map[string]any)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var crd map[string]any
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return nil, err
		}
		if crd["kind"] != "CustomResourceDefinition" {
			continue
		}
		spec := crd["spec"].(map[string]any)
		kind := spec["names"].(map[string]any)["kind"].(string)
		for _, v := range spec["versions"].([]any) {
			version := v.(map[string]any)
			delete(version, "additionalPrinterColumns")
			undescribe(version["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any))
		}
		crd["metadata"] = map[string]any{"name": crd["metadata"].(map[string]any)["name"]}
		delete(crd, "status")
		lines["C "+spec["group"].(string)+" "+kind] = crd
	}
	return encode(lines)
}

// undescribe takes the descriptions out of a schema; a property may have that name as well.
func undescribe(schema map[string]any) {
	delete(schema, "description")
	for key, value := range schema {
		switch key {
		case "properties":
			for _, p := range value.(map[string]any) {
				undescribe(p.(map[string]any))
			}
		case "items", "additionalProperties", "not":
			if s, ok := value.(map[string]any); ok {
				undescribe(s)
			}
		case "allOf", "anyOf", "oneOf":
			for _, s := range value.([]any) {
				undescribe(s.(map[string]any))
			}
		}
	}
}
