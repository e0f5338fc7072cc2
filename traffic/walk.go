package traffic

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// walk calls visit for a message and every message in it, outer ones first, also for what is
// wrapped in an Any, which is wrapped again afterwards. It fails on an Any of a type that this
// program does not know.
func walk(m proto.Message, visit func(proto.Message) error) error {
	if a, ok := m.(*anypb.Any); ok {
		if a.TypeUrl == "" {
			return nil
		}
		inner, err := a.UnmarshalNew()
		if err != nil {
			return fmt.Errorf("%s: %w", a.TypeUrl, err)
		}
		if err := walk(inner, visit); err != nil {
			return err
		}
		a.Value, err = proto.MarshalOptions{Deterministic: true}.Marshal(inner)
		return err
	}
	if err := visit(m); err != nil {
		return err
	}
	var failed error
	each := func(v protoreflect.Value) {
		if failed == nil {
			failed = walk(v.Message().Interface(), visit)
		}
	}
	m.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			if fd.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { each(v); return failed == nil })
			}
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				each(v.List().Get(i))
			}
		default:
			each(v)
		}
		return failed == nil
	})
	return failed
}
