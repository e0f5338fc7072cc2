package schema

import (
	"sync"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiserver/pkg/cel/common"
)

// celSchema is a level of a schema as CEL looks at it. model.Structural, which it wraps, makes a
// map of all properties whenever a rule looks at one of them, which was most of the time and memory that
// rules took; this one makes it once.
type celSchema struct {
	*model.Structural

	once       sync.Once
	properties map[string]common.Schema
	items      common.Schema
	values     common.SchemaOrBool
}

func newCELSchema(s *structuralschema.Structural) *celSchema {
	return &celSchema{Structural: &model.Structural{Structural: s}}
}

func (s *celSchema) level() *structuralschema.Structural { return s.Structural.Structural }

func (s *celSchema) read() {
	level := s.level()
	if level.Items != nil {
		s.items = newCELSchema(level.Items)
	}
	if v := level.AdditionalProperties; v != nil {
		s.values = celValues{v.Bool, nil}
		if v.Structural != nil {
			s.values = celValues{v.Bool, newCELSchema(v.Structural)}
		}
	}
	if level.Properties != nil {
		s.properties = make(map[string]common.Schema, len(level.Properties))
		for name, p := range level.Properties {
			s.properties[name] = newCELSchema(&p)
		}
	}
}

func (s *celSchema) Properties() map[string]common.Schema {
	s.once.Do(s.read)
	return s.properties
}

func (s *celSchema) Items() common.Schema {
	s.once.Do(s.read)
	return s.items
}

func (s *celSchema) AdditionalProperties() common.SchemaOrBool {
	s.once.Do(s.read)
	return s.values
}

func (s *celSchema) WithTypeAndObjectMeta() common.Schema {
	return newCELSchema(model.WithTypeAndObjectMeta(s.level()))
}

// celValues are the values of a map.
type celValues struct {
	allows bool
	schema common.Schema
}

func (v celValues) Schema() common.Schema { return v.schema }
func (v celValues) Allows() bool          { return v.allows }
