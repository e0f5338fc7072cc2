// Command referencedoc writes the page that lists the fields of our own kinds, from the CRDs,
// whose descriptions are the comments in api/v1alpha1. Its arguments are the directory of the
// CRDs and the file to write.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// crd is what is read of a CustomResourceDefinition.
type crd struct {
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind       string   `json:"kind"`
			ShortNames []string `json:"shortNames"`
		} `json:"names"`
		Scope    string `json:"scope"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				OpenAPIV3Schema *schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// schema is what is read of an OpenAPI schema.
type schema struct {
	Type        string             `json:"type"`
	Description string             `json:"description"`
	Default     any                `json:"default"`
	Enum        []any              `json:"enum"`
	Minimum     *float64           `json:"minimum"`
	Maximum     *float64           `json:"maximum"`
	MinItems    *int64             `json:"minItems"`
	MaxItems    *int64             `json:"maxItems"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Items       *schema            `json:"items"`
	Values      *schema            `json:"additionalProperties"`
	IntOrString bool               `json:"x-kubernetes-int-or-string"`
	Rules       []struct {
		Rule    string `json:"rule"`
		Message string `json:"message"`
	} `json:"x-kubernetes-validations"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: referencedoc CRDS FILE")
	}
	text, err := page(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[2], text, 0o644); err != nil {
		log.Fatal(err)
	}
}

func page(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no CRDs in %s", dir)
	}
	var b bytes.Buffer
	b.WriteString(`<!-- Made from the comments in api/v1alpha1 by go generate ./api/v1alpha1. Do not edit. -->
# Fields of Fleet, Rollout and Workload

All other kinds are those of [Kubernetes](https://kubernetes.io/docs/reference/kubernetes-api/) and the
[Gateway API](https://gateway-api.sigs.k8s.io/reference/spec/). Every object also has ` + "`metadata`" + ` with a
` + "`name`" + `, optional ` + "`labels` and `annotations`" + `, and, unless it is a Fleet, a ` + "`namespace`" + `
("default" when it is left out). Durations are written like "90s" or "1h30m". ` + "`status`" + ` is written by
gateway-cp, and ignored in files.
`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var c crd
		if err := yaml.Unmarshal(text, &c); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, version := range c.Spec.Versions {
			if err := kind(&b, &c, version.Name, version.Schema.OpenAPIV3Schema); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return b.Bytes(), nil
}

func kind(b *bytes.Buffer, c *crd, version string, s *schema) error {
	fmt.Fprintf(b, "\n## %s\n\n`apiVersion: %s/%s`, `kind: %s`\n\n%s\n", c.Spec.Names.Kind, c.Spec.Group, version, c.Spec.Names.Kind, s.Description)
	for _, part := range []string{"spec", "status"} {
		top := s.Properties[part]
		if top == nil {
			continue
		}
		fmt.Fprintf(b, "\n### %s: %s\n\n%s\n", c.Spec.Names.Kind, part, meaning(top))
		b.WriteString("\n| Field | Type | Default | Meaning |\n|---|---|---|---|\n")
		if err := rows(b, "", top); err != nil {
			return err
		}
	}
	return nil
}

// rows writes the fields of an object, each followed by the fields in it, or in its items. No
// map has objects as values.
func rows(b *bytes.Buffer, prefix string, s *schema) error {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if left(s, name) {
			continue
		}
		f, path := s.Properties[name], prefix+name
		if f.Description == "" {
			return fmt.Errorf("%s has no description: write a comment on its Go field", path)
		}
		def, err := defaultOf(f)
		if err != nil {
			return err
		}
		if slices.Contains(s.Required, name) && def == "" {
			def = "required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", path, cell(typeOf(f)), cell(def), cell(meaning(f)))
		if name == "conditions" {
			continue // the same everywhere in Kubernetes
		}
		nested := path + "."
		if f.Items != nil {
			f, nested = f.Items, path+"[]."
		}
		if err := rows(b, nested, f); err != nil {
			return err
		}
	}
	return nil
}

// left out is a field that a rule forbids: it comes from a type of Kubernetes.
func left(s *schema, name string) bool {
	for _, r := range s.Rules {
		if r.Rule == "!has(self."+name+")" {
			return true
		}
	}
	return false
}

// meaning is the description, and what the rules say of what is allowed.
func meaning(s *schema) string {
	text := []string{s.Description}
	for _, of := range []*schema{s, s.Items, s.Values} {
		if of == nil {
			continue
		}
		for _, r := range of.Rules {
			if r.Message != "" {
				text = append(text, strings.ToUpper(r.Message[:1])+r.Message[1:]+".")
			}
		}
	}
	return strings.Join(slices.Compact(text), " ")
}

func typeOf(s *schema) string {
	switch {
	case s.IntOrString:
		return "number or text"
	case s.Items != nil:
		return "list of " + typeOf(s.Items) + between(s.MinItems, s.MaxItems)
	case s.Values != nil:
		return "map of text to " + typeOf(s.Values)
	case len(s.Enum) > 0:
		var choices []string
		for _, e := range s.Enum {
			choices = append(choices, fmt.Sprintf("%q", e))
		}
		return strings.Join(choices, ", ")
	}
	switch s.Type {
	case "string":
		return "text"
	case "integer":
		return "number" + between(s.Minimum, s.Maximum)
	case "boolean":
		return "true or false"
	}
	return s.Type
}

func between[T int64 | float64](least, most *T) string {
	switch {
	case least != nil && most != nil:
		return fmt.Sprintf(", %v to %v", *least, *most)
	case least != nil:
		return fmt.Sprintf(", %v or more", *least)
	case most != nil:
		return fmt.Sprintf(", at most %v", *most)
	}
	return ""
}

func defaultOf(s *schema) (string, error) {
	if s.Default == nil {
		return "", nil
	}
	text, err := json.Marshal(s.Default)
	if err != nil {
		return "", err
	}
	if string(text) == "{}" {
		return "", nil // that of its fields
	}
	if plain := strings.Trim(string(text), `"`); plain != "" {
		return "`" + plain + "`", nil
	}
	return "", nil
}

// cell fits a text into a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
