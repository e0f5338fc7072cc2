package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// limited observes two ready versions, with limits.
func limited(limits ...Limit) ObserveFunc {
	o := ready("v1", "v2")(nil, nil)
	o.Limits = limits
	return seeing(o)
}

// stepAll steps until nothing is left to do at the moment.
func stepAll(t *testing.T, m *Manager, observe ObserveFunc, now time.Time) {
	t.Helper()
	for range 10 {
		_, wake, err := m.Step(observe, now)
		if err != nil {
			t.Fatal(err)
		}
		if wake.IsZero() || wake.After(now) {
			return
		}
	}
	t.Fatal("there is no end")
}

func phases(m *Manager, names ...string) string {
	var out []string
	for _, n := range names {
		d, _ := m.Decision(Key("shop", n))
		out = append(out, string(d.Status.Phase))
	}
	return strings.Join(out, " ")
}

func message(m *Manager, name string) string {
	d, _ := m.Decision(Key("shop", name))
	return d.Status.Message
}

func after(spec v1alpha1.RolloutSpec, names ...string) v1alpha1.RolloutSpec {
	for _, n := range names {
		spec.After = append(spec.After, v1alpha1.RolloutRef{Name: n})
	}
	return spec
}

func TestLimits(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	m := newManager(t, store)
	observe := limited(Limit{Scope: "fleet default", Max: 2})
	all := []string{"a", "b", "c", "d"}
	for _, n := range all {
		m.Set(rolloutNamed(n, tries("v1", []string{"v2"}, "5", "pause")))
	}
	stepAll(t, m, observe, epoch)
	if got := phases(m, all...); got != "Stable Stable Stable Stable" {
		t.Fatal(got)
	}
	// d is asked for first; all others in one step.
	for i, n := range []string{"d", "a", "b", "c"} {
		m.Set(rolloutNamed(n, tries("v2", []string{"v1"}, "5", "pause")))
		if i == 0 {
			stepAll(t, m, observe, epoch.Add(time.Second))
		}
	}
	stepAll(t, m, observe, epoch.Add(2*time.Second))
	if got := phases(m, all...); got != "Paused Waiting Waiting Paused" {
		t.Fatal(got)
	}
	if got := message(m, "b"); !strings.Contains(got, "v2 waits: 2 of at most 2 rollouts of fleet default are under way") {
		t.Error(got)
	}
	// c is asked for again and so waits for longer than it did; b takes the place that a leaves.
	act := func(name string, kind ActionKind, now time.Time) {
		t.Helper()
		if err := m.Act(Key("shop", name), Action{Kind: kind}, now); err != nil {
			t.Fatal(err)
		}
		stepAll(t, m, observe, now)
	}
	act("a", Abort, epoch.Add(time.Minute))
	if got := phases(m, all...); got != "Aborted Paused Waiting Paused" {
		t.Fatal(got)
	}
	// After a restart, those under way still are, and nobody overtakes.
	m = newManager(t, store)
	for _, n := range all {
		m.Set(rolloutNamed(n, tries("v2", []string{"v1"}, "5", "pause")))
	}
	stepAll(t, m, observe, epoch.Add(2*time.Minute))
	if got := phases(m, all...); got != "Aborted Paused Waiting Paused" {
		t.Fatal(got)
	}
	act("a", Retry, epoch.Add(3*time.Minute)) // behind c
	act("d", Promote, epoch.Add(4*time.Minute))
	if got := phases(m, all...); got != "Waiting Paused Paused Holding" {
		t.Fatal(got)
	}
	// Somebody says that it is to go on all the same.
	act("a", Promote, epoch.Add(5*time.Minute))
	if got := phases(m, all...); got != "Paused Paused Paused Holding" {
		t.Fatal(got)
	}
	m.Delete(Key("shop", "b"))
	m.Delete(Key("shop", "a"))
	m.Set(rolloutNamed("e", tries("v1", []string{"v2"}, "5", "pause")))
	stepAll(t, m, observe, epoch.Add(6*time.Minute))
	m.Set(rolloutNamed("e", tries("v2", []string{"v1"}, "5", "pause")))
	stepAll(t, m, observe, epoch.Add(7*time.Minute))
	if got := phases(m, "c", "e"); got != "Paused Paused" {
		t.Fatal(got)
	}
	if n := m.under["fleet default"]; n != 2 {
		t.Errorf("%d count as under way", n)
	}
}

func TestRolloutsAfterOthers(t *testing.T) {
	m := newManager(t, &memory{})
	observe := limited()
	// They are named against the order of their names.
	set := func(to, from string) {
		m.Set(rolloutNamed("a", after(tries(to, []string{from}, "5", "pause"), "b")))
		m.Set(rolloutNamed("b", after(toActive(to, from), "c")))
		m.Set(rolloutNamed("c", tries(to, []string{from}, "5", "pause")))
	}
	set("v1", "v2")
	stepAll(t, m, observe, epoch)
	if got := phases(m, "a", "b", "c"); got != "Stable Stable Stable" {
		t.Fatal(got)
	}
	set("v2", "v1")
	stepAll(t, m, observe, epoch)
	if got := phases(m, "a", "b", "c"); got != "Waiting Waiting Paused" {
		t.Fatal(got)
	}
	if got := message(m, "b"); !strings.Contains(got, "Rollout shop/c is not through yet, it is Paused") {
		t.Error(got)
	}
	if err := m.Act(Key("shop", "c"), Action{Kind: Promote}, epoch); err != nil {
		t.Fatal(err)
	}
	stepAll(t, m, observe, epoch)
	if got := phases(m, "a", "b", "c"); got != "Paused Holding Holding" {
		t.Fatal(got)
	}
	// What goes back waits for nobody.
	set("v1", "v2")
	stepAll(t, m, observe, epoch)
	if got := phases(m, "a", "b", "c"); got != "Stable Holding Stable" {
		t.Fatal(got)
	}
	// One that is not there, or waits in turn, is waited for; somebody can say to go on.
	m.Set(rolloutNamed("a", after(tries("v2", []string{"v1"}, "5", "pause"), "nobody")))
	stepAll(t, m, observe, epoch)
	if got := message(m, "a"); !strings.Contains(got, "there is no Rollout shop/nobody to wait for") {
		t.Error(got)
	}
	m.Set(rolloutNamed("nobody", byHand("v1=100")))
	stepAll(t, m, observe, epoch)
	if got := phases(m, "a"); got != "Paused" {
		t.Fatal(got)
	}
}
