package traffic

import (
	udpav1 "github.com/cncf/xds/go/udpa/annotations"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// Redact overwrites everything in a message that Envoy's API marks as sensitive, such as
// private keys, wherever it is: udpa.annotations.sensitive.
func Redact(m proto.Message) error {
	return walk(m, func(m proto.Message) error {
		r := m.ProtoReflect()
		r.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if sensitive, _ := proto.GetExtension(fd.Options(), udpav1.E_Sensitive).(bool); sensitive {
				redactField(r, fd)
			}
			return true
		})
		return nil
	})
}

func redactField(r protoreflect.Message, fd protoreflect.FieldDescriptor) {
	source := (&corev3.DataSource{}).ProtoReflect().Descriptor()
	switch {
	case fd.IsList() || fd.IsMap():
		r.Clear(fd)
	case fd.Kind() == protoreflect.StringKind:
		r.Set(fd, protoreflect.ValueOfString(Redacted))
	case fd.Kind() == protoreflect.BytesKind:
		r.Set(fd, protoreflect.ValueOfBytes([]byte(Redacted)))
	case fd.Message() != nil && fd.Message().FullName() == source.FullName():
		if d, ok := r.Get(fd).Message().Interface().(*corev3.DataSource); ok && d.GetFilename() != "" {
			return // a path is no secret
		}
		r.Set(fd, protoreflect.ValueOfMessage((&corev3.DataSource{
			Specifier: &corev3.DataSource_InlineString{InlineString: Redacted},
		}).ProtoReflect()))
	default:
		r.Clear(fd)
	}
}
