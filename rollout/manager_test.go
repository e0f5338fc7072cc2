package rollout

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/state"
)

func openStore(t testing.TB, dir string) (*Store, *state.Store) {
	t.Helper()
	db, err := state.Open(dir, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return NewStore(db), db
}

// spy counts what is saved and can fail.
type spy struct {
	StateStore
	saves int
	err   error
}

func (s *spy) Save(states map[api.Key]*State, news map[api.Key][]Record) error {
	if s.err != nil {
		return s.err
	}
	s.saves++
	return s.StateStore.Save(states, news)
}

func newManager(t testing.TB, store StateStore) *Manager {
	t.Helper()
	m, err := NewManager(store)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func rolloutNamed(name string, spec v1alpha1.RolloutSpec) *v1alpha1.Rollout {
	return &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: spec}
}

// seeing observes the same for every Rollout.
func seeing(o Observed) ObserveFunc {
	return func(*v1alpha1.Rollout, []v1alpha1.VersionStatus) Observed { return o }
}

func ready(names ...string) ObserveFunc {
	o := Observed{Versions: map[string]VersionObserved{}}
	for _, n := range names {
		o.Versions[testVersion(n).ID()] = VersionObserved{Ready: 1, Total: 1}
	}
	return seeing(o)
}

// steps steps and gives "name: Phase version=weight …" for each Rollout that changed.
func steps(t *testing.T, m *Manager, observe ObserveFunc, now time.Time) []string {
	t.Helper()
	changed, _, err := m.Step(observe, now)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range changed {
		s := fmt.Sprintf("%s: %s", r.Name, r.Status.Phase)
		for _, v := range r.Status.Versions {
			s += fmt.Sprintf(" %s=%s", v.Name, percent(v.Weight))
		}
		out = append(out, s)
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestManagerStepsWhatIsDirty(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	watch := &spy{StateStore: store}
	m := newManager(t, watch)
	expect(t, steps(t, m, ready(), epoch))
	m.Set(rolloutNamed("web", toActive("blue", "green")))
	m.Set(rolloutNamed("api", byHand("blue=100")))
	expect(t, steps(t, m, ready("blue"), epoch), "api: Stable blue=100%", "web: Stable blue=100%")
	if n := len(m.Events()); n != 2 {
		t.Errorf("%d events", n)
	}

	// Nothing is dirty: nothing is looked at, written or allocated.
	never := func(*v1alpha1.Rollout, []v1alpha1.VersionStatus) Observed { t.Fatal("looked at"); return Observed{} }
	if n := testing.AllocsPerRun(100, func() { _, _, _ = m.Step(never, epoch) }); n != 0 {
		t.Errorf("a step with nothing to do allocates %v times", n)
	}
	// The same spec again, as a GitOps tool does it every second, is nothing either.
	m.Set(rolloutNamed("web", toActive("blue", "green")))
	m.Touch(Key("shop", "unknown"))
	expect(t, steps(t, m, never, epoch))
	if watch.saves != 1 || len(m.Events()) != 0 {
		t.Errorf("%d saves, events %v", watch.saves, m.Events())
	}

	m.Set(rolloutNamed("web", toActive("green", "blue")))
	expect(t, steps(t, m, ready("blue"), epoch), "web: Waiting green=0% blue=100%")
	m.Touch(Key("shop", "web"))
	expect(t, steps(t, m, ready("blue"), epoch))
	m.Touch(Key("shop", "web"))
	expect(t, steps(t, m, ready("blue", "green"), epoch), "web: Holding green=100% blue=0%")
}

func TestManagerWakes(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	m := newManager(t, store)
	for i, name := range []string{"a", "b", "c"} {
		spec := toActive("blue", "green")
		m.Set(rolloutNamed(name, spec))
		steps(t, m, ready("blue"), epoch)
		spec = toActive("green", "blue")
		spec.BlueGreen.HoldOld = duration(time.Duration(3-i) * time.Minute)
		m.Set(rolloutNamed(name, spec))
		steps(t, m, ready("green"), epoch)
	}
	m.Delete(Key("shop", "b"))
	changed, wake, err := m.Step(ready("green"), epoch)
	if err != nil || len(changed) != 0 || !wake.Equal(epoch.Add(time.Minute)) {
		t.Fatalf("%v %v %v", changed, wake, err)
	}
	expect(t, steps(t, m, ready("green"), epoch.Add(59*time.Second)))
	expect(t, steps(t, m, ready("green"), epoch.Add(time.Minute)), "c: Stable green=100%")
	expect(t, steps(t, m, ready("green"), epoch.Add(3*time.Minute)), "a: Stable green=100%")
	// A wake that moves: the hold of two Rollouts is shortened, one after the other.
	for i, name := range []string{"x", "y", "z", "z", "y"} {
		spec := toActive("green", "blue")
		if i < 3 {
			m.Set(rolloutNamed(name, toActive("blue", "green")))
			steps(t, m, ready("blue"), epoch)
		} else {
			spec.BlueGreen.HoldOld = duration(time.Duration(6-i) * time.Minute)
		}
		m.Set(rolloutNamed(name, spec))
		steps(t, m, ready("green"), epoch)
	}
	for _, c := range []struct {
		after time.Duration
		what  string
	}{{2 * time.Minute, "y"}, {3 * time.Minute, "z"}, {10 * time.Minute, "x"}} {
		expect(t, steps(t, m, ready("green"), epoch.Add(c.after-time.Second)))
		if next := m.wakes.next(); !next.Equal(epoch.Add(c.after)) {
			t.Fatalf("the next wake is %v, not that of %s", next, c.what)
		}
		expect(t, steps(t, m, ready("green"), epoch.Add(c.after)), c.what+": Stable green=100%")
	}
	if _, wake, _ := m.Step(ready("green"), epoch); !wake.IsZero() {
		t.Errorf("wakes at %v though nothing is due", wake)
	}
}

func TestManagerGivesNothingOutThatIsNotStored(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	broken := &spy{StateStore: store}
	m := newManager(t, broken)
	m.Set(rolloutNamed("web", toActive("blue", "green")))
	steps(t, m, ready("blue"), epoch)
	m.Set(rolloutNamed("web", toActive("green", "blue")))

	broken.err = errors.New("disk full")
	changed, wake, err := m.Step(ready("blue", "green"), epoch)
	if !errors.Is(err, broken.err) || len(changed) != 0 || len(m.Events()) != 0 || !wake.After(epoch) {
		t.Fatalf("%v %v %v", changed, wake, err)
	}
	broken.err = nil
	expect(t, steps(t, m, ready("blue", "green"), epoch), "web: Holding green=100% blue=0%")
}

func TestManagerOverRestartsAndDeletes(t *testing.T) {
	dir := t.TempDir()
	var m *Manager
	var db *state.Store
	restart := func() {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var store *Store
		store, db = openStore(t, dir)
		m = newManager(t, store)
	}
	restart()
	m.Set(rolloutNamed("web", toActive("blue", "green")))
	m.Set(rolloutNamed("old", toActive("blue")))
	steps(t, m, ready("blue"), epoch)
	m.Set(rolloutNamed("web", toActive("green", "blue")))
	expect(t, steps(t, m, ready("green"), epoch), "web: Holding green=100% blue=0%")

	restart()
	m.Set(rolloutNamed("web", toActive("green", "blue")))
	// Nothing is known yet, and still the step goes on.
	expect(t, steps(t, m, ready(), epoch.Add(time.Minute)), "web: Holding green=100% blue=0%")
	if got := m.Prune(); !reflect.DeepEqual(got, []api.Key{Key("shop", "old")}) {
		t.Fatalf("pruned %v", got)
	}
	steps(t, m, ready(), epoch)

	restart()
	m.Set(rolloutNamed("old", toActive("red")))
	expect(t, steps(t, m, ready(), epoch), "old: Stable red=100%") // pruned: a first deployment
	m.Delete(Key("shop", "web"))                                   // deleted before it was set
	steps(t, m, ready(), epoch)
	m.Set(rolloutNamed("web", toActive("green", "blue")))
	expect(t, steps(t, m, ready(), epoch), "web: Stable green=100%")

	// A deletion is done once: what was made again under the name is not deleted with the next step.
	m.Set(rolloutNamed("other", toActive("blue")))
	steps(t, m, ready(), epoch)
	if states, err := m.store.Load(); err != nil || len(states[Key("shop", "web")].Versions) != 1 {
		t.Fatalf("%v %v", states, err)
	}

	// Deleted and made again between two steps: a first deployment, too.
	m.Delete(Key("shop", "web"))
	steps(t, m, ready(), epoch)
	if got := m.Events(); len(got) != 1 || got[0].Key != Key("shop", "web") || got[0].Reason != EventEnded || !got[0].Warning {
		t.Errorf("a deletion is told as %+v", got)
	}
	steps(t, m, ready(), epoch)
	if got := m.Events(); len(got) != 0 {
		t.Errorf("told again: %+v", got)
	}
	m.Set(rolloutNamed("web", toActive("blue", "green")))
	steps(t, m, ready(), epoch)
	m.Delete(Key("shop", "web"))
	m.Set(rolloutNamed("web", toActive("blue", "green")))
	expect(t, steps(t, m, ready(), epoch), "web: Stable blue=100%")
	// And with another UID.
	first, second := rolloutNamed("uid", toActive("blue")), rolloutNamed("uid", toActive("green"))
	first.UID, second.UID = types.UID("1"), types.UID("2")
	m.Set(first)
	expect(t, steps(t, m, ready(), epoch), "uid: Stable blue=100%")
	m.Set(second)
	expect(t, steps(t, m, ready(), epoch), "uid: Stable green=100%")
}

func TestManagerGivesCopiesOfWhatChanged(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	m := newManager(t, store)
	r := rolloutNamed("web", toActive("blue"))
	r.Generation = 3
	r.Status.Message = "what somebody wrote into a file"
	m.Set(r)
	changed, _, err := m.Step(ready("blue"), epoch)
	if err != nil || len(changed) != 1 {
		t.Fatal(changed, err)
	}
	got := changed[0]
	if got == r || got.Status.ObservedGeneration != 3 || got.Status.Live != "blue" || r.Status.Phase != "" {
		t.Errorf("%+v", got)
	}
	got.Status.Versions[0].Selector["version"] = "changed by its new owner"
	got.Spec.Versions[0].Selector["version"] = "changed by its new owner"
	m.Touch(Key("shop", "web"))
	expect(t, steps(t, m, ready("blue"), epoch))

	// Another Service: the same status, but the one who reads it must know.
	moved := rolloutNamed("web", toActive("blue"))
	moved.Spec.TargetRef.Name = "other"
	moved.Generation = 3
	m.Set(moved)
	expect(t, steps(t, m, ready("blue"), epoch), "web: Stable blue=100%")
	// Another generation: the status speaks of it.
	again := rolloutNamed("web", moved.Spec)
	again.Generation = 4
	m.Set(again)
	if changed, _, err = m.Step(ready("blue"), epoch); err != nil || len(changed) != 1 || changed[0].Status.ObservedGeneration != 4 {
		t.Errorf("%v %v", changed, err)
	}
}

// TestManagerKilledAtAnyMoment: a manager that is started anew from its store before every step
// gives out what one that runs through does.
func TestManagerKilledAtAnyMoment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := &memory{}
		through := newManagerOf(t, &memory{})
		set := map[string]*v1alpha1.Rollout{}
		now := epoch
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			killed := newManagerOf(t, disk)
			for _, r := range set {
				killed.Set(r)
			}
			name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				delete(set, name)
				for _, m := range []*Manager{killed, through} {
					m.Delete(Key("shop", name))
				}
			case 1, 2:
				set[name] = rolloutNamed(name, drawSpec(t))
				for _, m := range []*Manager{killed, through} {
					m.Set(set[name])
				}
			default:
				now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "passes"))
			}
			seen := seeing(drawObserved(t, now))
			for n := range set {
				through.Touch(Key("shop", n))
			}
			all, wake, err := killed.Step(seen, now)
			_, wakeThrough, errThrough := through.Step(seen, now)
			if err != nil || errThrough != nil || len(all) != len(set) || !wake.Equal(wakeThrough) {
				t.Fatal(err, errThrough, len(all), len(set), wake, wakeThrough)
			}
			for _, r := range all {
				if other := through.entries[Key("shop", r.Name)]; !reflect.DeepEqual(r.Status, other.status) {
					t.Fatalf("killed: %+v\nthrough: %+v", r.Status, other.status)
				}
			}
		}
	})
}

func newManagerOf(t *rapid.T, store StateStore) *Manager {
	m, err := NewManager(store)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// memory is a StateStore that keeps JSON in memory: what a Store does, without a disk.
type memory struct{ states map[api.Key]State }

func (m *memory) Load() (map[api.Key]State, error) {
	if m.states == nil {
		m.states = map[api.Key]State{}
	}
	return maps.Clone(m.states), nil
}

func (m *memory) Save(states map[api.Key]*State, _ map[api.Key][]Record) error {
	for k, st := range states {
		if st == nil {
			delete(m.states, k)
		} else {
			m.states[k] = onDisk(fatal{}, *st)
		}
	}
	return nil
}

type fatal struct{}

func (fatal) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
