package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// company is what the Rollouts of a Manager are to each other within one step: how many are under way, and which are
// through. What the step decides counts at once, so that no two take the last place.
type company struct {
	m       *Manager
	under   map[string]int                   // scope → how many more than Manager.under
	decided map[*entry]v1alpha1.RolloutPhase // in this step
	seen    map[*entry]Observed
	counts  map[*entry][]string
	results map[*entry]Result // of those that flip together
}

func (m *Manager) newCompany() *company {
	return &company{m: m, under: map[string]int{}, decided: map[*entry]v1alpha1.RolloutPhase{},
		seen: map[*entry]Observed{}, counts: map[*entry][]string{}, results: map[*entry]Result{}}
}

// decide says what comes next for a Rollout.
func (c *company) decide(e *entry, now time.Time) Result {
	set := c.m.sets[e.set]
	if len(set) < 2 {
		return c.next(e, Together{}, now)
	}
	if _, there := c.results[e]; !there {
		c.decideTogether(set, now)
	}
	return c.results[e]
}

// next is Next among the others.
func (c *company) next(e *entry, t Together, now time.Time) Result {
	o := c.seen[e]
	o.Holds, o.Together = c.blocked(e, o.Limits), t
	return Next(e.rollout.Spec, e.current(), o, now)
}

// inOrder puts Rollouts into the order in which they are decided on: those that are under way, then those that have
// waited for longest; a Rollout that waits for another comes after it.
func (m *Manager) inOrder(todo []*entry) []*entry {
	slices.SortStableFunc(todo, func(a, b *entry) int {
		x, y := a.state.under(), b.state.under()
		if x != y {
			if x {
				return -1
			}
			return 1
		}
		return a.state.queuedBefore(b.state)
	})
	in := make(map[*entry]bool, len(todo))
	for _, e := range todo {
		in[e] = true
	}
	order := make([]*entry, 0, len(todo))
	var visit func(e *entry)
	visit = func(e *entry) {
		if !in[e] {
			return
		}
		in[e] = false
		for _, ref := range e.rollout.Spec.After {
			if other := m.entries[e.refers(ref)]; other != nil {
				visit(other)
			}
		}
		order = append(order, e)
	}
	for _, e := range todo {
		visit(e)
	}
	return order
}

// queuedBefore compares by how long attempts wait; one that has not been asked for yet comes last.
func (s State) queuedBefore(other State) int {
	waits := func(t *TryState) int {
		if t != nil && t.Queued {
			return 0
		}
		return 1
	}
	if c := cmp.Compare(waits(s.Try), waits(other.Try)); c != 0 || waits(s.Try) == 1 {
		return c
	}
	return s.Try.Since.Compare(other.Try.Since)
}

func (e *entry) refers(ref v1alpha1.RolloutRef) api.Key {
	return Key(cmp.Or(ref.Namespace, e.key.Namespace), ref.Name)
}

// through says whether a phase is one in which others need not wait any more.
func through(phase v1alpha1.RolloutPhase) bool {
	return phase == v1alpha1.PhaseStable || phase == v1alpha1.PhaseHolding
}

// blocked says what keeps a Rollout from beginning.
func (c *company) blocked(e *entry, limits []Limit) (holds []v1alpha1.RolloutHold) {
	hold := func(reason v1alpha1.HoldReason, format string, args ...any) {
		holds = append(holds, v1alpha1.RolloutHold{Reason: reason, Message: fmt.Sprintf(format, args...)})
	}
	for _, ref := range e.rollout.Spec.After {
		key := e.refers(ref)
		other := c.m.entries[key]
		if other == nil {
			hold(v1alpha1.HoldDependency, "there is no Rollout %s/%s to wait for", key.Namespace, key.Name)
			continue
		}
		phase, decided := c.decided[other]
		if !decided {
			if phase = other.status.Phase; other.changed {
				phase = ""
			}
		}
		switch {
		case through(phase), e.isWith(other):
		case phase == "":
			hold(v1alpha1.HoldDependency, "Rollout %s/%s is not through yet", key.Namespace, key.Name)
		default:
			hold(v1alpha1.HoldDependency, "Rollout %s/%s is not through yet, it is %s", key.Namespace, key.Name, phase)
		}
	}
	for _, l := range limits {
		n := c.m.under[l.Scope] + c.under[l.Scope]
		if slices.Contains(e.counted, l.Scope) {
			n--
		}
		for _, other := range c.m.sets[e.set] { // a set is limited as one: else it would wait for itself
			if other != e && slices.Contains(c.countedNow(other), l.Scope) {
				n--
			}
		}
		if n >= l.Max {
			hold(v1alpha1.HoldLimit, "%d of at most %d rollouts of %s are under way", n, l.Max, l.Scope)
		}
	}
	return holds
}

// note takes a decision in.
func (c *company) note(e *entry, r Result) {
	c.decided[e] = r.Phase
	for _, scope := range e.counted {
		c.under[scope]--
	}
	c.counts[e] = scopes(r.State, e.limits)
	for _, scope := range c.counts[e] {
		c.under[scope]++
	}
}

// countedNow gives the scopes in which a Rollout counts, as far as this step has decided.
func (c *company) countedNow(e *entry) []string {
	if _, there := c.counts[e]; there {
		return c.counts[e]
	}
	return e.counted
}

// scopes are those in which a Rollout counts.
func scopes(s State, limits []Limit) []string {
	if !s.under() {
		return nil
	}
	var all []string
	for _, l := range limits {
		all = append(all, l.Scope)
	}
	return all
}

// join makes a stored decision the present for the others. Those that wait for such news are looked at again.
func (m *Manager) join(e *entry, r Result) {
	freed := through(r.Phase) && !through(e.status.Phase)
	counted := scopes(r.State, e.limits)
	for _, scope := range e.counted {
		m.under[scope]--
		freed = freed || !slices.Contains(counted, scope)
	}
	for _, scope := range counted {
		m.under[scope]++
	}
	e.counted = counted
	delete(m.waiting, e)
	for _, h := range r.Holds {
		if h.Reason == v1alpha1.HoldDependency || h.Reason == v1alpha1.HoldLimit {
			m.waiting[e] = struct{}{}
		}
	}
	if freed {
		m.news = true
	}
}

// leave takes a Rollout that is gone out of the company.
func (m *Manager) leave(e *entry) {
	for _, scope := range e.counted {
		m.under[scope]--
	}
	delete(m.waiting, e)
	m.news = true
}

// wakeWaiting has those looked at again that wait for others, where there is news for them.
func (m *Manager) wakeWaiting() {
	if !m.news {
		return
	}
	m.news = false
	for e := range m.waiting {
		m.mark(e)
	}
}
