package xds

import (
	"context"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
)

// wire leads to a server until it is cut: then nothing goes through any more, and neither side
// is told.
type wire struct {
	to    string
	isCut atomic.Bool
}

func (w *wire) cut() { w.isCut.Store(true) }

func (w *wire) dialer() grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", w.to)
		if err != nil {
			return nil, err
		}
		return wireConn{conn, w}, nil
	})
}

type wireConn struct {
	net.Conn
	wire *wire
}

// Write loses everything once the wire is cut. What arrives needs no such care: without an
// answer it is as good as lost.
func (c wireConn) Write(p []byte) (int, error) {
	if c.wire.isCut.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}
