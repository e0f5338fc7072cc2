package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gateway-cp/gateway-cp/schema/internal/data"
)

// shape is a type of a kind that is built into Kubernetes: the part of OpenAPI that its
// definitions use. See tools/schemas for how it is written.
type shape struct {
	Ref        string            `json:"ref"`    // another definition, instead of all else
	Type       string            `json:"type"`   // of JSON; empty: any
	Format     string            `json:"format"` // see format.go
	Required   []string          `json:"required"`
	Enum       []string          `json:"enum"`
	Items      *shape            `json:"items"`
	Values     *shape            `json:"values"` // of a map with any keys
	Properties map[string]*shape `json:"properties"`
	Closed     bool              `json:"closed"` // it has no fields at all

	name   string // of a definition
	once   sync.Once
	target *shape
	format func(r *report, p *path, v any) // see formats
	names  []string
}

// definitions are the shapes that were read so far.
var definitions sync.Map // name -> *shape

// definition gives a shape by its name; nil when there is none, which only stale data can cause.
func definition(name string) *shape {
	if s, ok := definitions.Load(name); ok {
		return s.(*shape)
	}
	text, ok := data.Builtin.Find("D " + name)
	if !ok {
		return nil
	}
	s := new(shape)
	if err := json.Unmarshal([]byte(text), s); err != nil {
		return nil
	}
	s.name = strings.TrimPrefix(name, "io.k8s.api.")
	cached, _ := definitions.LoadOrStore(name, s)
	return cached.(*shape)
}

// resolve follows the reference, and notes the names of the fields.
func (s *shape) resolve() *shape {
	s.once.Do(func() {
		s.target = s
		if s.Ref != "" {
			s.target = &shape{}
			if d := definition(s.Ref); d != nil {
				s.target = d.resolve()
			}
		}
		s.format = formats[s.Format]
		s.names = slices.Sorted(maps.Keys(s.Properties))
	})
	return s.target
}

func (s *shape) fields() []string { return s.resolve().names }

func (s *shape) within(field string) level {
	in := s.resolve().Properties[field]
	for in != nil && in.resolve().Items != nil {
		in = in.resolve().Items
	}
	if in == nil || len(in.fields()) == 0 {
		return nil
	}
	return in
}
