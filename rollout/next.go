package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Result is what Next answers.
type Result struct {
	State State

	// Every version that is kept, with its weight: those of the spec in its order, then the
	// ones that it no longer names. The weights sum to v1alpha1.WeightTotal. Empty only when
	// the spec cannot be used and there is no state either: the Rollout has no effect.
	Versions []v1alpha1.VersionStatus

	// The name of the version that has most of the traffic; only with blueGreen and canary.
	Live string

	// Where a canary stands; only with canary.
	Canary *v1alpha1.CanaryStatus

	// What it waits for, other than endpoints and time.
	Holds []v1alpha1.RolloutHold

	// What it comes to in the words of Kubernetes, without times.
	Conditions []metav1.Condition

	// The requests to hooks that are to be on their way.
	Calls []Call

	Phase   v1alpha1.RolloutPhase
	Message string  // why it stands where it stands, for people
	Events  []Event // what this call changed

	// When to call again though nothing else changed; zero: never.
	Wake time.Time
}

// Next says where the traffic is at the time now. It is pure, and at rest after one call:
// called with its own state and otherwise the same, it changes nothing and has no events.
//
// A spec that cannot be used (admission refuses it) leaves everything as it is.
func Next(spec v1alpha1.RolloutSpec, state State, observed Observed, now time.Time) Result {
	s := newStep(spec, state, observed, now)
	switch {
	case spec.Traffic != nil && spec.BlueGreen == nil && spec.Canary == nil:
		return s.traffic(spec.Traffic)
	case spec.Traffic == nil && spec.BlueGreen != nil && spec.Canary == nil:
		return s.blueGreen(*spec.BlueGreen)
	case spec.Traffic == nil && spec.BlueGreen == nil && spec.Canary != nil:
		return s.canary(*spec.Canary)
	}
	return s.stay("exactly one of spec.traffic, spec.blueGreen and spec.canary must be set")
}

// Candidates gives the versions that Next looks at: those of the spec and those of the state,
// with the weights of the state. They are what has to be observed.
func Candidates(spec v1alpha1.RolloutSpec, state State) []v1alpha1.VersionStatus {
	s := newStep(spec, state, Observed{}, time.Time{})
	return s.statuses()
}

// step is one call of Next in the making.
type step struct {
	before   State
	observed Observed
	now      time.Time // without a monotonic reading, since it is compared with stored times
	settling time.Duration
	versions []*version
	first    bool // no version has ever had traffic
	asks     func(name string) bool

	hooks    []v1alpha1.Hook
	windows  []v1alpha1.FreezeWindow
	tried    *TryState  // State.Try, to be changed
	ending   *TryState  // State.Ending
	flipping *FlipState // State.Flip, to be changed
	holds    []v1alpha1.RolloutHold
	doubted  bool // a hook does not answer, and somebody has to say what happens
	calls    []Call

	message []string
	events  []Event
	wake    time.Time
}

// version is what spec, state and observation say of one version.
type version struct {
	VersionState
	id     string
	label  string // name, with the selector where two versions have the same name
	inSpec bool
	had    int32        // the weight before this call
	old    VersionState // all of it before this call
	was    bool         // Waiting before this call
	want   int32        // the weight asked for
	seen   VersionObserved
	known  bool // something was observed

	admitted bool      // it passed the gate in this call
	failing  bool      // every Envoy finds it unhealthy, for long enough to act on it
	recheck  time.Time // when its health is to be looked at again, if it has traffic; zero: never
	why      string    // why it waits: a sentence for people, without its subject
}

// empty: it is known that traffic sent there fails.
func (v *version) empty() bool { return v.known && v.seen.Ready <= 0 }

func newStep(spec v1alpha1.RolloutSpec, state State, observed Observed, now time.Time) *step {
	s := &step{before: state.sound(), observed: observed, now: now.UTC().Round(0)}
	if !observed.SettleUntil.IsZero() {
		s.settling = max(0, observed.SettleUntil.Sub(now))
	}
	s.first, s.asks = len(s.before.Versions) == 0, asked(spec)
	s.hooks, s.windows = distinct(spec.Hooks), spec.Freeze
	s.tried, s.ending = s.before.Try.clone(), s.before.Ending.clone()
	if s.before.Flip != nil && spec.BlueGreen != nil {
		s.flipping = new(*s.before.Flip)
	}
	byID := map[string]*version{}
	add := func(name string, selector map[string]string) *version {
		id := v1alpha1.VersionID(name, selector)
		v := byID[id]
		if v == nil {
			v = &version{VersionState: VersionState{Name: name, Selector: selector}, id: id}
			v.seen, v.known = observed.Versions[id]
			byID[id] = v
			s.versions = append(s.versions, v)
		}
		return v
	}
	for _, sv := range spec.Versions {
		// Of two versions with one name the first counts: the name must mean one thing.
		if s.named(sv.Name) == nil {
			add(sv.Name, sv.Selector).inSpec = true
		}
	}
	for _, old := range s.before.Versions {
		v := add(old.Name, old.Selector)
		v.VersionState = old
		v.had, v.was, v.old = old.Weight, old.Waiting, old
	}
	s.relabel()
	return s
}

// relabel gives the versions their labels: names as long as these are clear.
func (s *step) relabel() {
	names := map[string]int{}
	for _, v := range s.versions {
		names[v.Name]++
	}
	for _, v := range s.versions {
		v.label = v.Name
		if names[v.Name] > 1 {
			v.label = v.Name + " (" + labels.FormatLabels(v.Selector) + ")"
		}
	}
}

// named finds a version of the spec.
func (s *step) named(name string) *version {
	for _, v := range s.versions {
		if v.inSpec && v.Name == name {
			return v
		}
	}
	return nil
}

// keep drops the versions that f does not keep.
func (s *step) keep(f func(*version) bool) {
	s.versions = slices.DeleteFunc(s.versions, func(v *version) bool {
		if f(v) {
			return false
		}
		if v.was {
			s.event(EventAbandoned, false, "%s is no longer asked for; it had no traffic yet", v.label)
		}
		return true
	})
	s.relabel()
}

// leaveFailing takes the weight of versions that are empty or unhealthy and gives it to the other
// versions that have some, in proportion. When all are, weights stay.
func (s *step) leaveFailing() {
	avoid := s.avoided()
	shares := make([]int64, len(s.versions))
	var lost int32
	for i, v := range s.versions {
		if v.Weight > 0 && avoid(v) {
			lost += v.Weight
		} else {
			shares[i] = int64(v.Weight)
		}
	}
	if lost == 0 || lost == v1alpha1.WeightTotal {
		return
	}
	for i, w := range apportion(v1alpha1.WeightTotal, shares) {
		s.versions[i].Weight = w
	}
}

func (s *step) say(format string, args ...any) {
	s.message = append(s.message, fmt.Sprintf(format, args...))
}

func (s *step) event(reason EventReason, warning bool, format string, args ...any) {
	s.events = append(s.events, Event{Reason: reason, Warning: warning, Message: fmt.Sprintf(format, args...)})
}

// wakeAt asks to be called at t, unless something is due before.
func (s *step) wakeAt(t time.Time) {
	if s.wake.IsZero() || t.Before(s.wake) {
		s.wake = t
	}
}

// stay leaves everything as it is, since the spec cannot be used.
func (s *step) stay(format string, args ...any) Result {
	s.say("this spec cannot be used, the traffic stays as it is: "+format, args...)
	kept := map[string]bool{}
	for _, v := range s.before.Versions {
		kept[v.ID()] = true
	}
	s.versions = slices.DeleteFunc(s.versions, func(v *version) bool { return !kept[v.id] })
	s.relabel()
	r := s.result(v1alpha1.PhaseWaiting)
	r.State.Canary = s.before.Canary
	return r
}

// weightEvents tells of versions that were left for having no endpoints, and of the new split.
func (s *step) weightEvents() {
	var parts []string
	for _, v := range s.versions {
		if v.Weight == v.had {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s → %s", v.label, percent(v.had), percent(v.Weight)))
		if v.Weight == 0 && v.empty() {
			s.event(EventVersionEmpty, true, "%s has no ready endpoints; its %s went to the others", v.label, percent(v.had))
		}
	}
	if len(parts) > 0 {
		s.event(EventWeightsChanged, false, "%s", strings.Join(parts, ", "))
	}
}

func (s *step) result(phase v1alpha1.RolloutPhase) Result {
	s.showEvents()
	r := Result{
		Versions: s.statuses(),
		Phase:    phase,
		Message:  strings.Join(s.message, "; "),
		Holds:    s.holds,
		Calls:    s.calls,
		Events:   s.events,
	}
	r.State.Try, r.State.Ending, r.State.Left, r.State.Flip = s.tried, s.ending, s.leave(), s.flipping
	r.Conditions = s.conditions(r)
	r.Wake = s.wake
	for _, v := range s.versions {
		r.State.Versions = append(r.State.Versions, v.VersionState)
	}
	return r
}

func (s *step) statuses() []v1alpha1.VersionStatus {
	var out []v1alpha1.VersionStatus
	for _, v := range s.versions {
		out = append(out, v.shows())
	}
	return out
}

// shares writes the weights for people.
func (s *step) shares() string {
	var parts []string
	for _, v := range s.versions {
		if v.Weight > 0 {
			parts = append(parts, v.label+" "+percent(v.Weight))
		}
	}
	return strings.Join(parts, ", ")
}
