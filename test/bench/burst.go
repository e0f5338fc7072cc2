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

// burstTable measures many changes in one second.
func burstTable() error {
	const clients, services, times = 10, 200, 10
	p, err := newPlane(crowd{services: 1000}, time.Minute)
	if err != nil {
		return err
	}
	defer p.close()
	var witnesses []*witness
	for n := range clients {
		w := &witness{states: map[string]int{}}
		c, err := newRaw(p.address, n, nil, w.note)
		if err != nil {
			return err
		}
		witnesses = append(witnesses, w)
		p.connect(c)
	}
	if err := p.awaitSync(clients); err != nil {
		return err
	}
	var all [][]translator.Change
	for nth := 1; nth <= times; nth++ { // of 200 Services, ten times each
		for i := range services {
			change, err := p.changed(i, nth)
			if err != nil {
				return err
			}
			all = append(all, change)
		}
	}
	for _, w := range witnesses {
		w.mu.Lock()
		w.responses, w.resources = 0, 0
		w.mu.Unlock()
	}
	before, _ := inUse()
	began := time.Now()
	for i, change := range all {
		if err := p.apply(change); err != nil {
			return err
		}
		time.Sleep(time.Until(began.Add(time.Second * time.Duration(i) / time.Duration(len(all)))))
	}
	ended := time.Now()
	if err := p.awaitSync(clients); err != nil {
		return err
	}
	synced := time.Since(ended)
	after, _ := inUse()
	responses, resources := 0, 0
	for _, w := range witnesses {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.reordered > 0 {
			return fmt.Errorf("%d older states came after newer ones", w.reordered)
		}
		for i := range services {
			if got := w.states[p.crowd.cluster(i)]; got != 100+times {
				return fmt.Errorf("a client has state %d of %s in the end, want %d", got, p.crowd.cluster(i), 100+times)
			}
		}
		responses += w.responses
		resources += w.resources
	}
	if resources > len(all)*clients {
		return errors.New("more is sent than has changed")
	}
	w := table()
	fmt.Fprintln(w, "changes\tin\tlast state everywhere after\tresponses of a client\tresources in them\tout of order\tmemory grew by\t")
	fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t0\t%.1f MiB\t\n", len(all), short(ended.Sub(began)), short(synced), responses/clients, resources/clients, (after-before)/(1<<20))
	return w.Flush()
}
