package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// patience is how long the server of slowTable waits for answers.
const patience = 20 * time.Second

// plane is a gateway in this process, with clients over gRPC.
type plane struct {
	*gateway
	address string
	ctx     context.Context
	close   func()
	wg      sync.WaitGroup
}

func newPlane(c crowd, answerTimeout time.Duration) (*plane, error) {
	limits := xds.DefaultLimits()
	limits.AnswerTimeout = answerTimeout
	g, err := newGateway(c, xds.WithLimits(limits))
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := grpc.NewServer(g.server.Options()...)
	g.server.Register(s)
	go func() { _ = s.Serve(l) }()
	p := &plane{gateway: g, address: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	p.ctx = ctx
	p.close = func() { cancel(); p.wg.Wait(); s.Stop() }
	return p, nil
}

// connect runs a client until its stream ends.
func (p *plane) connect(c *raw) {
	p.wg.Go(func() { _ = c.run(p.ctx); _ = c.conn.Close() })
}

// arrivals are the times that changes take until clients have them.
type arrivals struct {
	mu    sync.Mutex
	began time.Time // of the change that is on its way
	left  int       // clients that do not have it
	took  []time.Duration
	all   chan struct{}
}

func (a *arrivals) note(r response) {
	if r.url != resource.Endpoint.URL() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 {
		return
	}
	a.took = append(a.took, time.Since(a.began))
	if a.left--; a.left == 0 {
		a.all <- struct{}{}
	}
}

// run makes changes, 100 in a second, and returns the median and the 99th percentile of the
// times until each of the clients has each.
func (a *arrivals) run(p *plane, clients int, changes [][]translator.Change) (median, p99 time.Duration, err error) {
	a.took = nil
	for _, change := range changes {
		next := time.Now().Add(10 * time.Millisecond)
		a.mu.Lock()
		a.began, a.left = time.Now(), clients
		a.mu.Unlock()
		if err := p.apply(change); err != nil {
			return 0, 0, err
		}
		select {
		case <-a.all:
		case <-time.After(bound):
			return 0, 0, fmt.Errorf("a change does not arrive at %d clients", a.left)
		}
		time.Sleep(time.Until(next))
	}
	slices.Sort(a.took)
	return a.took[len(a.took)/2], a.took[len(a.took)*99/100], nil
}

// slowTable measures what a client that reads nothing costs the others.
func slowTable() error {
	const others, services, changes = 10, 1000, 7000 // an odd number for each Service: all differ in the end
	p, err := newPlane(crowd{services: services}, patience)
	if err != nil {
		return err
	}
	defer p.close()
	a := &arrivals{all: make(chan struct{}, 1)}
	for n := range others {
		c, err := newRaw(p.address, n, nil, a.note)
		if err != nil {
			return err
		}
		p.connect(c)
	}
	had := newVersions()
	slow, err := newRaw(p.address, others, nil, had.note)
	if err != nil {
		return err
	}
	var stop atomic.Bool
	pause := make(chan struct{})
	go func() {
		for !stop.Load() {
			pause <- struct{}{}
		}
	}()
	slow.pause = pause
	p.connect(slow)
	if err := p.awaitSync(others + 1); err != nil {
		return err
	}
	const warmUp, quiet = 500, 1500
	all, err := p.changes(services, warmUp+quiet+changes)
	if err != nil {
		return err
	}
	if _, _, err := a.run(p, others, all[:warmUp]); err != nil { // to warm up
		return err
	}
	median, p99, err := a.run(p, others, all[warmUp:warmUp+quiet])
	if err != nil {
		return err
	}
	stop.Store(true)
	before, _ := inUse()
	began := time.Now()
	slowMedian, slowP99, err := a.run(p, others, all[warmUp+quiet:])
	if err != nil {
		return err
	}
	lasted := time.Since(began)
	after, _ := inUse()
	cut := !slices.ContainsFunc(p.server.Nodes(), func(n xds.Node) bool { return n.ID == fmt.Sprint("raw-", others) })

	var sent atomic.Int64
	back, err := newRaw(p.address, others, had, func(r response) { sent.Add(int64(r.resources)) })
	if err != nil {
		return err
	}
	p.connect(back)
	if err := p.awaitSync(others + 1); err != nil {
		return err
	}
	w := table()
	fmt.Fprintln(w, "\tmedian\tp99\t")
	fmt.Fprintf(w, "all read\t%s\t%s\t\n", short(median), short(p99))
	fmt.Fprintf(w, "one does not, for %s\t%s\t%s\t\n", lasted.Round(time.Second), short(slowMedian), short(slowP99))
	fmt.Fprintf(w, "ratio\t%.2f\t%.2f\t\n", float64(slowMedian)/float64(median), float64(slowP99)/float64(p99))
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("It was cut off (the limit was %s): %t. Memory grew by %.1f MiB. When it came back it was sent\n%d resources for the %d changes that it had missed, the newest version of each.\n",
		patience, cut, (after-before)/(1<<20), sent.Load(), changes)
	return nil
}

// changes makes changes ready, of one Service after the other.
func (g *gateway) changes(services, n int) ([][]translator.Change, error) {
	all := make([][]translator.Change, n)
	for i := range all {
		var err error
		if all[i], err = g.changed(i%services, 1+i/services%2); err != nil {
			return nil, err
		}
	}
	return all, nil
}
