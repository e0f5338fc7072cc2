package xds

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that codec falls back to
	"google.golang.org/grpc/mem"
)

// encoded is a message that is encoded already: pieces that belong to everybody.
type encoded struct{ pieces [][]byte }

// codec hands encoded messages to gRPC as they are, and leaves all others to the usual codec.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*encoded)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	buffers := make(mem.BufferSlice, 0, len(m.pieces))
	for _, p := range m.pieces {
		buffers = append(buffers, mem.SliceBuffer(p))
	}
	return buffers, nil
}
