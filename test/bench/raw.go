package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/resource"
)

// rawCodec passes messages on as bytes.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// raw is a client with a connection of its own that asks for what an Envoy asks for, decodes
// next to nothing and acknowledges everything.
type raw struct {
	node []byte
	conn *grpc.ClientConn
	// had are the versions that the client came with, or nil.
	had *versions
	// on is called with every response, before it is acknowledged.
	on func(response)
	// pause, if not nil, is waited for before each response is read.
	pause <-chan struct{}
	got   int // endpoint assignments
}

// versions are what clients have, the same for all of them.
type versions struct {
	mu       sync.Mutex
	of       map[string]map[string]string // by type URL and name
	requests map[string][]byte            // made of them, by type URL, without node
}

func newVersions() *versions { return &versions{of: map[string]map[string]string{}} }

// note adds what is in a response.
func (v *versions) note(r response) {
	v.mu.Lock()
	defer v.mu.Unlock()
	of := v.of[r.url]
	if of == nil {
		of = map[string]string{}
		v.of[r.url] = of
	}
	r.each(func(name, version string, _ []byte) {
		if of[name] != version {
			of[name], v.requests = version, nil
		}
	})
}

// request is what a client says that comes back with the versions.
func (v *versions) request(t resource.Type) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.requests == nil {
		v.requests = map[string][]byte{}
	}
	if r := v.requests[t.URL()]; r != nil {
		return r
	}
	of := v.of[t.URL()]
	var names []string
	if t == resource.Endpoint {
		for name := range of {
			names = append(names, name)
		}
	}
	r := request(nil, t, names, of)
	v.requests[t.URL()] = r
	return r
}

// reconnect is how often clients try to connect. Envoy waits half a second and more.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.5, Jitter: 0.5, MaxDelay: 300 * time.Millisecond},
	MinConnectTimeout: 10 * time.Second,
}

// newRaw makes a client without connecting it. Buffers and windows are small.
func newRaw(address string, n int, had *versions, on func(response)) (*raw, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithReadBufferSize(4<<10), grpc.WithDisableServiceConfig(), grpc.WithConnectParams(reconnect),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true), grpc.MaxCallRecvMsgSize(1<<30), grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		return nil, err
	}
	return &raw{node: nodeField(fmt.Sprint("raw-", n)), conn: conn, had: had, on: on}, nil
}

// run talks with the server until the stream ends.
func (c *raw) run(ctx context.Context) error {
	stream, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
		"/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources")
	if err != nil {
		return err
	}
	send := func(b []byte) error { return stream.SendMsg(&b) }
	types := wildcards
	if c.had != nil {
		types = append([]resource.Type{resource.Endpoint}, types...)
	}
	for i, t := range types {
		b := request(nil, t, nil, nil)
		if c.had != nil {
			b = c.had.request(t)
		}
		if i == 0 {
			b = append(append([]byte(nil), c.node...), b...)
		}
		if err := send(b); err != nil {
			return errors.Join(err, stream.RecvMsg(&b))
		}
	}
	for {
		if c.pause != nil {
			select {
			case <-c.pause:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var b []byte
		if err := stream.RecvMsg(&b); err != nil {
			return err
		}
		r, err := parseResponse(b)
		if err != nil {
			return err
		}
		if c.on != nil {
			c.on(r)
		}
		if r.url == resource.Endpoint.URL() {
			c.got += r.resources
		}
		if r.url == resource.Cluster.URL() && r.resources > 0 && c.had == nil {
			var names []string
			r.each(func(name, _ string, _ []byte) { names = append(names, name) })
			if err := send(request(nil, resource.Endpoint, names, nil)); err != nil {
				return err
			}
		}
		if err := send(ack(r)); err != nil {
			return err
		}
	}
}

// runAll runs clients until ctx ends. One whose stream ends connects again, with the versions that
// all have if it has got everything.
func runAll(ctx context.Context, clients []*raw, had *versions) {
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := c.run(ctx); ctx.Err() == nil && status.Code(err) != codes.Unavailable {
					fmt.Fprintln(os.Stderr, "a client's stream has ended:", err)
				}
				if had.complete(c.got) {
					c.had = had
				}
			}
		})
	}
	wg.Wait()
}

// complete says whether so many endpoint assignments are all that there are.
func (v *versions) complete(endpoints int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(v.of[resource.Endpoint.URL()])
	return n > 0 && endpoints >= n && n == len(v.of[resource.Cluster.URL()])
}
