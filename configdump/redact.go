package configdump

import (
	"github.com/cncf/xds/go/udpa/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// redacted is what Envoy puts in the place of what is secret.
// https://github.com/cncf/xds/blob/main/udpa/annotations/sensitive.proto
const redacted = "[redacted]"

// Redact replaces everything in a message that Envoy's API marks as sensitive, as Envoy itself
// does in its dumps: strings and bytes by a word, numbers by nothing. A part of a type that is
// not known here, which might hold a secret, is dropped.
func Redact(m proto.Message) { redact(m.ProtoReflect(), false) }

func redact(m protoreflect.Message, all bool) {
	if packed, ok := m.Interface().(*anypb.Any); ok {
		redactAny(packed, all)
		return
	}
	m.SetUnknown(nil)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		all := all || isSensitive(f)
		switch {
		case f.IsMap():
			redactMap(f, v.Map(), all)
		case f.IsList():
			redactList(f, v.List(), all)
		case f.Message() != nil:
			redact(v.Message(), all)
		case all:
			redactField(m, f)
		}
		return true
	})
}

func isSensitive(f protoreflect.FieldDescriptor) bool {
	sensitive, _ := proto.GetExtension(f.Options(), annotations.E_Sensitive).(bool)
	return sensitive
}

func redactField(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	if v, ok := placeholder(f); ok {
		m.Set(f, v)
		return
	}
	m.Clear(f)
}

// placeholder stands for a secret; numbers have none.
func placeholder(f protoreflect.FieldDescriptor) (protoreflect.Value, bool) {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(redacted), true
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(redacted)), true
	}
	return protoreflect.Value{}, false
}

func redactList(f protoreflect.FieldDescriptor, list protoreflect.List, all bool) {
	for i := range list.Len() {
		if f.Message() != nil {
			redact(list.Get(i).Message(), all)
		} else if v, ok := placeholder(f); all && ok {
			list.Set(i, v)
		}
	}
	if _, ok := placeholder(f); all && f.Message() == nil && !ok {
		list.Truncate(0)
	}
}

func redactMap(f protoreflect.FieldDescriptor, entries protoreflect.Map, all bool) {
	entries.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		if f.MapValue().Message() != nil {
			redact(v.Message(), all)
		} else if p, ok := placeholder(f.MapValue()); all && ok {
			entries.Set(k, p)
		} else if all {
			entries.Clear(k)
		}
		return true
	})
}

func redactAny(packed *anypb.Any, all bool) {
	inner, err := packed.UnmarshalNew()
	if err != nil {
		packed.Value = nil
		return
	}
	redact(inner.ProtoReflect(), all)
	if packed.Value, err = (proto.MarshalOptions{Deterministic: true}).Marshal(inner); err != nil {
		packed.Value = nil
	}
}
