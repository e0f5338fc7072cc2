package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// FlipWatch is for how long a flip of several Rollouts together is taken back when an Envoy refuses any of it.
const FlipWatch = time.Minute

// Together is what the Rollouts that flip with one, spec.blueGreen.together, say to it.
type Together struct {
	// Wait is why it does not flip now, though it may be ready; empty: it flips once it is.
	Wait string
	// Return is why all go back to where they were before they flipped; empty: they do not.
	Return string
}

// FlipState is a flip together with others that can still be taken back. Its JSON form is stored: fields may be added, not
// renamed.
type FlipState struct {
	// Version and From are VersionIDs: what got the traffic, and what had it.
	Version string    `json:"version"`
	From    string    `json:"from"`
	Until   time.Time `json:"until"`
}

// takeBack undoes a flip that one of the set is not served with everywhere, and forgets one that has lasted.
func (s *step) takeBack(active *version, bg v1alpha1.BlueGreen) {
	f := s.flipping
	find := func(id string) int {
		return slices.IndexFunc(s.versions, func(v *version) bool { return v.id == id })
	}
	switch limit := s.now.Add(FlipWatch); {
	case f == nil:
		return
	case bg.Together == "" || !s.now.Before(f.Until) || find(f.Version) < 0 || !s.versions[find(f.Version)].isThere():
		s.flipping = nil
		return
	case f.Until.After(limit): // the clock went back
		f.Until = limit
	}
	s.wakeAt(f.Until)
	at := find(f.From)
	if s.observed.Together.Return == "" || f.Version != active.id || at < 0 {
		return
	}
	for _, v := range s.versions {
		v.Weight = 0
	}
	from := s.versions[at]
	from.Weight, from.HeldUntil, active.HeldUntil, s.flipping = v1alpha1.WeightTotal, time.Time{}, time.Time{}, nil
	s.attempt(active, false)
	s.tried.Refused = s.observed.Together.Return
	s.event(EventFlipTakenBack, true, "all traffic goes back to %s: %s", from.label, s.tried.Refused)
}

// activeIn gives the active version of a spec as a state has it; zero: it is not there.
func activeIn(spec v1alpha1.RolloutSpec, s State) VersionState {
	for _, sv := range spec.Versions {
		if sv.Name != spec.BlueGreen.Active {
			continue
		}
		for _, v := range s.Versions {
			if v.ID() == v1alpha1.VersionID(sv.Name, sv.Selector) {
				return v
			}
		}
		break
	}
	return VersionState{}
}

// isThere says whether it has all traffic.
func (v VersionState) isThere() bool { return v.Weight == v1alpha1.WeightTotal }

// setOf names the set that a Rollout flips with; empty: none.
func setOf(r *v1alpha1.Rollout) string {
	if bg := r.Spec.BlueGreen; bg != nil && bg.Together != "" {
		return r.Namespace + "/" + bg.Together
	}
	return ""
}

// regroup puts a Rollout into its set; gone: into none. Those that it leaves and those that it joins are looked at again.
func (m *Manager) regroup(e *entry, gone bool) {
	set := ""
	if !gone {
		set = setOf(e.rollout)
	}
	if set == e.set {
		return
	}
	if old := m.sets[e.set]; old != nil {
		m.sets[e.set] = slices.DeleteFunc(old, func(o *entry) bool { return o == e })
		if len(m.sets[e.set]) == 0 {
			delete(m.sets, e.set)
		}
	}
	for _, other := range m.sets[e.set] {
		m.mark(other)
	}
	if e.set = set; set != "" {
		m.sets[set] = append(m.sets[set], e)
		slices.SortFunc(m.sets[set], func(a, b *entry) int { return a.key.Compare(b.key) })
	}
}

// markSets has all of a set looked at when one is.
func (m *Manager) markSets() {
	if len(m.sets) == 0 {
		return
	}
	for _, e := range slices.Clone(m.dirty) {
		for _, other := range m.sets[e.set] {
			m.mark(other)
		}
	}
}

// decideTogether decides on a set: all flip, or none does.
func (c *company) decideTogether(set []*entry, now time.Time) {
	if refused := c.refused(set); refused != "" && !wayBack(set, now) {
		t := Together{Wait: refused}
		if c.takesBack(set, now) {
			t.Return = refused
		}
		for _, e := range set {
			c.results[e] = c.next(e, t, now)
		}
		return
	}
	alone := make([]Result, len(set))
	for i, e := range set {
		alone[i] = c.next(e, Together{}, now)
	}
	for i, e := range set {
		var why []string
		for j, other := range set {
			switch theirs := other.rollout.Spec; {
			case i == j:
			case theirs.BlueGreen.Active != e.rollout.Spec.BlueGreen.Active:
				why = append(why, fmt.Sprintf("Rollout %s/%s asks for %s", other.key.Namespace, other.key.Name, theirs.BlueGreen.Active))
			case !activeIn(theirs, alone[j].State).isThere():
				first, _, _ := strings.Cut(alone[j].Message, ";")
				why = append(why, fmt.Sprintf("Rollout %s/%s is not ready: %s", other.key.Namespace, other.key.Name, first))
			}
		}
		if c.results[e] = alone[i]; len(why) > 0 {
			c.results[e] = c.next(e, Together{Wait: list(why)}, now)
		}
	}
}

// refused gives what Envoys refuse of a set.
func (c *company) refused(set []*entry) string {
	var all []string
	for _, e := range set {
		all = append(all, c.seen[e].Refusals...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 0 {
		return ""
	}
	return list(all)
}

// wayBack says whether all of a set that move go to what is kept for that: they are free to.
func wayBack(set []*entry, now time.Time) bool {
	some := false
	for _, e := range set {
		switch v := activeIn(e.rollout.Spec, e.current()); {
		case v.isThere():
		case !now.Before(v.HeldUntil):
			return false
		default:
			some = true
		}
	}
	return some
}

// takesBack says whether a set has flipped a short while ago, and every one of it can return.
func (c *company) takesBack(set []*entry, now time.Time) bool {
	some := false
	for _, e := range set {
		s := e.current()
		if s.Flip == nil || !now.Before(s.Flip.Until) {
			continue
		}
		asked := activeIn(e.rollout.Spec, s)
		if some = true; asked.ID() != s.Flip.Version || c.seen[e].Versions[s.Flip.From].Ready <= 0 {
			return false
		}
	}
	return some
}

// isWith says whether two Rollouts flip together.
func (e *entry) isWith(other *entry) bool { return e.set != "" && e.set == other.set }

// retryWith tries those again, too, that were given up together with one.
func (m *Manager) retryWith(e *entry, a Action, now time.Time) {
	for _, other := range m.sets[e.set] {
		if other == e {
			continue
		}
		if next, event, err := Act(other.rollout.Spec, other.current(), a, now); err == nil {
			other.told, other.telling = &next, append(other.telling, event)
			m.mark(other)
		}
	}
}
