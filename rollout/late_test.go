package rollout

import (
	"testing"

	"github.com/gateway-cp/gateway-cp/api"
)

// late is a store whose states are kept when it is told so.
type late struct {
	memory
	awaits map[api.Key]bool
}

func (s *late) Save(states map[api.Key]*State, news map[api.Key][]Record) error {
	for k := range states {
		s.awaits[k] = true
	}
	return s.memory.Save(states, news)
}

func (s *late) Awaits(k api.Key) bool { return s.awaits[k] }

// kept has states be kept, and the Manager be told.
func (s *late) kept(m *Manager, names ...string) {
	var keys []api.Key
	for _, n := range names {
		keys = append(keys, Key("shop", n))
		delete(s.awaits, Key("shop", n))
	}
	m.Saved(keys)
}

// What flips together has its effect at once, too, where the states are kept one after the other.
func TestFlipTogetherKeptLater(t *testing.T) {
	s := &late{awaits: map[api.Key]bool{}}
	w := newTogether(t)
	w.m = newManager(t, s)
	for _, n := range []string{"a", "b"} {
		w.seen[n] = ready("blue", "green")(nil, nil)
	}
	w.ask("blue", "a", "b")
	w.is(t, "", "a", "b")
	s.kept(w.m, "a")
	w.is(t, "", "a", "b")
	s.kept(w.m, "b")
	w.is(t, "blue blue", "a", "b")
	w.ask("green", "a", "b")
	w.is(t, "blue blue", "a", "b")
	s.kept(w.m, "b")
	w.is(t, "blue blue", "a", "b")
	w.m.Touch(Key("shop", "b")) // what happens meanwhile waits for both
	w.is(t, "blue blue", "a", "b")
	s.kept(w.m, "a")
	w.is(t, "green green", "a", "b")
	if w.m.Pending() != 2 {
		t.Errorf("%d decisions are to be kept, not the next two", w.m.Pending())
	}
}
