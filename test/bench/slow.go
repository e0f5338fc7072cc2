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

// others is how many clients there are beside the slow one.
const others = 10

// besideSlow is a plane with clients that read and one that stops to.
type besideSlow struct {
	*plane
	arrivals
	had  *versions // that the slow one has got
	stop atomic.Bool
}

func newBesideSlow(services int) (*besideSlow, error) {
	p, err := newPlane(crowd{services: services}, patience)
	if err != nil {
		return nil, err
	}
	b := &besideSlow{plane: p, arrivals: arrivals{all: make(chan struct{}, 1)}, had: newVersions()}
	for n := range others {
		if err := b.join(n, nil, b.note, nil); err != nil {
			return nil, err
		}
	}
	pause := make(chan struct{})
	go func() {
		for !b.stop.Load() {
			pause <- struct{}{}
		}
	}()
	if err := b.join(others, nil, b.had.note, pause); err != nil {
		return nil, err
	}
	return b, p.awaitSync(others + 1)
}

// join connects a client; see raw.
func (b *besideSlow) join(n int, had *versions, on func(response), pause <-chan struct{}) error {
	c, err := newRaw(b.address, n, had, on)
	if err != nil {
		b.close()
		return err
	}
	c.pause = pause
	b.connect(c)
	return nil
}

// isIn says whether the slow one is connected.
func (b *besideSlow) isIn() bool {
	return slices.ContainsFunc(b.server.Nodes(), func(n xds.Node) bool { return n.ID == fmt.Sprint("raw-", others) })
}

// returns has the slow one come back with what it had, and gives how many resources it is sent.
func (b *besideSlow) returns() (int64, error) {
	var sent atomic.Int64
	if err := b.join(others, b.had, func(r response) { sent.Add(int64(r.resources)) }, nil); err != nil {
		return 0, err
	}
	err := b.awaitSync(others + 1)
	return sent.Load(), err
}

// slowTable measures what a client that reads nothing costs the others.
func slowTable() error {
	const services = 1000
	const warmUp, quiet, changes = 500, 1500, 7000 // an odd number for each Service: all differ in the end
	b, err := newBesideSlow(services)
	if err != nil {
		return err
	}
	defer b.close()
	all, err := b.changes(services, warmUp+quiet+changes)
	if err != nil {
		return err
	}
	if _, _, err := b.run(b.plane, others, all[:warmUp]); err != nil {
		return err
	}
	median, p99, err := b.run(b.plane, others, all[warmUp:warmUp+quiet])
	if err != nil {
		return err
	}
	b.stop.Store(true)
	before, _ := inUse()
	began := time.Now()
	slowMedian, slowP99, err := b.run(b.plane, others, all[warmUp+quiet:])
	if err != nil {
		return err
	}
	lasted := time.Since(began)
	after, _ := inUse()
	cut := !b.isIn()
	sent, err := b.returns()
	if err != nil {
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
		patience, cut, (after-before)/(1<<20), sent, changes)
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
