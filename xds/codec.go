package xds

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that codec falls back to
	"google.golang.org/grpc/mem"
)

// encoded is a message that is encoded already: pieces that belong to everybody.
type encoded struct {
	pieces []mem.SliceBuffer
	unread *unread // those of the stream that it is for
}

// Buffers are the bytes of the message, as they are handed to gRPC. They are to be freed when the
// message has left.
func (m *encoded) Buffers() mem.BufferSlice {
	buffers := make(mem.BufferSlice, len(m.pieces), len(m.pieces)+1)
	for i := range m.pieces {
		buffers[i] = &m.pieces[i]
	}
	return append(buffers, m.unread.end())
}

// requestPool is memory for requests; gRPC's own pool takes a MiB for each that is above 32 KiB.
var requestPool = mem.NewTieredBufferPool(1<<10, 8<<10, 32<<10, 64<<10, 96<<10, 128<<10, 256<<10, 512<<10, 1<<20, 4<<20)

// codec hands encoded messages to gRPC as they are, has requests read themselves, and leaves all
// others to the usual codec.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Unmarshal reads requests that read themselves.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*deltaRequest); ok {
		r.memory = data.MaterializeToBuffer(requestPool)
		return r.Unmarshal(r.memory.ReadOnlyData())
	}
	return c.CodecV2.Unmarshal(data, v)
}

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*encoded)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	return m.Buffers(), nil
}
