package rollout

import (
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// await keeps a decision until its state is kept. Nothing else is decided on the Rollout meanwhile. For what others
// may begin it counts at once.
func (m *Manager) await(e *entry, r Result) {
	e.dirty, e.told, e.telling = false, nil, nil
	e.pending, e.of, e.kept = &r, e.rollout.Generation, false
	m.pending++
	m.join(e, r)
}

// Saved says that the states of Rollouts that a LateStore was given last are kept: the next Step gives them out.
func (m *Manager) Saved(keys []api.Key) {
	for _, k := range keys {
		if e := m.entries[k]; e != nil && e.pending != nil && !e.kept {
			e.kept = true
			m.saved = append(m.saved, e)
		}
	}
}

// Pending is how many decisions are not kept yet.
func (m *Manager) Pending() int { return m.pending }

// takeSaved adopts what is kept by now, and gives the Rollouts that have changed by it.
func (m *Manager) takeSaved(now time.Time) (changed []*v1alpha1.Rollout) {
	var saved, early []*entry
	for _, e := range m.saved {
		switch {
		case e.deleted:
		case m.unkept(e) != nil: // those that flip together do so at once
			early = append(early, e)
		default:
			saved = append(saved, e)
		}
	}
	m.saved = early
	slices.SortFunc(saved, func(a, b *entry) int { return a.key.Compare(b.key) })
	for _, e := range saved {
		r := *e.pending
		again, dirty, told, telling := e.again, e.dirty, e.told, e.telling
		e.pending, e.again = nil, false
		m.pending--
		if out := m.adopt(e, r, e.of, now); out != nil {
			changed = append(changed, out)
		}
		e.dirty, e.told, e.telling = dirty, told, telling // of since then
		if again {
			m.mark(e)
		}
	}
	return changed
}

// unkept gives a Rollout whose decision is not kept yet, and that flips with e or is e; nil: none.
func (m *Manager) unkept(e *entry) *entry {
	if e.pending != nil && !e.kept {
		return e
	}
	for _, other := range m.sets[e.set] {
		if other.pending != nil && !other.kept {
			return other
		}
	}
	return nil
}
