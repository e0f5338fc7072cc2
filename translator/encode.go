package translator

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// message is an Envoy message that can check itself.
type message interface {
	proto.Message
	ValidateAll() error
}

// encoder turns messages into bytes and collects what their generated validation says. An
// Any is opaque to the validation of the message around it, so each is checked where it is
// made. The zero encoder is ready; one encoder serves one output.
type encoder struct {
	errs []error
}

// any wraps a typed extension. What is wrong with it makes the whole output invalid.
func (e *encoder) any(m message) *anypb.Any {
	return &anypb.Any{
		TypeUrl: "type.googleapis.com/" + string(m.ProtoReflect().Descriptor().FullName()),
		Value:   e.bytes(m),
	}
}

// bytes marshals a message, the same bytes for the same content each time: to Envoy, other
// bytes are another resource.
func (e *encoder) bytes(m message) []byte { return e.append(make([]byte, 0, e.size(m)), m) }

// size checks a message, and gives the length of its encoding.
func (e *encoder) size(m message) int {
	if err := m.ValidateAll(); err != nil {
		e.errs = append(e.errs, err)
	}
	return proto.Size(m)
}

// append appends the encoding of a message whose size was taken.
func (e *encoder) append(b []byte, m message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true, UseCachedSize: true}.MarshalAppend(b, m)
	if err != nil { // a string that is not UTF-8
		e.errs = append(e.errs, err)
	}
	return b
}

// content encodes what is under a key: the message of a head, or the elements of a part, each as the
// encoding of a resource that has nothing but this element (see resource.Output.Bytes). There are tens of
// thousands that stay; they are made in one piece, so that nothing between them is thrown away.
func (e *encoder) content(key resource.Key, elements ...message) []byte {
	var path []protowire.Number // of Protobuf fields, from the resource to its elements
	if key.Part != "" {
		path = partFields[key.Type]
	}
	sizes := make([]int, len(elements))
	total := 0
	for i, m := range elements {
		sizes[i] = e.size(m)
		total += sizeWithin(path, sizes[i])
	}
	if total == 0 {
		return nil
	}
	b := make([]byte, 0, total)
	for i, m := range elements {
		for depth, field := range path {
			b = protowire.AppendTag(b, field, protowire.BytesType)
			b = protowire.AppendVarint(b, uint64(sizeWithin(path[depth+1:], sizes[i])))
		}
		b = e.append(b, m)
	}
	return b
}

// sizeWithin is the length of the encoding of fields within each other, the innermost of which has a
// message of this size.
func sizeWithin(path []protowire.Number, size int) int {
	for _, field := range slices.Backward(path) {
		size = protowire.SizeTag(field) + protowire.SizeBytes(size)
	}
	return size
}

// result finishes an output with the content m. Where anything in it is invalid, the output
// says so, and a problem is put on the object that called for it: out.Sources[0].
func (e *encoder) result(key resource.Key, m message, out resource.Output, problems ...api.Problem) Result {
	out.Bytes = e.content(key, m)
	return e.finish(key, out, problems...)
}

// finish is result for an output that has its content already.
func (e *encoder) finish(key resource.Key, out resource.Output, problems ...api.Problem) Result {
	if err := errors.Join(e.errs...); err != nil {
		out.Invalid = true
		problem := api.Problem{
			Reason:   api.ReasonInvalidResource,
			Severity: api.Error,
			Message:  fmt.Sprintf("the Envoy %s %s made from it is invalid: %v", key.Type, partName(key), err),
			Hint:     "Envoys keep the last good version; change the field that the message speaks of",
		}
		if len(out.Sources) > 0 {
			problem.Object = out.Sources[0]
		}
		problems = append(problems, problem)
	}
	return Result{Key: key, Output: &out, Problems: problems}
}

// partFields is the path of Protobuf fields from a resource to its parts.
var partFields = [resource.NumTypes][]protowire.Number{
	resource.Listener: {3},    // filter_chains
	resource.Scope:    {5, 2}, // route_configuration.virtual_hosts
	resource.Route:    {2},    // virtual_hosts
}

func partName(k resource.Key) string {
	if k.Part == "" {
		return k.Name
	}
	return k.Name + " (" + k.Part + ")"
}
