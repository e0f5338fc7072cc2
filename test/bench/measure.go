package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/grpc"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// figures are what one change costs in the process, server and clients together.
type figures struct {
	median      time.Duration // from the change to the bytes at the last client
	allocations float64
}

// bed is a control plane with its clients.
type bed struct {
	clients []*client
	change  func(nth int) error
	close   func()
}

// gatewayBed is gateway-cp with clients that ask for what an Envoy asks for.
func gatewayBed(g *gateway, clients int) (*bed, error) {
	conn, stop, err := serve(g.server.Options(), func(s *grpc.Server) { g.server.Register(s) })
	if err != nil {
		return nil, err
	}
	var states [2][]translator.Change // made before, as a source has them ready
	for n := range states {
		if states[n], err = g.changed(g.crowd.services/2, n+1); err != nil {
			return nil, err
		}
	}
	b := &bed{close: stop, change: func(nth int) error { return g.apply(states[nth%2]) }}
	return b, b.connectAll(conn, g, clients)
}

// connectAll connects clients that ask for what an Envoy asks for, and waits until they have
// acknowledged everything.
func (b *bed) connectAll(conn *grpc.ClientConn, g *gateway, clients int) error {
	if err := b.connect(conn, g.crowd, clients, wildcards...); err != nil {
		return err
	}
	for end := time.Now().Add(bound); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(g.server.Fleet(), func(e xds.EnvoyStatus) bool { return !e.InSync() }) {
			return nil
		}
	}
	b.close()
	return errors.New("the clients do not acknowledge everything")
}

// cacheBed is a cache of go-control-plane with clients that ask for endpoints.
func cacheBed(c crowd, cache cachev3.Cache, change func(int) error, clients int) (*bed, error) {
	conn, stop, err := serve(nil, registerCache(cache))
	if err != nil {
		return nil, err
	}
	b := &bed{close: stop, change: change}
	return b, b.connect(conn, c, clients)
}

func (b *bed) connect(conn *grpc.ClientConn, c crowd, clients int, types ...resource.Type) error {
	for n := range clients {
		cl, err := connect(conn, n, c, types...)
		if err != nil {
			b.close()
			return err
		}
		b.clients = append(b.clients, cl)
	}
	return nil
}

// once makes a change and waits until all clients have it.
func (b *bed) once(nth int) error {
	if err := b.change(nth); err != nil {
		return err
	}
	for _, c := range b.clients {
		if err := c.wait(); err != nil {
			return err
		}
	}
	return nil
}

// measure makes changes, the first of them to warm up.
func (b *bed) measure(changes int) (f figures, err error) {
	warmUp := changes/10 + 2
	nth := 1 // 0 is how it is
	for ; nth < warmUp; nth++ {
		if err := b.once(nth); err != nil {
			return f, err
		}
	}
	runtime.GC()
	took := make([]time.Duration, changes)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range took {
		began := time.Now()
		if err := b.once(nth + i); err != nil {
			return f, err
		}
		took[i] = time.Since(began)
	}
	runtime.ReadMemStats(&after)
	slices.Sort(took)
	f.median = took[len(took)/2]
	f.allocations = float64(after.Mallocs-before.Mallocs) / float64(changes)
	return f, nil
}

// ofFiles measures from the write of a file to the bytes at a client.
func ofFiles(c crowd, changes int) (f figures, err error) {
	dir, err := os.MkdirTemp("", "gateway-cp-bench-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	folder, err := newFolder(c, dir)
	if err != nil {
		return f, err
	}
	g := &gateway{crowd: c, translator: translator.New(), server: xds.NewServer(slog.New(slog.DiscardHandler))}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- folder.follow(ctx, g, ready) }()
	defer func() { cancel(); err = errors.Join(err, <-ended) }()
	select {
	case <-ready:
	case <-time.After(bound):
		return f, errors.New("the folder is not read")
	}
	conn, stop, err := serve(g.server.Options(), func(s *grpc.Server) { g.server.Register(s) })
	if err != nil {
		return f, err
	}
	defer stop()
	b := &bed{close: stop, change: folder.change}
	if err := b.connectAll(conn, g, 1); err != nil {
		return f, err
	}
	return b.measure(changes)
}
