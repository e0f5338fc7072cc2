package rollout

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// keptInMemory is a KeptStore that survives its Follower.
type keptInMemory map[api.Key]Kept

func (m keptInMemory) Load() (map[api.Key]Kept, error) { return maps.Clone(m), nil }

func (m keptInMemory) Save(kept map[api.Key]*Kept) error {
	for k, v := range kept {
		if delete(m, k); v != nil {
			m[k] = *v
		}
	}
	return nil
}

// followedWorld is a Follower of the Rollout shop/web and what is seen of its versions.
type followedWorld struct {
	*testing.T
	f     *Follower
	store keptInMemory
	ready map[string]int // by version
}

func newFollowedWorld(t *testing.T) *followedWorld {
	w := &followedWorld{T: t, store: keptInMemory{}, ready: map[string]int{"blue": 1, "green": 1}}
	w.restart()
	return w
}

func (w *followedWorld) restart() {
	f, err := NewFollower(w.store)
	if err != nil {
		w.Fatal(err)
	}
	w.f = f
}

func versionNamed(name string) v1alpha1.Version {
	return v1alpha1.Version{Name: name, Selector: map[string]string{"version": name}}
}

func (w *followedWorld) set(service string) {
	w.f.Set(rolloutNamed("web", v1alpha1.RolloutSpec{
		TargetRef: v1alpha1.TargetRef{Name: service},
		Versions:  []v1alpha1.Version{versionNamed("blue"), versionNamed("green")},
	}))
}

func decision(blue, green int32) Decision {
	d := Decision{Namespace: "shop", Name: "web", Service: "web"}
	for _, v := range []struct {
		name   string
		weight int32
	}{{"blue", blue}, {"green", green}} {
		version := versionNamed(v.name)
		d.Status.Versions = append(d.Status.Versions, v1alpha1.VersionStatus{Name: v.name, Selector: version.Selector, Weight: v.weight})
		d.State.Versions = append(d.State.Versions, VersionState{Name: v.name, Selector: version.Selector, Weight: v.weight})
	}
	return d
}

// step gives the split that is given out, empty when nothing is.
func (w *followedWorld) step() string {
	w.Helper()
	w.f.Touch(Key("shop", "web"))
	changed, wake, err := w.f.Step(func(*v1alpha1.Rollout, []v1alpha1.VersionStatus) Observed {
		o := Observed{Versions: map[string]VersionObserved{}}
		for name, n := range w.ready {
			o.Versions[v1alpha1.VersionID(name, versionNamed(name).Selector)] = VersionObserved{Ready: n}
		}
		return o
	}, time.Unix(0, 0))
	if err != nil || !wake.IsZero() {
		w.Fatal(wake, err)
	}
	for _, r := range changed {
		return weights(r.Status.Versions)
	}
	return ""
}

func (w *followedWorld) want(what, got, want string) {
	w.Helper()
	if got != want {
		w.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestFollowerDoesAsDecided(t *testing.T) {
	w := newFollowedWorld(t)
	w.set("web")
	w.want("before any decision", w.step(), "")
	if held := w.f.Held()[Key("shop", "web")]; held != undecided {
		t.Errorf("held: %q", held)
	}
	w.f.Take([]Decision{decision(10000, 0)}, nil, true)
	w.want("at first", w.step(), "blue 100%")
	w.f.Take([]Decision{decision(4000, 6000)}, nil, false)
	w.want("next", w.step(), "blue 40%, green 60%")
	w.f.Take([]Decision{decision(4000, 6000)}, nil, true)
	w.want("the same again", w.step(), "")
	if held := w.f.Held(); len(held) > 0 {
		t.Errorf("held: %v", held)
	}
	w.restart()
	w.set("web")
	w.want("after a restart without a leader", w.step(), "blue 40%, green 60%")
}

// The commit that brings the version has not come here yet.
func TestFollowerHoldsBackWhatWouldFailHere(t *testing.T) {
	w := newFollowedWorld(t)
	w.set("web")
	w.f.Take([]Decision{decision(10000, 0)}, nil, true)
	w.step()
	w.ready["green"] = 0
	w.f.Take([]Decision{decision(0, 10000)}, nil, false)
	w.want("green has nothing here", w.step(), "blue 100%")
	if held := w.f.Held()[Key("shop", "web")]; !strings.Contains(held, "green") {
		t.Errorf("held: %q", held)
	}
	w.restart() // what is in effect is kept, not only what was decided
	w.set("web")
	w.want("after a restart", w.step(), "blue 100%")
	w.ready["green"] = 1
	w.want("it has come", w.step(), "green 100%")
	w.ready["green"] = 0
	w.want("it goes again, but nobody decides here", w.step(), "")
}

// A version that is shown elsewhere is shown here once it has endpoints here.
func TestFollowerShowsWhatItHas(t *testing.T) {
	shown := decision(10000, 0)
	green := &shown.Status.Versions[1]
	green.Match, green.Mirror = testers, &v1alpha1.Mirror{}
	seen := Observed{Versions: map[string]VersionObserved{green.ID(): {}}}
	if versions, why := shown.comesTo(nil, seen); versions[1].Match != nil || versions[1].Mirror != nil || why != "" {
		t.Errorf("without endpoints: %+v, %q", versions, why)
	}
	seen.Versions[green.ID()] = VersionObserved{Ready: 1}
	if versions, _ := shown.comesTo(nil, seen); versions[1].Match == nil || versions[1].Mirror == nil || green.Match == nil {
		t.Errorf("with endpoints: %+v", versions)
	}
}

func TestFollowerNeedNotHoldWhereNothingWorksAnyway(t *testing.T) {
	w := newFollowedWorld(t)
	w.set("web")
	w.f.Take([]Decision{decision(10000, 0)}, nil, true)
	w.step()
	w.ready["blue"], w.ready["green"] = 0, 0
	w.f.Take([]Decision{decision(0, 10000)}, nil, false)
	w.want("both are empty", w.step(), "green 100%")
}

func TestFollowerTakesNoDecisionForAnotherService(t *testing.T) {
	w := newFollowedWorld(t)
	w.set("other")
	w.f.Take([]Decision{decision(10000, 0)}, nil, true)
	w.want("for another Service", w.step(), "")
	if held := w.f.Held()[Key("shop", "web")]; !strings.Contains(held, "Service web") {
		t.Errorf("held: %q", held)
	}
	w.set("web")
	w.want("for the same", w.step(), "blue 100%")
}

func TestFollowerForgetsWithTheLeader(t *testing.T) {
	w := newFollowedWorld(t)
	w.set("web")
	w.f.Take([]Decision{decision(10000, 0)}, nil, true)
	w.step()
	w.f.Take(nil, []api.Key{Key("shop", "web")}, false)
	w.step()
	if len(w.store) != 1 {
		t.Error("a Rollout that is still here has lost what was decided on it")
	}
	w.f.Delete(Key("shop", "web"))
	w.f.Take(nil, nil, true)
	w.step()
	if len(w.store) != 0 {
		t.Errorf("kept: %v", w.store)
	}
}

// An Envoy of which nothing is known holds a version back, and does not make one unhealthy.
func TestUnknownEnvoys(t *testing.T) {
	spec := v1alpha1.RolloutSpec{
		Versions:  []v1alpha1.Version{versionNamed("blue"), versionNamed("green")},
		BlueGreen: &v1alpha1.BlueGreen{Active: "green"},
	}
	state := decision(10000, 0).State
	now := time.Unix(1000, 0)
	see := func(unknown, fresh bool) Observed {
		o := Observed{Versions: map[string]VersionObserved{}}
		for _, name := range []string{"blue", "green"} {
			o.Versions[v1alpha1.VersionID(name, versionNamed(name).Selector)] = VersionObserved{
				Ready: 1, Total: 1, Checked: true, Fresh: fresh && name == "green",
				Envoys: []EnvoyObserved{
					{Name: "here", Warm: true, Reported: true, Healthy: map[string]int{"green": 1}[name]},
					{Name: "there", Warm: true, Reported: true, Healthy: 1, Unknown: unknown, Why: "its replica is lost"},
				},
			}
		}
		return o
	}
	r := Next(spec, state, see(true, false), now)
	if weights(r.Versions) != "blue 100%" || !strings.Contains(r.Message, "there (its replica is lost)") {
		t.Errorf("%s: %s", weights(r.Versions), r.Message)
	}
	for _, v := range r.State.Versions {
		if !v.UnhealthySince.IsZero() {
			t.Errorf("%s counts as unhealthy though nothing is known of one Envoy", v.Name)
		}
	}
	if r := Next(spec, state, see(false, true), now); weights(r.Versions) != "blue 100%" {
		t.Errorf("the version had not reached any Envoy: %s", weights(r.Versions))
	}
	if r := Next(spec, state, see(false, false), now); weights(r.Versions) != "green 100%" {
		t.Errorf("%s: %s", weights(r.Versions), r.Message)
	}
}
