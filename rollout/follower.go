package rollout

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Kept is what a Follower keeps of one Rollout.
type Kept struct {
	// Decision is the newest that came.
	Decision Decision `json:"decision"`
	// Effect are the versions with the weights that are in effect, where they are others than
	// the decided ones; Why says why.
	Effect []v1alpha1.VersionStatus `json:"effect,omitempty"`
	Why    string                   `json:"why,omitempty"`
}

// KeptStore keeps what a Follower was told. Save is called after every Take, and be it with
// nothing. It writes all or nothing, nil deletes, and it
// survives a kill once it has returned without an error.
type KeptStore interface {
	Load() (map[api.Key]Kept, error)
	Save(map[api.Key]*Kept) error
}

// Follower stands where a Manager does in a process that decides nothing: it holds the Rollouts,
// and gives them out with what a leader has decided. While nothing comes, everything stays as it
// is. A Rollout on which nothing has been decided yet has no effect. It has no clock and is not
// safe for concurrent use.
type Follower struct {
	store   KeptStore
	kept    map[api.Key]Kept
	unsaved map[api.Key]struct{}
	told    bool // Take was called since the last Save
	entries map[api.Key]*followed
	dirty   map[api.Key]struct{}
	held    map[api.Key]string // see Held
	events  []ObjectEvent
}

// followed is one Rollout of a Follower.
type followed struct {
	rollout *v1alpha1.Rollout
	status  v1alpha1.RolloutStatus // as it was last given out
	given   bool
	changed bool // the object is not the one that was last given out
}

// NewFollower makes a Follower with what the store has.
func NewFollower(store KeptStore) (*Follower, error) {
	kept, err := store.Load()
	if err != nil {
		return nil, err
	}
	return &Follower{
		store: store, kept: kept, unsaved: map[api.Key]struct{}{},
		entries: map[api.Key]*followed{}, dirty: map[api.Key]struct{}{}, held: map[api.Key]string{},
	}, nil
}

// Set adds a Rollout or replaces it, as Manager.Set does.
func (f *Follower) Set(r *v1alpha1.Rollout) {
	key := Key(r.Namespace, r.Name)
	e := f.entries[key]
	if e == nil {
		e = &followed{}
		f.entries[key] = e
		f.held[key] = undecided
	} else if e.rollout.Generation == r.Generation && reflect.DeepEqual(e.rollout.Spec, r.Spec) {
		e.rollout = r
		return
	}
	e.rollout, e.changed = r, true
	f.dirty[key] = struct{}{}
}

// Delete forgets a Rollout. What was decided on it is kept as long as the leader keeps it.
func (f *Follower) Delete(key api.Key) {
	delete(f.entries, key)
	delete(f.dirty, key)
	delete(f.held, key)
}

// Touch says that what is observed of a Rollout may have changed.
func (f *Follower) Touch(key api.Key) {
	if f.entries[key] != nil {
		f.dirty[key] = struct{}{}
	}
}

// Prune does nothing: what is kept goes when the leader says so.
func (f *Follower) Prune() []api.Key { return nil }

// Take takes in what the leader has decided. All says that the decisions are all that there are;
// otherwise gone are those that are there no longer. A Rollout that is here and no longer there
// stays as it is.
func (f *Follower) Take(decisions []Decision, gone []api.Key, all bool) {
	f.told = true
	there := make(map[api.Key]bool, len(decisions))
	for _, d := range decisions {
		key := d.Key()
		there[key] = true
		kept, known := f.kept[key]
		if known && reflect.DeepEqual(kept.Decision, d) {
			continue
		}
		if known && kept.Effect == nil {
			kept.Effect = kept.Decision.Status.Versions // until Step knows better
		}
		kept.Decision = d
		f.keep(key, kept)
	}
	if all {
		for key := range f.kept {
			if !there[key] {
				gone = append(gone, key)
			}
		}
	}
	for _, key := range gone {
		if _, known := f.kept[key]; known && f.entries[key] == nil {
			delete(f.kept, key)
			f.unsaved[key] = struct{}{}
		}
	}
}

func (f *Follower) keep(key api.Key, kept Kept) {
	f.kept[key] = kept
	f.unsaved[key] = struct{}{}
	f.Touch(key)
}

// Decisions gives what was decided, as it is in effect here.
func (f *Follower) Decisions() []Decision {
	var all []Decision
	for _, k := range slices.SortedFunc(maps.Keys(f.kept), api.Key.Compare) {
		d := f.kept[k].Decision
		if effect := f.kept[k].Effect; effect != nil {
			d.Status.Versions = effect
		}
		all = append(all, d)
	}
	return all
}

// Events gives what happened in the last step.
func (f *Follower) Events() []ObjectEvent { return f.events }

// Held gives the Rollouts that are not as the leader has decided, or on which it has decided
// nothing, and why.
func (f *Follower) Held() map[api.Key]string { return maps.Clone(f.held) }

const undecided = "the leader has not decided on it yet: it has no effect until then"

// Step puts what was decided into effect, as Manager.Step gives it. It never asks to be called
// again, but after an error of the store.
func (f *Follower) Step(observe ObserveFunc, now time.Time) ([]*v1alpha1.Rollout, time.Time, error) {
	f.events = nil
	keys := slices.SortedFunc(maps.Keys(f.dirty), api.Key.Compare)
	for _, key := range keys {
		f.settle(key, observe)
	}
	if f.told || len(f.unsaved) > 0 {
		saves := make(map[api.Key]*Kept, len(f.unsaved))
		for key := range f.unsaved {
			saves[key] = nil
			if kept, there := f.kept[key]; there {
				saves[key] = &kept
			}
		}
		if err := f.store.Save(saves); err != nil {
			return nil, now.Add(retryAfter), fmt.Errorf("no rollout follows: %w", err)
		}
		clear(f.unsaved)
		f.told = false
	}
	clear(f.dirty)
	var changed []*v1alpha1.Rollout
	for _, key := range keys {
		if r := f.give(key); r != nil {
			changed = append(changed, r)
		}
	}
	return changed, time.Time{}, nil
}

// settle finds out what the newest decision on a Rollout comes to here.
func (f *Follower) settle(key api.Key, observe ObserveFunc) {
	kept, known := f.kept[key]
	e := f.entries[key]
	if !known || kept.Decision.Service != e.rollout.Spec.TargetRef.Name {
		return
	}
	before := kept.Effect
	if before == nil {
		before = kept.Decision.Status.Versions
	}
	all := append(slices.Clone(before), kept.Decision.Status.Versions...)
	effect, why := kept.Decision.comesTo(before, observe(e.rollout, all))
	if why == "" {
		effect = nil
	}
	if why != kept.Why || !reflect.DeepEqual(effect, kept.Effect) {
		kept.Effect, kept.Why = effect, why
		f.kept[key] = kept
		f.unsaved[key] = struct{}{}
	}
}

// give adopts what is stored, and gives the Rollout when there is news.
func (f *Follower) give(key api.Key) *v1alpha1.Rollout {
	e := f.entries[key]
	kept, known := f.kept[key]
	why, status := kept.Why, kept.Decision.Status
	if kept.Effect != nil {
		status.Versions = kept.Effect
	}
	switch {
	case !known:
		return nil
	case kept.Decision.Service != e.rollout.Spec.TargetRef.Name:
		why = fmt.Sprintf("the leader has decided on it for Service %s, here it is for %s", kept.Decision.Service, e.rollout.Spec.TargetRef.Name)
		if !e.given {
			f.held[key] = why
			return nil
		}
		status = e.status
	}
	if why != "" {
		status.Message = fmt.Sprintf("held back: %s; the leader says: %s", why, kept.Decision.Status.Message)
	}
	f.tell(key, e, status, why)
	if e.given && !e.changed && reflect.DeepEqual(status, e.status) {
		return nil
	}
	e.status, e.given, e.changed = status, true, false
	out := *e.rollout
	out.Status = status
	return out.DeepCopy()
}

// tell notes what is new about a Rollout as events.
func (f *Follower) tell(key api.Key, e *followed, status v1alpha1.RolloutStatus, why string) {
	event := func(ev Event) { f.events = append(f.events, ObjectEvent{Key: key, Event: ev}) }
	if why != "" && why != f.held[key] {
		event(Event{Reason: EventHeldBack, Warning: true, Message: "the weights stay as they are: " + why})
	}
	if f.held[key] = why; why == "" {
		delete(f.held, key)
	}
	if now := weights(status.Versions); e.given && now != weights(e.status.Versions) {
		event(Event{Reason: EventFollowed, Message: "the traffic is on " + now})
	}
}

// weights writes a split for people.
func weights(versions []v1alpha1.VersionStatus) string {
	var parts []string
	for _, v := range versions {
		if v.Weight > 0 {
			parts = append(parts, v.Name+" "+percent(v.Weight))
		}
	}
	return strings.Join(parts, ", ")
}
