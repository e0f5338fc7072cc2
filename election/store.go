package election

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/workqueue"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// mostRecords bounds the history that is kept of a Rollout: with its status, it goes to everybody who watches.
const mostRecords = 20

// How it is written. Evidence is what changes with every load report.
const (
	evidencePause = 10 * time.Second // between two writes of nothing but evidence
	longestRetry  = 5 * time.Second
	writers       = 8
	writeTimeout  = 5 * time.Second
)

type storeOptions struct {
	client dynamic.Interface
	epoch  int64
	holder string
	holds  func() error    // nil while this process may write
	lost   func(why error) // it must not lead any more
	log    *slog.Logger
}

// Store keeps the states of Rollouts in their status for one term. It implements rollout.LateStore, and is safe
// for concurrent use.
type Store struct {
	o     storeOptions
	queue workqueue.TypedRateLimitingInterface[api.Key]
	saved chan struct{}
	uid   func(api.Key) types.UID

	mu       sync.Mutex
	rollouts map[api.Key]*kept
	done     []api.Key
	failing  map[api.Key]error
}

// kept is what is known of one Rollout. What was written last is in stored.
type kept struct {
	*stored
	data, core string // to be written: the state, and what of it is no evidence
	records    []rollout.Record
	awaited    bool // somebody waits for it
	number     int  // of data
	at         time.Time
}

var _ rollout.LateStore = (*Store)(nil)

func newStore(o storeOptions, w world) *Store {
	s := &Store{
		o: o, saved: make(chan struct{}, 1), rollouts: map[api.Key]*kept{}, failing: map[api.Key]error{},
		uid:   func(api.Key) types.UID { return "" },
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[api.Key](50*time.Millisecond, longestRetry)),
	}
	for k, is := range w {
		s.rollouts[k] = &kept{stored: is, records: is.history}
		if is.unreadable != nil {
			s.failing[k] = is.unreadable
			o.log.Error("a Rollout does not move", "rollout", k.String(), "error", is.unreadable)
		}
	}
	return s
}

// Identify says how the UID of a Rollout is found. It is to be called before the first Save.
func (s *Store) Identify(uid func(api.Key) types.UID) { s.uid = uid }

// Load implements rollout.StateStore: it gives what was read when the term began.
func (s *Store) Load() (map[api.Key]rollout.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := map[api.Key]rollout.State{}
	for k, is := range s.rollouts {
		if is.stored.data() != "" && is.unreadable == nil {
			states[k] = is.state
		}
	}
	return states, nil
}

// History gives the newest records of a Rollout, the oldest first.
func (s *Store) History(k api.Key) []rollout.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.rollouts[k]; e != nil {
		return slices.Clone(e.records)
	}
	return nil
}

// Saved rings when there is something for Done, or when the failures have changed.
func (s *Store) Saved() <-chan struct{} { return s.saved }

// Done gives the Rollouts whose awaited states are written.
func (s *Store) Done() []api.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.done
	s.done = nil
	return done
}

// Failures gives the Rollouts whose states cannot be read or written at the moment, and why.
func (s *Store) Failures() map[api.Key]error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[api.Key]error{}
	for k, err := range s.failing {
		all[k] = err
	}
	return all
}

// Save implements rollout.StateStore. It does not wait: see Awaits.
func (s *Store) Save(states map[api.Key]*rollout.State, news map[api.Key][]rollout.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, state := range states {
		if state == nil {
			delete(s.rollouts, k)
			s.fail(k, nil)
			continue
		}
		if err := s.save(k, *state, news[k]); err != nil {
			return fmt.Errorf("state of %s: %w", k, err)
		}
	}
	return nil
}

func (s *Store) save(k api.Key, state rollout.State, news []rollout.Record) error {
	e, uid := s.rollouts[k], s.uid(k)
	if e == nil || uid != "" && e.rollout.UID != "" && e.rollout.UID != uid {
		e = &kept{stored: &stored{}}
		e.rollout.UID = uid
		s.rollouts[k] = e
	}
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	core, err := json.Marshal(state.WithoutEvidence())
	if err != nil {
		return err
	}
	if string(data) == e.data && len(news) == 0 {
		return nil
	}
	e.records = rollout.Append(e.records, news, mostRecords)
	// The first state of a term is awaited, too: with it, the epoch is written.
	evidence := string(core) == e.core
	e.data, e.core = string(data), string(core)
	e.number++
	if evidence {
		s.queue.AddAfter(k, max(0, time.Until(e.at.Add(evidencePause))))
		return nil
	}
	e.awaited = true
	if e.unreadable == nil { // else it waits for as long as the state cannot be read
		s.queue.Add(k)
	}
	return nil
}

// Awaits implements rollout.LateStore.
func (s *Store) Awaits(k api.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rollouts[k]
	return e != nil && e.awaited
}

// fail notes what came of a write. The caller holds the lock.
func (s *Store) fail(k api.Key, err error) {
	_, failed := s.failing[k]
	if err == nil {
		delete(s.failing, k)
	} else {
		s.failing[k] = err
	}
	if failed != (err != nil) {
		s.ring()
	}
}

func (s *Store) ring() {
	select {
	case s.saved <- struct{}{}:
	default:
	}
}

// run writes until ctx ends.
func (s *Store) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.queue.ShutDown)
	defer stop()
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for {
				k, down := s.queue.Get()
				if down {
					return
				}
				s.work(ctx, k)
				s.queue.Done(k)
			}
		})
	}
	all.Wait()
}
