package rollout

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// A flip, from before it until the old version can go, in the words of kubectl wait.
func TestConditionsOfAFlip(t *testing.T) {
	const drain = 7 * time.Second
	now := time.Unix(1_700_000_000, 0)
	selector := func(v string) map[string]string { return map[string]string{"version": v} }
	spec := func(active string) v1alpha1.RolloutSpec {
		return v1alpha1.RolloutSpec{
			Versions:  []v1alpha1.Version{{Name: "blue", Selector: selector("blue")}, {Name: "green", Selector: selector("green")}},
			BlueGreen: &v1alpha1.BlueGreen{Active: active, HoldOld: &metav1.Duration{Duration: time.Minute}},
		}
	}
	ready := map[string]int{"blue": 1, "green": 0}
	var state State
	var last Result
	step := func(active string) {
		t.Helper()
		o := Observed{Versions: map[string]VersionObserved{}, Drain: drain}
		for name, n := range ready {
			o.Versions[v1alpha1.VersionID(name, selector(name))] = VersionObserved{Ready: n, Total: 1, Envoys: []EnvoyObserved{{Name: "gw", Warm: true}}}
		}
		last = Next(spec(active), state, o, now)
		state = last.State
		if again := Next(spec(active), state, o, now); len(again.Events) > 0 {
			t.Fatalf("not at rest: %v", again.Events)
		}
	}
	want := func(what string, want map[string]string) {
		t.Helper()
		for typ, is := range want {
			c := meta.FindStatusCondition(last.Conditions, typ)
			if c == nil || string(c.Status)+" "+c.Reason != is {
				t.Errorf("%s: %s is %+v, want %s", what, typ, c, is)
			}
		}
	}
	step("blue")
	want("at first", map[string]string{"Ready": "True Stable", "Progressing": "False Stable", "Degraded": "False AsExpected", "Stalled": "False Stable", "Drained": "True NothingLeft"})
	step("green")
	want("green is not there", map[string]string{"Ready": "False Waiting", "Progressing": "True Waiting", "Drained": "True NothingLeft"})
	ready["green"] = 1
	step("green")
	want("flipped", map[string]string{"Ready": "True Holding", "Progressing": "False Holding", "Drained": "False Held"})
	now = now.Add(time.Minute)
	step("green")
	want("the hold has ended", map[string]string{"Ready": "True Stable", "Drained": "True SafeToDelete"})
	if c := meta.FindStatusCondition(last.Conditions, "Drained"); !strings.Contains(c.Message, "safe to delete: blue") {
		t.Errorf("the message is %q", c.Message)
	}
	ready["green"] = 0
	step("green")
	want("green is empty", map[string]string{"Degraded": "True VersionFails"})
	step("blue") // back, at once
	want("back on blue", map[string]string{"Ready": "True Holding", "Degraded": "False AsExpected", "Drained": "False Held"})
}

// By hand nothing is held; what is under way has the drain time of the fleet.
func TestDrainedByHand(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	versions := []v1alpha1.Version{{Name: "a", Selector: map[string]string{"v": "a"}}, {Name: "b", Selector: map[string]string{"v": "b"}}}
	o := Observed{Drain: 7 * time.Second, Versions: map[string]VersionObserved{}}
	for _, v := range versions {
		o.Versions[v1alpha1.VersionID(v.Name, v.Selector)] = VersionObserved{Ready: 1, Total: 1, Envoys: []EnvoyObserved{{Name: "gw", Warm: true}}}
	}
	spec := func(a, b string) v1alpha1.RolloutSpec {
		return v1alpha1.RolloutSpec{Versions: versions, Traffic: map[string]v1alpha1.Percent{"a": v1alpha1.Percent(intstr.FromString(a)), "b": v1alpha1.Percent(intstr.FromString(b))}}
	}
	first := Next(spec("100", "0"), State{}, o, now)
	moved := Next(spec("0", "100"), first.State, o, now.Add(time.Second))
	c := meta.FindStatusCondition(moved.Conditions, v1alpha1.ConditionDrained)
	if c.Reason != v1alpha1.ReasonDraining || c.Status != metav1.ConditionFalse || !moved.Wake.Equal(now.Add(8*time.Second).UTC()) {
		t.Errorf("Drained is %+v, and it wakes at %s", c, moved.Wake)
	}
	later := Next(spec("0", "100"), moved.State, o, moved.Wake)
	if c := meta.FindStatusCondition(later.Conditions, v1alpha1.ConditionDrained); c.Reason != v1alpha1.ReasonSafeToDelete || c.Message != "safe to delete: a" {
		t.Errorf("Drained is %+v", c)
	}
	if back := Next(spec("50", "50"), later.State, o, moved.Wake); back.State.Left != nil {
		t.Errorf("a has traffic again, and is left: %+v", back.State.Left)
	}
}
