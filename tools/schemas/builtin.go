package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

// shape is a definition as package schema reads it.
type shape struct {
	Ref        string            `json:"ref,omitempty"`
	Type       string            `json:"type,omitempty"`
	Format     string            `json:"format,omitempty"`
	Required   []string          `json:"required,omitempty"`
	Enum       []string          `json:"enum,omitempty"`
	Items      *shape            `json:"items,omitempty"`
	Values     *shape            `json:"values,omitempty"`
	Properties map[string]*shape `json:"properties,omitempty"`
	Closed     bool              `json:"closed,omitempty"`
}

// kind says what is known of one group, version and kind.
type kind struct {
	Definition  string `json:"definition,omitempty"`
	Namespaced  bool   `json:"namespaced,omitempty"`
	Deprecated  string `json:"deprecated,omitempty"`  // since which version of Kubernetes
	Removed     string `json:"removed,omitempty"`     // from which version of Kubernetes on
	Replacement string `json:"replacement,omitempty"` // apiVersion and kind
}

// formats are the types that have their own way to read JSON.
var formats = map[string]shape{
	"io.k8s.apimachinery.pkg.api.resource.Quantity":                 {Format: "quantity"},
	"io.k8s.apimachinery.pkg.util.intstr.IntOrString":               {Format: "int-or-string"},
	"io.k8s.apimachinery.pkg.apis.meta.v1.Time":                     {Type: "string", Format: "date-time"},
	"io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime":                {Type: "string", Format: "micro-time"},
	"io.k8s.apimachinery.pkg.apis.meta.v1.Duration":                 {Type: "string", Format: "duration"},
	"io.k8s.apimachinery.pkg.runtime.RawExtension":                  {Type: "object"},
	"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1":                 {Type: "object"},
	"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": {},
}

// builtin writes a line per kind ("K apps/v1 Deployment" and JSON) and per definition ("D name"
// and JSON), and "V" with the version of Kubernetes, sorted, so that a reader finds one without reading the others.
func builtin(swagger, version string) ([]byte, error) {
	lines := map[string]any{"V": version}
	defs := openapi.GetOpenAPIDefinitions(func(name string) spec.Ref { return spec.MustCreateRef(name) })
	kinds, err := kindsOf(swagger)
	if err != nil {
		return nil, err
	}
	lifecycle(kinds)
	wanted := make(map[string]bool)
	for name, k := range kinds {
		lines["K "+name] = k
		if k.Definition == "" {
			continue
		}
		if _, there := defs[k.Definition]; !there {
			return nil, fmt.Errorf("%s: no definition %s", name, k.Definition)
		}
		reach(defs, k.Definition, wanted)
	}
	for name := range wanted {
		s := convert(defs[name].Schema)
		s.Closed = s.Type == "object" && s.Properties == nil && s.Values == nil
		if f, special := formats[name]; special {
			s = &f
		}
		lines["D "+name] = s
	}
	return encode(lines)
}

func encode(lines map[string]any) ([]byte, error) {
	var out bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		text, err := json.Marshal(lines[key])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%s\t%s\n", key, text)
	}
	return out.Bytes(), nil
}

// reach notes a definition and all that it refers to.
func reach(defs map[string]common.OpenAPIDefinition, name string, seen map[string]bool) {
	if seen[name] {
		return
	}
	seen[name] = true
	for _, ref := range convert(defs[name].Schema).refs() {
		reach(defs, ref, seen)
	}
}

func (s *shape) refs() []string {
	if s == nil {
		return nil
	}
	refs := slices.Concat(s.Items.refs(), s.Values.refs())
	if s.Ref != "" {
		refs = append(refs, s.Ref)
	}
	for _, p := range s.Properties {
		refs = append(refs, p.refs()...)
	}
	return refs
}

func convert(in spec.Schema) *shape {
	out := &shape{Format: in.Format, Required: in.Required}
	if ref := in.Ref.String(); ref != "" {
		out.Ref = ref
	}
	if len(in.AllOf) == 1 && in.AllOf[0].Ref.String() != "" {
		out.Ref = in.AllOf[0].Ref.String()
	}
	if len(in.Type) == 1 {
		out.Type = in.Type[0]
	}
	for _, e := range in.Enum {
		if s, ok := e.(string); ok {
			out.Enum = append(out.Enum, s)
		}
	}
	if in.Items != nil && in.Items.Schema != nil {
		out.Items = convert(*in.Items.Schema)
	}
	if in.AdditionalProperties != nil && in.AdditionalProperties.Schema != nil {
		out.Values = convert(*in.AdditionalProperties.Schema)
	}
	for name, p := range in.Properties {
		if out.Properties == nil {
			out.Properties = make(map[string]*shape)
		}
		out.Properties[name] = convert(p)
	}
	if out.Ref != "" {
		return &shape{Ref: out.Ref}
	}
	return out
}

// kindsOf reads which kinds are served, and where.
func kindsOf(swagger string) (map[string]*kind, error) {
	text, err := os.ReadFile(swagger)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Definitions map[string]struct {
			Kinds []gvk `json:"x-kubernetes-group-version-kind"`
		} `json:"definitions"`
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	kinds := make(map[string]*kind)
	for name, d := range doc.Definitions {
		if len(d.Kinds) == 1 && !strings.HasSuffix(d.Kinds[0].Kind, "List") {
			kinds[d.Kinds[0].String()] = &kind{Definition: name}
		}
	}
	for path, methods := range doc.Paths {
		var post struct {
			Kind gvk `json:"x-kubernetes-group-version-kind"`
		}
		if methods["post"] == nil || !strings.Contains(path, "/namespaces/{namespace}/") || strings.Contains(path, "{name}") {
			continue
		}
		if err := json.Unmarshal(methods["post"], &post); err != nil {
			return nil, err
		}
		if k := kinds[post.Kind.String()]; k != nil {
			k.Namespaced = true
		}
	}
	return kinds, nil
}

type gvk struct{ Group, Version, Kind string }

func (g gvk) String() string {
	if g.Group == "" {
		return g.Version + " " + g.Kind
	}
	return g.Group + "/" + g.Version + " " + g.Kind
}
