package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"syscall"
	"time"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// wire is a stream without a network: what the server hands to gRPC is at its client at once,
// which acknowledges it. So it shows what the server costs, and gRPC and clients do not.
type wire struct {
	grpc.ServerStream
	ctx      context.Context
	end      context.CancelFunc
	requests chan []byte
	got      chan<- received
}

// received is a response as it was handed over.
type received struct {
	of        *wire
	endpoints int // endpoint assignments in it
	at        time.Time
}

// server is one of gateway-cp or of go-control-plane.
type server interface {
	DeltaAggregatedResources(discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error
}

// newWire connects to a server, and subscribes to everything of the first types, and to the
// endpoints of a crowd by name.
func newWire(s server, n int, c crowd, got chan<- received, types ...resource.Type) *wire {
	w := &wire{requests: make(chan []byte, 16), got: got}
	w.ctx, w.end = context.WithCancel(context.Background())
	go func() {
		_ = s.DeltaAggregatedResources(&grpc.GenericServerStream[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]{ServerStream: w})
	}()
	node := nodeField(fmt.Sprint("wire-", n))
	for _, t := range types {
		w.requests <- request(node, t, nil, nil)
	}
	w.requests <- request(node, resource.Endpoint, c.clusters(), nil)
	return w
}

func (w *wire) Context() context.Context { return w.ctx }

// RecvMsg gives the server what the client says.
func (w *wire) RecvMsg(m any) error {
	select {
	case r := <-w.requests:
		if m, ok := m.(interface{ Unmarshal([]byte) error }); ok {
			return m.Unmarshal(r)
		}
		return proto.Unmarshal(r, m.(proto.Message))
	case <-w.ctx.Done():
		return io.EOF
	}
}

// SendMsg takes what the server says, as the bytes that gRPC would send.
func (w *wire) SendMsg(m any) error {
	at := time.Now()
	var b []byte
	var err error
	switch m := m.(type) {
	case interface{ Buffers() mem.BufferSlice }:
		buffers := m.Buffers()
		b = buffers.Materialize()
		buffers.Free()
	case proto.Message:
		if b, err = proto.Marshal(m); err != nil {
			return err
		}
		at = time.Now()
	}
	r, err := parseResponse(b)
	if err != nil {
		return err
	}
	w.requests <- ack(r)
	if r.url == resource.Endpoint.URL() {
		w.got <- received{w, r.resources, at}
	}
	return nil
}

// wires are the clients of one server.
type wires struct {
	all    []*wire
	got    chan received
	change func(nth int) error
}

func connectWires(s server, c crowd, clients int, change func(int) error, types ...resource.Type) (*wires, error) {
	b := &wires{got: make(chan received, clients), change: change}
	have := map[*wire]int{}
	for n := range clients {
		b.all = append(b.all, newWire(s, n, c, b.got, types...))
	}
	for full := 0; full < clients; {
		select {
		case r := <-b.got:
			if have[r.of] += r.endpoints; have[r.of] == c.services {
				full++
			}
		case <-time.After(bound):
			b.close()
			return nil, errors.New("the clients do not get everything")
		}
	}
	return b, nil
}

// gatewayWires are clients of gateway-cp that have acknowledged everything.
func gatewayWires(g *gateway, clients int) (*wires, error) {
	var states [2][]translator.Change // made before, as a source has them ready
	for n := range states {
		var err error
		if states[n], err = g.changed(g.crowd.services/2, n+1); err != nil {
			return nil, err
		}
	}
	change := func(nth int) error { return g.apply(states[nth%2]) }
	b, err := connectWires(g.server, g.crowd, clients, change, wildcards...)
	if err != nil {
		return nil, err
	}
	return b, g.awaitSync(clients)
}

// cacheWires are clients of a cache of go-control-plane.
func cacheWires(cache cachev3.Cache, c crowd, clients int, change func(int) error) (*wires, error) {
	return connectWires(serverv3.NewServer(context.Background(), cache, nil), c, clients, change)
}

func (b *wires) close() {
	for _, w := range b.all {
		w.end()
	}
}

// awaitSync waits until clients have acknowledged everything.
func (g *gateway) awaitSync(clients int) error {
	for end := time.Now().Add(bound); time.Now().Before(end); time.Sleep(time.Millisecond) {
		all := g.server.Summary()
		open := slices.DeleteFunc(all, func(e xds.EnvoyStatus) bool { return !e.Connected })
		if len(open) == clients && !slices.ContainsFunc(open, func(e xds.EnvoyStatus) bool { return !e.InSync() }) {
			return nil
		}
	}
	return errors.New("the clients do not acknowledge everything")
}

// once makes a change and waits until it is handed over for all clients.
func (b *wires) once(nth int) (time.Duration, error) {
	began := time.Now()
	if err := b.change(nth); err != nil {
		return 0, err
	}
	last := began
	for range b.all {
		select {
		case r := <-b.got:
			if r.endpoints != 1 {
				return 0, fmt.Errorf("%d assignments are sent, want one", r.endpoints)
			}
			if r.at.After(last) {
				last = r.at
			}
		case <-time.After(bound):
			return 0, errors.New("the change does not arrive")
		}
	}
	return last.Sub(began), nil
}

// cost is what a change costs: the time until all clients have it, and of the process, with
// the clients' acknowledgements, CPU and allocations.
type cost struct {
	median, cpu time.Duration
	allocations float64
}

// measure makes changes in rounds; the CPU time is that of the median round.
func (b *wires) measure(rounds, changes int) (c cost, err error) {
	var took, cpu []time.Duration
	var before, after runtime.MemStats
	nth := 1
	for range 2 + changes/10 {
		if _, err := b.once(nth); err != nil {
			return c, err
		}
		nth++
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range rounds {
		began := cpuTime()
		for range changes {
			d, err := b.once(nth)
			if err != nil {
				return c, err
			}
			took = append(took, d)
			nth++
		}
		cpu = append(cpu, (cpuTime()-began)/time.Duration(changes))
	}
	runtime.ReadMemStats(&after)
	slices.Sort(took)
	slices.Sort(cpu)
	c.median, c.cpu = took[len(took)/2], cpu[len(cpu)/2]
	c.allocations = float64(after.Mallocs-before.Mallocs) / float64(rounds*changes)
	return c, nil
}

// cpuTime is what this process has used, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// handedTable measures from the change of one EndpointSlice to the bytes that are handed to gRPC.
func handedTable(clients int) error {
	w := table()
	fmt.Fprintln(w, "Services\tgateway-cp CPU\tagainst 100\ttime\tallocs\tlinear cache CPU\ttime\tallocs\tCPU, times as much\t")
	var first cost
	for _, c := range crowds() {
		ours, err := handed(c, clients)
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		if c.services == sizes[0] {
			first = ours
		}
		linear, err := handedByLinear(c, clients)
		if err != nil {
			return fmt.Errorf("%s, linear cache: %w", c, err)
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\t%.0f\t%s\t%s\t%.0f\t%.0f×\t\n", c,
			short(ours.cpu), float64(ours.cpu)/float64(first.cpu), short(ours.median), ours.allocations,
			short(linear.cpu), short(linear.median), linear.allocations, float64(linear.cpu)/float64(ours.cpu))
	}
	return w.Flush()
}

func handed(c crowd, clients int) (cost, error) {
	g, err := newGateway(c)
	if err != nil {
		return cost{}, err
	}
	b, err := gatewayWires(g, clients)
	if err != nil {
		return cost{}, err
	}
	defer b.close()
	return b.measure(5, 2000/(1+clients/10))
}

func handedByLinear(c crowd, clients int) (cost, error) {
	g, err := newGateway(c)
	if err != nil {
		return cost{}, err
	}
	all, err := assignments(g)
	if err != nil {
		return cost{}, err
	}
	l := newLinear(c, all)
	b, err := cacheWires(l.cache, c, clients, l.change)
	if err != nil {
		return cost{}, err
	}
	defer b.close()
	return b.measure(1, max(2, min(500, 2_000_000/(c.services*clients))))
}
