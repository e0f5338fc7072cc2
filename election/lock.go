package election

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock is the Lease. It knows since when nobody has heard that we hold it, and counts epochs: that of an older
// Lease of the same name, which somebody has deleted, must not come again.
type lock struct {
	resourcelock.Interface
	deadline time.Duration // for how long a renewal is good

	mu      sync.Mutex
	floor   int // transitions that there must have been at least
	epoch   int64
	renewed time.Time // when the latest successful renewal was sent
	seen    string    // who holds it, as read last
	told    string    // of whom news has told
	bell    chan struct{}
	taken   func(error) // is called when another holds it that was ours
}

// Get implements resourcelock.Interface.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	r, raw, err := l.Interface.Get(ctx)
	if err != nil {
		return r, raw, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch != 0 && r.HolderIdentity != l.Identity() && l.taken != nil {
		l.renewed = time.Time{}
		l.taken(fmt.Errorf("%s has taken the Lease", ParseHolder(r.HolderIdentity).Name))
	}
	if l.seen = r.HolderIdentity; l.seen != l.told {
		select {
		case l.bell <- struct{}{}:
		default:
		}
	}
	return r, raw, nil
}

// news gives who holds the Lease, if it is another than before, and not this process.
func (l *lock) news(self Holder) (Holder, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == l.told {
		return Holder{}, false
	}
	l.told = l.seen
	holder := ParseHolder(l.seen)
	return holder, holder != self
}

// begin notes what is to be called when another takes the Lease.
func (l *lock) begin(taken func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = taken
}

// forget notes that the Lease is not held, and says whether it was.
func (l *lock) forget() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.epoch != 0
	l.renewed, l.epoch, l.told = time.Time{}, 0, ""
	return was
}

// Create implements resourcelock.Interface.
func (l *lock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.write(r, func(r resourcelock.LeaderElectionRecord) error { return l.Interface.Create(ctx, r) })
}

// Update implements resourcelock.Interface.
func (l *lock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.write(r, func(r resourcelock.LeaderElectionRecord) error { return l.Interface.Update(ctx, r) })
}

func (l *lock) write(r resourcelock.LeaderElectionRecord, write func(resourcelock.LeaderElectionRecord) error) error {
	sent := time.Now()
	l.mu.Lock()
	r.LeaderTransitions = max(r.LeaderTransitions, l.floor)
	l.mu.Unlock()
	if err := write(r); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.HolderIdentity == l.Identity() {
		l.renewed, l.epoch = sent, int64(r.LeaderTransitions)+1
	} else {
		l.renewed = time.Time{}
	}
	return nil
}

// RecordEvent implements resourcelock.Interface. Who leads is in the Lease, and in our own log.
func (l *lock) RecordEvent(string) {}

// after has the next epoch begin after one.
func (l *lock) after(epoch int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.floor = max(l.floor, int(epoch))
}

// current is the epoch that this process leads in.
func (l *lock) current() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

var errNotRenewed = errors.New("the Lease could not be renewed in time")

// holds is nil while nobody else can hold the Lease.
func (l *lock) holds() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.renewed) > l.deadline {
		return errNotRenewed
	}
	return nil
}
