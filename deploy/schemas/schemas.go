// Package schemas holds the JSON Schemas of gateway-cp's own kinds, for editors:
//
//	files, err := schemas.Files() // "rollout_v1alpha1.json": ..., "gateway-cp.json": all of them
//
// In: the files beside this one, which go generate makes of the CRDs. It knows nothing of ours.
package schemas

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed *.json
var embedded embed.FS

// All is the name of the schema for files with documents of any kind: each is checked by the
// schema of its own apiVersion and kind, and those of other kinds are let through.
const All = "gateway-cp.json"

// Files gives the schemas by the names of their files. It fails only when one is not JSON.
func Files() (map[string][]byte, error) {
	entries, err := embedded.ReadDir(".")
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(entries)+1)
	definitions := make(map[string]any, len(entries))
	var choices []any
	for _, entry := range entries {
		text, err := embedded.ReadFile(entry.Name())
		if err != nil {
			return nil, err
		}
		files[entry.Name()] = text
		var schema map[string]any
		if err := json.Unmarshal(text, &schema); err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		properties, _ := schema["properties"].(map[string]any)
		name := strings.TrimSuffix(entry.Name(), ".json")
		definitions[name] = schema
		choices = append(choices, map[string]any{
			"if": map[string]any{
				"properties": map[string]any{"apiVersion": properties["apiVersion"], "kind": properties["kind"]},
				"required":   []string{"apiVersion", "kind"},
			},
			"then": map[string]any{"$ref": "#/definitions/" + name},
		})
	}
	files[All], err = json.MarshalIndent(map[string]any{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "The kinds of gateway-cp",
		"allOf": choices, "definitions": definitions,
	}, "", "  ")
	return files, err
}
