package rollout

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// flipsWith is a Rollout that flips with others.
func flipsWith(set, active string) v1alpha1.RolloutSpec {
	return v1alpha1.RolloutSpec{
		Versions:  testVersions("blue", "green"),
		BlueGreen: &v1alpha1.BlueGreen{Active: active, Together: set, HoldOld: duration(0)},
	}
}

// together is a world of Rollouts that flip together: what is observed of each can be set.
type together struct {
	m    *Manager
	seen map[string]Observed
	now  time.Time
}

func newTogether(t testing.TB, names ...string) *together {
	w := &together{m: newManager(t, &memory{}), seen: map[string]Observed{}, now: epoch}
	for _, n := range names {
		w.seen[n] = ready("blue", "green")(nil, nil)
		w.m.Set(rolloutNamed(n, flipsWith("shop", "blue")))
	}
	return w
}

func (w *together) step(t testing.TB) {
	t.Helper()
	w.now = w.now.Add(time.Second)
	_, _, err := w.m.Step(func(r *v1alpha1.Rollout, _ []v1alpha1.VersionStatus) Observed { return w.seen[r.Name] }, w.now)
	if err != nil {
		t.Fatal(err)
	}
}

func (w *together) ask(active string, names ...string) {
	for _, n := range names {
		w.m.Set(rolloutNamed(n, flipsWith("shop", active)))
	}
}

// look has one looked at that shows the given number of ready endpoints of green, and refusals.
func (w *together) look(name string, green int, refusals ...string) {
	o := ready("blue", "green")(nil, nil)
	o.Versions[testVersion("green").ID()] = VersionObserved{Ready: green, Total: 1}
	o.Refusals = refusals
	w.seen[name] = o
	w.m.Touch(Key("shop", name))
}

// live gives the version that has all traffic, of each.
func (w *together) live(names ...string) string {
	var all []string
	for _, n := range names {
		d, _ := w.m.Decision(Key("shop", n))
		for _, v := range d.Status.Versions {
			if v.Weight == v1alpha1.WeightTotal {
				all = append(all, v.Name)
			}
		}
	}
	return strings.Join(all, " ")
}

func (w *together) is(t testing.TB, want string, names ...string) {
	t.Helper()
	w.step(t)
	if got := w.live(names...); got != want {
		t.Fatalf("the traffic is on %s, not on %s: %s", got, want, message(w.m, names[0]))
	}
}

func (w *together) says(t testing.TB, name, want string) {
	t.Helper()
	if got := message(w.m, name); !strings.Contains(got, want) {
		t.Errorf("%s says %q, without %q", name, got, want)
	}
}

// Two flip in one step, once both ask for the same version and are ready for it.
func TestFlipTogether(t *testing.T) {
	w := newTogether(t, "a", "b")
	w.look("b", 0)
	w.is(t, "blue blue", "a", "b")
	w.ask("green", "a")
	w.is(t, "blue blue", "a", "b")
	w.says(t, "a", "green is ready, and waits to flip together: Rollout shop/b asks for blue")
	w.ask("green", "b")
	w.is(t, "blue blue", "a", "b")
	w.says(t, "a", "Rollout shop/b is not ready: green has no ready endpoints (0 of 1)")
	w.look("b", 1)
	w.is(t, "green green", "a", "b")
	// Longer than holdOld, for the way back; then it is gone.
	if got := phases(w.m, "a", "b"); got != "Holding Holding" {
		t.Error(got)
	}
	w.now = w.now.Add(FlipWatch)
	w.is(t, "green green", "a", "b")
	if got := phases(w.m, "a", "b"); got != "Stable Stable" {
		t.Error(got)
	}
	// What is refused later is no reason to go back.
	w.look("a", 1, "Envoy e1 refuses route r: no")
	w.is(t, "green green", "a", "b")
	// One that leaves the set holds nobody up.
	w.look("a", 1)
	w.look("b", 0)
	w.ask("blue", "a", "b")
	w.is(t, "blue blue", "a", "b")
	w.ask("green", "a", "b")
	w.is(t, "blue blue", "a", "b")
	w.m.Delete(Key("shop", "b"))
	w.is(t, "green", "a")
}

// What an Envoy refuses of one takes both back, until somebody says retry.
func TestAFlipTogetherIsTakenBack(t *testing.T) {
	w := newTogether(t, "a", "b", "c")
	w.is(t, "blue blue blue", "a", "b", "c")
	w.ask("green", "a", "b", "c")
	w.is(t, "green green green", "a", "b", "c")
	w.look("b", 1, "Envoy e1 refuses route r: no")
	w.is(t, "blue blue blue", "a", "b", "c")
	if got := phases(w.m, "a", "b", "c"); got != "Aborted Aborted Aborted" {
		t.Error(got)
	}
	w.says(t, "a", "green does not get the traffic: Envoy e1 refuses route r: no; say retry")
	w.look("b", 1)
	w.is(t, "blue blue blue", "a", "b", "c")
	if err := w.m.Act(Key("shop", "c"), Action{Kind: Retry}, w.now); err != nil {
		t.Fatal(err)
	}
	w.is(t, "green green green", "a", "b", "c")
	// The way back is free, whatever is refused.
	w.look("a", 1, "Envoy e1 refuses route r: no")
	w.ask("blue", "a", "b", "c")
	w.is(t, "blue blue blue", "a", "b", "c")
	// Refused before a flip: nobody flips.
	w.now = w.now.Add(FlipWatch)
	w.step(t)
	w.ask("green", "a", "b", "c")
	w.is(t, "blue blue blue", "a", "b", "c")
	w.says(t, "b", "green is ready, and waits to flip together: Envoy e1 refuses route r: no")
	w.look("a", 1)
	w.is(t, "green green green", "a", "b", "c")
}

// A limit of one Rollout at a time is no reason for a set to wait for itself, nor is an order within it.
func TestASetIsLimitedAsOne(t *testing.T) {
	w := newTogether(t, "a", "b")
	w.is(t, "blue blue", "a", "b")
	for _, n := range []string{"a", "b"} {
		spec := flipsWith("shop", "green")
		if n == "a" {
			spec = after(spec, "b")
		}
		w.m.Set(rolloutNamed(n, spec))
		w.look(n, 0)
		o := w.seen[n]
		o.Limits = []Limit{{Scope: "fleet default", Max: 1}}
		w.seen[n] = o
	}
	w.is(t, "blue blue", "a", "b")
	for _, n := range []string{"a", "b"} {
		w.look(n, 1)
	}
	w.is(t, "green green", "a", "b")
}

// Whatever happens, in whatever order: those of a set that name one version are on one version.
func TestASetIsNeverApart(t *testing.T) {
	flips := 0
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"a", "b", "c"}
		w := newTogether(t, names...)
		w.is(t, "blue blue blue", names...)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "name")
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				w.ask(rapid.SampledFrom([]string{"blue", "green"}).Draw(rt, "active"), names...)
			case 1:
				w.ask(rapid.SampledFrom([]string{"blue", "green"}).Draw(rt, "active"), name)
			case 2:
				var refusals []string
				if rapid.Bool().Draw(rt, "refused") {
					refusals = []string{"Envoy e1 refuses route r: no"}
				}
				w.look(name, rapid.IntRange(0, 1).Draw(rt, "ready"), refusals...)
			case 3:
				w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Second, FlipWatch, -FlipWatch}).Draw(rt, "passes"))
			default:
				_ = w.m.Act(Key("shop", name), Action{Kind: Retry}, w.now)
			}
			before := w.live(names...)
			w.step(t)
			now := w.live(names...)
			if now != "blue blue blue" && now != "green green green" {
				rt.Fatalf("apart: %s, after %s: %s", now, before, message(w.m, name))
			}
			if now != before {
				flips++
			}
		}
	})
	if flips < 20 {
		t.Errorf("only %d flips: this shows nothing", flips)
	}
}
