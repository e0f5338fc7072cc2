package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
)

// witness sees what a client gets in a burst: how much, and whether an older state follows a
// newer one.
type witness struct {
	mu        sync.Mutex
	states    map[string]int // the newest state of each assignment, by name
	responses int
	resources int
	reordered int
}

func (w *witness) note(r response) {
	if r.url != resource.Endpoint.URL() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.responses++
	w.resources += r.resources
	r.each(func(name, _ string, b []byte) {
		state := stateIn(b)
		if state < w.states[name] {
			w.reordered++
		}
		w.states[name] = state
	})
}

// stateIn finds the address of an endpoint that tells the state: 10.0.1.1xx.
func stateIn(b []byte) int {
	const prefix = "10.0.1."
	i := bytes.Index(b, []byte(prefix))
	if i < 0 || i+len(prefix)+3 > len(b) {
		return -1
	}
	n, _ := strconv.Atoi(string(b[i+len(prefix) : i+len(prefix)+3]))
	return n
}

// watched is a plane with clients, each with a witness.
type watched struct {
	*plane
	witnesses []*witness
}

func newWatched(c crowd, clients int) (*watched, error) {
	p, err := newPlane(c, time.Minute)
	if err != nil {
		return nil, err
	}
	b := &watched{plane: p}
	for n := range clients {
		w := &witness{states: map[string]int{}}
		c, err := newRaw(p.address, n, nil, w.note)
		if err != nil {
			p.close()
			return nil, err
		}
		b.witnesses = append(b.witnesses, w)
		p.connect(c)
	}
	if err := p.awaitSync(clients); err != nil {
		p.close()
		return nil, err
	}
	for _, w := range b.witnesses {
		w.mu.Lock()
		w.responses, w.resources = 0, 0
		w.mu.Unlock()
	}
	return b, nil
}

// burst makes changes, spread over a second, and returns how long that took and how long after it
// all clients were in sync.
func (b *watched) burst(all [][]translator.Change) (in, synced time.Duration, err error) {
	began := time.Now()
	for i, change := range all {
		if err := b.apply(change); err != nil {
			return 0, 0, err
		}
		time.Sleep(time.Until(began.Add(time.Second * time.Duration(i) / time.Duration(len(all)))))
	}
	ended := time.Now()
	err = b.awaitSync(len(b.witnesses))
	return ended.Sub(began), time.Since(ended), err
}

// judge fails when a client has seen an older state after a newer one, or does not have the last
// one of a Service. It returns what all clients have got.
func (b *watched) judge(services, last int) (responses, resources int, err error) {
	for _, w := range b.witnesses {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.reordered > 0 {
			return 0, 0, fmt.Errorf("%d older states came after newer ones", w.reordered)
		}
		for i := range services {
			if got := w.states[b.crowd.cluster(i)]; got != last {
				return 0, 0, fmt.Errorf("a client has state %d of %s in the end, want %d", got, b.crowd.cluster(i), last)
			}
		}
		responses += w.responses
		resources += w.resources
	}
	return responses, resources, nil
}

// burstTable measures many changes in one second: of 200 Services, ten times each.
func burstTable() error {
	const clients, services, times = 10, 200, 10
	b, err := newWatched(crowd{services: 1000}, clients)
	if err != nil {
		return err
	}
	defer b.close()
	var all [][]translator.Change
	for nth := 1; nth <= times; nth++ {
		for i := range services {
			change, err := b.changed(i, nth)
			if err != nil {
				return err
			}
			all = append(all, change)
		}
	}
	before, _ := inUse()
	in, synced, err := b.burst(all)
	if err != nil {
		return err
	}
	after, _ := inUse()
	responses, resources, err := b.judge(services, 100+times)
	if err != nil {
		return err
	}
	if resources > len(all)*clients {
		return errors.New("more is sent than has changed")
	}
	w := table()
	fmt.Fprintln(w, "changes\tin\tlast state everywhere after\tresponses of a client\tresources in them\tout of order\tmemory grew by\t")
	fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t0\t%.1f MiB\t\n", len(all), short(in), short(synced), responses/clients, resources/clients, (after-before)/(1<<20))
	return w.Flush()
}
