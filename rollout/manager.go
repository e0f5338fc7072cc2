package rollout

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// retryAfter is when to step again after a state could not be stored.
const retryAfter = time.Second

// StateStore keeps states, and what has happened. Save writes all of it or none, nil deletes, and it survives a kill
// once it has returned without an error; Load fails rather than leave one out. Store is one.
type StateStore interface {
	Load() (map[api.Key]State, error)
	Save(states map[api.Key]*State, news map[api.Key][]Record) error
}

// LateStore is a StateStore whose Save may return before a state is kept. What such a state was decided for has no
// effect until Saved says that it is.
type LateStore interface {
	StateStore
	// Awaits says whether the state of a Rollout that Save was given last is still to be kept.
	Awaits(api.Key) bool
}

// ObserveFunc says what is known of the versions of a Rollout. It must not change what it is given.
type ObserveFunc func(r *v1alpha1.Rollout, versions []v1alpha1.VersionStatus) Observed

// ObjectEvent is an event of one Rollout.
type ObjectEvent struct {
	Key api.Key
	Event
}

// Manager holds the Rollouts and their states and steps those that something happened to. It
// has no clock and starts nothing. It is not safe for concurrent use.
//
// The state belongs to the object: a Rollout that is deleted and made again, under the same name,
// starts as a first deployment, also when both happen between two steps, or when the API server
// shows it by another UID. One that is missing after a restart is not deleted until Prune.
type Manager struct {
	store   StateStore
	entries map[api.Key]*entry
	loaded  map[api.Key]State    // stored states whose Rollout has not been set yet
	gone    map[api.Key]struct{} // states to delete at the next step
	dirty   []*entry             // to be stepped; may hold entries that were deleted since
	wakes   wakeQueue
	ended   []ObjectEvent // of Rollouts that were deleted since the last step
	events  []ObjectEvent
	calls   map[api.Key][]Call
	saved   []*entry // whose pending decisions are kept
	pending int      // how many decisions are not kept yet

	under   map[string]int      // how many Rollouts are under way in a Limit.Scope
	waiting map[*entry]struct{} // those that wait for others
	news    bool                // there may be something for them
	sets    map[string][]*entry // those that flip together, in order of their keys
}

// entry is one Rollout.
type entry struct {
	key     api.Key
	rollout *v1alpha1.Rollout // as it was set, never changed here
	state   State
	status  v1alpha1.RolloutStatus // as it was last given out
	told    *State                 // after what it was told to do since the last step
	telling []Event
	pending *Result  // decided, and not kept yet
	of      int64    // the generation that it was decided on
	kept    bool     // it is
	again   bool     // something has happened since
	limits  []Limit  // as last observed
	set     string   // those that flip with it: see Manager.sets
	counted []string // the scopes in Manager.under that it is counted in
	asking  bool     // the last decision had calls
	changed bool     // the object is not the one that was last given out
	dirty   bool
	deleted bool
	wake    time.Time // zero: not in the queue
	index   int       // place in the queue
}

// NewManager makes a Manager with the states that the store has.
func NewManager(store StateStore) (*Manager, error) {
	states, err := store.Load()
	if err != nil {
		return nil, err
	}
	return &Manager{
		store:   store,
		entries: map[api.Key]*entry{},
		loaded:  states,
		gone:    map[api.Key]struct{}{},
		under:   map[string]int{},
		waiting: map[*entry]struct{}{},
		sets:    map[string][]*entry{},
	}, nil
}

// Set adds a Rollout or replaces it. Its status is not looked at. The same spec again does nothing.
// The object must not be changed afterwards.
func (m *Manager) Set(r *v1alpha1.Rollout) {
	key := Key(r.Namespace, r.Name)
	e := m.entries[key]
	if e != nil && r.UID != "" && e.rollout.UID != "" && r.UID != e.rollout.UID {
		m.Delete(key)
		e = nil
	}
	if e == nil {
		e = &entry{key: key, state: m.loaded[key]}
		delete(m.loaded, key)
		m.entries[key] = e
		m.news = true
	} else if e.rollout.Generation == r.Generation && reflect.DeepEqual(e.rollout.Spec, r.Spec) {
		e.rollout = r
		return
	}
	e.rollout, e.changed = r, true
	m.regroup(e, false)
	m.mark(e)
}

// Delete forgets a Rollout and its state.
func (m *Manager) Delete(key api.Key) {
	if _, stored := m.loaded[key]; stored {
		delete(m.loaded, key)
		m.gone[key] = struct{}{}
	}
	if e := m.entries[key]; e != nil {
		if e.deleted = true; e.pending != nil {
			m.pending--
		}
		m.leave(e)
		m.regroup(e, true)
		m.wakes.set(e, time.Time{})
		delete(m.entries, key)
		m.gone[key] = struct{}{}
		m.ended = append(m.ended, ObjectEvent{Key: key, Event: ended(e)})
	}
}

// ended warns, since a Rollout that is deleted half-way mixes its versions.
func ended(e *entry) Event {
	return Event{Reason: EventEnded, Warning: true, Message: fmt.Sprintf(
		"the Rollout is gone: Service %s sends requests to all that its own selector selects, whatever their version",
		e.rollout.Spec.TargetRef.Name)}
}

// Touch says that what is observed of a Rollout may have changed. An unknown one is ignored.
func (m *Manager) Touch(key api.Key) {
	if e := m.entries[key]; e != nil {
		m.mark(e)
	}
}

// Act tells a Rollout to do something with the next Step. Errors wrap ErrAction; then nothing
// happens.
func (m *Manager) Act(key api.Key, a Action, now time.Time) error {
	e := m.entries[key]
	if e == nil {
		return refuse("there is no %s", key)
	}
	next, event, err := Act(e.rollout.Spec, e.current(), a, now)
	if err != nil {
		return err
	}
	e.told, e.telling = &next, append(e.telling, event)
	m.mark(e)
	if a.Kind == Retry {
		m.retryWith(e, a, now)
	}
	return nil
}

// Acted says whether everything that a Rollout was told is on disk, and in effect.
func (m *Manager) Acted(key api.Key) bool {
	e := m.entries[key]
	return e == nil || e.told == nil && e.pending == nil
}

// Prune forgets the states whose Rollout has not been set since the start, and gives their keys
// in order. It is to be called once the source has delivered everything that there is.
func (m *Manager) Prune() []api.Key {
	var keys []api.Key
	for k := range m.loaded {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, api.Key.Compare)
	for _, k := range keys {
		m.Delete(k)
	}
	return keys
}

// Events gives what happened in the last step.
func (m *Manager) Events() []ObjectEvent { return m.events }

// Calls gives the requests to hooks that are to be on their way now, of the Rollouts that the last step looked at. One that has
// none any more, and had some, is there without any.
func (m *Manager) Calls() map[api.Key][]Call { return m.calls }

// Step decides anew for every Rollout that was set, touched or is due, at a cost that depends on
// their number only. It gives copies, with their status, of those whose object or status changed,
// and when to call again though nothing else happens (zero: never). Their states are on disk
// before they are given out; when that fails, nothing has happened but the error, and the next
// step decides the same Rollouts again.
func (m *Manager) Step(observe ObserveFunc, now time.Time) ([]*v1alpha1.Rollout, time.Time, error) {
	m.events, m.calls = nil, nil
	changed := m.takeSaved(now)
	for _, e := range m.wakes.due(now) {
		m.mark(e)
	}
	m.wakeWaiting()
	m.markSets()
	if len(m.dirty) == 0 && len(m.gone) == 0 {
		return changed, m.wakes.next(), nil
	}
	todo := m.takeDirty()
	results := make([]Result, len(todo))
	saves := make(map[api.Key]*State, len(todo)+len(m.gone))
	news := map[api.Key][]Record{}
	for k := range m.gone {
		saves[k] = nil
	}
	c := m.newCompany()
	ordered := false
	for _, e := range todo {
		o := observe(e.rollout, Candidates(e.rollout.Spec, e.current()))
		e.limits, c.seen[e] = o.Limits, o
		ordered = ordered || len(o.Limits)+len(e.rollout.Spec.After) > 0
	}
	if ordered {
		todo = m.inOrder(todo)
	}
	for i, e := range todo {
		results[i] = c.decide(e, now)
		c.note(e, results[i])
		results[i].Events = slices.Concat(e.telling, results[i].Events)
		saves[e.key] = &results[i].State
		news[e.key] = records(results[i].Events, now)
	}
	if err := m.store.Save(saves, news); err != nil {
		m.dirty = todo
		return changed, now.Add(retryAfter), fmt.Errorf("no rollout moves: %w", err)
	}
	clear(m.gone)
	m.events, m.ended = append(m.events, m.ended...), nil
	late, _ := m.store.(LateStore)
	for i, e := range todo {
		if late != nil && late.Awaits(e.key) {
			m.await(e, results[i])
		} else if r := m.adopt(e, results[i], e.rollout.Generation, now); r != nil {
			changed = append(changed, r)
		}
	}
	if m.wakeWaiting(); len(m.dirty) > 0 {
		return changed, now, nil
	}
	return changed, m.wakes.next(), nil
}

// current is the state to go on from.
func (e *entry) current() State {
	switch {
	case e.told != nil:
		return *e.told
	case e.pending != nil:
		return e.pending.State
	}
	return e.state
}

// takeDirty gives the entries to step, in order of their keys. They stay marked.
func (m *Manager) takeDirty() []*entry {
	todo := slices.DeleteFunc(m.dirty, func(e *entry) bool {
		waits := m.unkept(e)
		if waits != nil {
			e.dirty, waits.again = false, true
		}
		return e.deleted || waits != nil
	})
	slices.SortFunc(todo, func(a, b *entry) int { return a.key.Compare(b.key) })
	m.dirty = nil
	return todo
}

// adopt makes a stored result the present, and gives the Rollout when there is news.
func (m *Manager) adopt(e *entry, r Result, generation int64, now time.Time) *v1alpha1.Rollout {
	e.state, e.dirty, e.told, e.telling = r.State, false, nil, nil
	m.join(e, r)
	if asked := len(r.Calls) > 0; asked || e.asking {
		if m.calls == nil {
			m.calls = map[api.Key][]Call{}
		}
		m.calls[e.key], e.asking = r.Calls, asked
	}
	for _, ev := range r.Events {
		m.events = append(m.events, ObjectEvent{Key: e.key, Event: ev})
	}
	wake := r.Wake
	if !wake.IsZero() {
		// On the monotonic clock where now has one: setting the wall clock moves no wake.
		wake = now.Add(wake.Sub(now))
	}
	m.wakes.set(e, wake)
	status := v1alpha1.RolloutStatus{
		ObservedGeneration: generation,
		Phase:              r.Phase,
		Live:               r.Live,
		Canary:             r.Canary,
		Versions:           r.Versions,
		Holds:              r.Holds,
		Message:            r.Message,
		Conditions:         observedAt(r.Conditions, generation),
	}
	if !e.changed && reflect.DeepEqual(status, e.status) {
		return nil
	}
	e.status, e.changed = status, false
	out := *e.rollout
	out.Status = status
	return out.DeepCopy()
}

// observedAt completes conditions with the generation that they speak of.
func observedAt(conditions []metav1.Condition, generation int64) []metav1.Condition {
	for i := range conditions {
		conditions[i].ObservedGeneration = generation
	}
	return conditions
}

func (m *Manager) mark(e *entry) {
	if !e.dirty {
		e.dirty = true
		m.dirty = append(m.dirty, e)
	}
}
