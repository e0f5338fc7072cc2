package test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// sortedKeys gives the keys of a map in an order that chance can pick from again.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// retirement stops processes that no manifest names any more, once all Envoys have forgotten them.
// An Envoy that does not have one may still be about to hear of it, if the line is slow. So it
// waits until the control plane no longer has it, and then for what that Envoy acknowledges.
type retirement struct {
	f    *fleetFire
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	waiting []*leaving
	epoch   int // of the control plane: another process counts changes anew
	gone    int
	ending  sync.WaitGroup
}

// leaving is some processes of one kind.
type leaving struct {
	backends []*harness.Backend
	file     string // that is removed after their end; may be empty
	shop     int    // the version of "shop" that they are; 0 for others
	epoch    int
	change   uint64 // that must be acknowledged; 0 while it is not known
}

func newRetirement(f *fleetFire) *retirement {
	ctx, stop := context.WithCancel(f.Context())
	r := &retirement{f: f, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for ctx.Err() == nil {
			r.look()
			_ = f.Pause(200 * time.Millisecond)
		}
	}()
	f.Cleanup(func() { stop(); <-r.done })
	return r
}

func (r *retirement) add(l *leaving) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.epoch = r.epoch
	r.waiting = append(r.waiting, l)
}

// killed notes that the control plane is killed.
func (r *retirement) killed(kill func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kill()
	r.epoch++
}

func (r *retirement) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

// look sees who can go. Nobody is killed meanwhile, so that numbers of changes are of one count.
func (r *retirement) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return
	}
	s, err := r.f.c.Status()
	if err != nil {
		return // it is not up yet
	}
	hosts := make([]map[string]bool, len(r.f.envoys))
	for i, e := range r.f.envoys {
		if hosts[i], err = hostsOf(e); err != nil {
			return
		}
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(l *leaving) bool {
		if l.epoch != r.epoch {
			l.epoch, l.change = r.epoch, 0
		}
		if l.change == 0 {
			if l.absent(hosts[0]) && l.superseded(s) {
				l.change = r.newest()
			}
			return false
		}
		for i, e := range r.f.envoys {
			if !acknowledged(s, e.ID, l.change) || !l.absent(hosts[i]) {
				return false
			}
		}
		r.gone += len(l.backends)
		r.ending.Go(func() {
			for _, b := range l.backends {
				b.Retire(30 * time.Second)
			}
			if l.file != "" {
				r.f.Remove(l.file)
			}
		})
		return true
	})
}

// end waits until everybody has gone.
func (r *retirement) end() {
	r.f.Helper()
	r.f.Await("all that was taken away is stopped", 60*time.Second, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.waiting) > 0 {
			l := r.waiting[0]
			return fmt.Errorf("%d wait; the first: %s at %s, change %d", len(r.waiting), l.backends[0].Version, l.backends[0].Address, l.change)
		}
		return nil
	})
	r.stop()
	<-r.done
	r.ending.Wait()
}

// hostsOf gives the addresses of all endpoints that an Envoy has.
func hostsOf(e *fireEnvoy) (map[string]bool, error) {
	clusters, err := e.Clusters("")
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, hosts := range clusters {
		for _, h := range hosts {
			all[h.Address] = true
		}
	}
	return all, nil
}

func (l *leaving) absent(hosts map[string]bool) bool {
	return !slices.ContainsFunc(l.backends, func(b *harness.Backend) bool { return hosts[b.Address.String()] })
}

// superseded says, of a version, whether a later one is live and this one is forgotten.
func (l *leaving) superseded(s admin.Status) bool {
	if l.shop == 0 {
		return true
	}
	for _, r := range s.Rollouts {
		var live int
		if r.Name != "shop" {
			continue
		}
		if _, err := fmt.Sscanf(r.Live, "shop-%d", &live); err != nil || live <= l.shop {
			return false
		}
		return !slices.ContainsFunc(r.Versions, func(v admin.RolloutVersion) bool { return v.Name == shopVersion(l.shop) })
	}
	return false
}

// newest is the number of the newest change, asked for after what was seen in an Envoy; 0 when
// there is no answer.
func (r *retirement) newest() (n uint64) {
	s, err := r.f.c.Status()
	if err != nil || len(s.Envoys) < len(r.f.envoys) {
		return 0
	}
	for _, e := range s.Envoys {
		n = max(n, e.Current)
	}
	return n
}

func acknowledged(s admin.Status, id string, change uint64) bool {
	return slices.ContainsFunc(s.Named(id), func(e admin.EnvoyStatus) bool { return e.Connected && e.Applied >= change })
}

// passing is something that comes and goes: from when it has been answered by all Envoys until
// it is taken away, it must be.
type passing struct {
	name, file string
	number     int // in the order of coming
	backends   []*harness.Backend
	remove     func() // takes it out of the manifests

	f        *fleetFire
	cancel   context.CancelFunc
	up, done chan struct{}
	requests int // once it is done
}

// watch begins to look after something that a version answers; empty: any.
func (f *fleetFire) watch(p *passing, version string, streams ...harness.Stream) {
	ctx, cancel := context.WithCancel(f.Context())
	p.f, p.cancel, p.up, p.done = f, cancel, make(chan struct{}), make(chan struct{})
	p.number = f.made
	f.passing[p.name] = p
	f.Cleanup(func() { cancel(); <-p.done })
	go func() {
		defer close(p.done)
		pause := func(d time.Duration) { // until it is taken away, at most
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
		}
		for _, s := range streams {
			answers := s.Answers(version)
			if version == "" {
				answers = status(s, http.StatusOK)
			}
			for ctx.Err() == nil && answers() != nil {
				pause(50 * time.Millisecond)
			}
		}
		pause(300 * time.Millisecond) // Envoy's threads take it over one by one
		if ctx.Err() != nil {
			return
		}
		load := f.Load(streams...)
		close(p.up)
		<-ctx.Done()
		samples := load.Stop()
		p.requests = len(samples)
		if f.Context().Err() != nil {
			return // the test has failed elsewhere, and everything ends at once
		}
		if text := samples.Failures(); text != "" {
			f.Errorf("%s: %d of %d requests failed:\n%s", p.name, len(samples.Failed()), len(samples), text)
		}
		for v := range samples.Versions() {
			if v != "" && !strings.HasPrefix(v, strings.SplitN(version, ".", 2)[0]) {
				f.Errorf("%s was answered by %s, want %s", p.name, v, version)
			}
		}
	}()
}

// answers is a check: it has been answered by all Envoys.
func (p *passing) answers() error {
	select {
	case <-p.up:
		return nil
	default:
		return fmt.Errorf("not yet")
	}
}

// end stops looking after it, and gives how many requests there were.
func (p *passing) end() int {
	p.cancel()
	<-p.done
	return p.requests
}
