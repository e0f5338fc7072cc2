package rollout

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/calendar"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// walker draws what happens to one Rollout, from a seed.
type walker struct {
	*rand.Rand
	spec  v1alpha1.RolloutSpec
	seen  Observed
	now   time.Time
	state State
	calls []Call
}

func (w *walker) one(of ...string) string { return of[w.IntN(len(of))] }

func (w *walker) duration() time.Duration {
	return []time.Duration{0, time.Second, 7 * time.Second, time.Minute}[w.IntN(4)]
}

// newSpec draws a canary over three versions, or another strategy.
func (w *walker) newSpec() {
	versions := []string{"v1", "v2", "v3/" + w.one("a", "b")}
	switch to := versions[w.IntN(3)]; w.IntN(12) {
	case 0:
		w.spec = byHand("v1=30", "v2=70")
	case 1:
		w.spec = toActive(to)
	case 2:
		w.spec = toActive(to)
		w.spec.Versions = testVersions(versions...)
		w.spec.BlueGreen.Preview = &v1alpha1.Preview{Version: testVersion(w.one(versions...)).Name, Match: testers}
	default:
		var steps []string
		for range w.IntN(5) {
			steps = append(steps, w.one("0.01", "5", "40", "100", "pause", "pause 1s", "pause 1m", "ramp 20 5s", "ramp 100 1m", "ramp 3 0s", "match", "match", "match none", "mirror 20", "mirror 0"))
		}
		w.spec = tries(to, slices.DeleteFunc(versions, func(v string) bool { return v == to }), steps...)
		c := w.spec.Canary
		c.Bake, c.HoldOld, c.Deadline = duration(w.duration()), duration(w.duration()), duration(w.duration())
		if w.IntN(2) == 0 {
			c.MinHealthy = new(intstr.FromInt32(int32(w.IntN(3))))
		}
		if w.IntN(3) == 0 {
			c.ProgressDeadline = duration(w.duration())
		}
	}
	w.newCompany()
}

// newCompany draws what may keep a rollout from going on.
func (w *walker) newCompany() {
	w.seen.Freezes, w.seen.Holds = nil, nil
	if w.IntN(4) == 0 {
		w.seen.Freezes = []v1alpha1.FreezeWindow{{Name: "night", Schedule: w.one("0 13 * * *", "*/2 * * * *"), Duration: duration(time.Minute)}}
	}
	if w.IntN(8) == 0 {
		w.seen.Holds = []v1alpha1.RolloutHold{{Reason: v1alpha1.HoldDependency, Message: "Rollout shop/db"}}
	}
	for w.spec.Traffic == nil && w.IntN(2) == 0 {
		moment := v1alpha1.HookMoment(w.one("before", "increase", "during", "promotion", "after", "rollback"))
		w.spec.Hooks = append(w.spec.Hooks, v1alpha1.Hook{
			Name: fmt.Sprint(moment, len(w.spec.Hooks)), When: moment, Retries: new(int32(w.IntN(2))), Interval: duration(w.duration()),
			OnInconclusive: v1alpha1.InconclusiveAction(w.one("", "pause", "rollback", "promote")),
		})
	}
}

// answer has a hook that is asked say something.
func (w *walker) answer() {
	if len(w.calls) == 0 {
		return
	}
	c := w.calls[w.IntN(len(w.calls))]
	outcome := AnswerOutcome(w.one("yes", "yes", "yes", "no", "notYet", "none"))
	w.seen.Answers = map[string]Answer{c.Key: {Attempt: c.Attempt, Outcome: outcome, After: w.duration()}}
}

// newSight draws what is observed of one version; it is fine half of the time.
func (w *walker) newSight() {
	id := testVersion(w.one("v1", "v2", "v3/a", "v3/b")).ID()
	o := VersionObserved{Ready: 3, Total: 3, Checked: w.IntN(2) == 0}
	if w.IntN(2) == 0 {
		o.Ready = w.IntN(4)
	}
	for i := range w.IntN(3) {
		e := EnvoyObserved{Name: fmt.Sprintf("e%d", i), Warm: w.IntN(4) > 0, Healthy: o.Ready, Reported: true}
		if w.IntN(3) == 0 {
			e.Healthy = w.IntN(o.Ready + 1)
		}
		o.Envoys = append(o.Envoys, e)
	}
	if w.seen.Versions[id] = o; w.IntN(20) == 0 {
		delete(w.seen.Versions, id)
	}
}

func (w *walker) happen() {
	switch n := w.IntN(40); {
	case n == 0:
		w.newSpec()
	case n < 12:
		w.newSight()
	case n == 12:
		a := Action{Kind: Actions[w.IntN(len(Actions))], Full: w.IntN(3) == 0}
		w.state, _, _ = Act(w.spec, w.state, a, w.now)
	case n == 13:
		w.now = w.now.Add(-w.duration())
	case n < 20:
		w.answer()
	case n == 20:
		w.newCompany()
	default:
		w.now = w.now.Add(w.duration())
	}
}

// TestManyTransitions walks through a million of them at random (fewer with the race detector): the weights always sum exactly, a canary
// grows only while its endpoints are ready and never above what its steps ask, one that was given
// up does not grow, and every state is at rest after one call.
func TestManyTransitions(t *testing.T) {
	const length = 2000
	for part := range 4 {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			for seed := part; seed < walks; seed += 4 {
				w := &walker{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), now: epoch, seen: Observed{Versions: map[string]VersionObserved{}}}
				w.newSpec()
				for n := range length {
					w.happen()
					if problem := w.transition(n); problem != "" {
						t.Fatalf("walk %d, transition %d: %s\n%s", seed, n, problem, asJSON(w.spec, w.state, w.seen, w.now))
					}
				}
			}
		})
	}
}

// transition goes on by one, and says what is wrong about it.
func (w *walker) transition(n int) string {
	r := Next(w.spec, w.state, w.seen, w.now)
	defer func() { w.state, w.calls = r.State, r.Calls }()
	var sum int32
	for i, v := range r.State.Versions {
		if sum += v.Weight; v.Weight < 0 || v.Weight != r.Versions[i].Weight {
			return fmt.Sprintf("weights: %+v", r)
		}
	}
	if sum != v1alpha1.WeightTotal {
		return fmt.Sprintf("the weights sum to %d", sum)
	}
	if n%8 == 0 {
		rest := Next(w.spec, r.State, w.seen, w.now)
		if len(rest.Events) > 0 || !reflect.DeepEqual(r.State, rest.State) || r.Wake != rest.Wake || !reflect.DeepEqual(r.Calls, rest.Calls) {
			return "not at rest: " + asJSON(r, rest)
		}
	}
	if problem := w.shows(r); problem != "" {
		return problem + ": " + asJSON(w.state, r)
	}
	c := r.State.Canary
	if c == nil || w.spec.Canary == nil || len(w.state.Versions) == 0 {
		return ""
	}
	was, is := weightIn(w.state, c.Canary), weightIn(r.State, c.Canary)
	sight := w.seen.Versions[c.Canary]
	rest := w.seen.Versions[c.Stable]
	switch {
	case is <= was || rest.Ready == 0 || weightIn(w.state, c.Stable) == 0 && weightIn(r.State, c.Stable) == 0:
		// Less, or nobody else can have it.
	case weightIn(r.State, c.Stable) == 0 && is == v1alpha1.WeightTotal && c.Share < is:
		// The stable version is unhealthy.
	case c.Stage == canaryAborted:
		return "it was given up, and grows: " + asJSON(r)
	case w.hindered(r.State.Try) && w.state.Canary != nil && c.Share > w.state.Canary.Share:
		return "it grows, whatever is in the way: " + asJSON(r)
	case c.Stage == canaryMoving && is > c.Share:
		return "it grows above what its steps ask: " + asJSON(r)
	case was == 0 && sight.Ready < needed(w.spec.Canary.MinHealthy, sight.Total) && c.Canary != c.Stable:
		return "it grows without endpoints: " + asJSON(r)
	}
	return ""
}

// hindered says, in another way than Next, whether something keeps the share of a canary from growing.
func (w *walker) hindered(t *TryState) bool {
	if t.Queued {
		return true
	}
	for _, h := range w.spec.Hooks {
		a := t.Asked[h.Name]
		stops := a.Verdict == "" || a.Verdict == askNo || a.Verdict == askUnsure && h.OnInconclusive != v1alpha1.InconclusivePromote
		if h.When == v1alpha1.HookBefore && a.Nth > 0 && stops || a.Verdict == askNo && h.When == v1alpha1.HookDuring {
			return true
		}
	}
	return !t.Waived && calendar.At(w.seen.Freezes, w.now).Open != nil
}

func weightIn(s State, id string) int32 {
	for _, v := range s.Versions {
		if v.ID() == id {
			return v.Weight
		}
	}
	return 0
}

// BenchmarkTick steps 1,000 Rollouts whose canaries move with every tick, without a disk.
func BenchmarkTick(b *testing.B) {
	specs := tries("v2", fromV1, "ramp 100 87600h")
	specs.Canary.Steps[0].Ramp.Over = *duration(100 * time.Second)
	seen := ready("v1", "v2")(nil, nil)
	states := make([]State, 1000)
	now := epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		for i := range states {
			if states[i].Canary == nil || states[i].Canary.Stage == canaryDone {
				states[i] = Next(tries("v1", nil), State{}, seen, now).State
			}
			states[i] = Next(specs, states[i], seen, now).State
		}
	}
}

// shows says what is wrong about which versions are shown whatever their weight: only one that is tried, or that
// the spec names, and it begins only with enough endpoints and ends when it has none; copies are for one without a share.
func (w *walker) shows(r Result) string {
	for i, v := range r.State.Versions {
		if !reflect.DeepEqual(v.Match, r.Versions[i].Match) || !reflect.DeepEqual(v.Mirror, r.Versions[i].Mirror) {
			return "the status says something else than the state"
		}
		if !v.shown() {
			continue
		}
		before := slices.IndexFunc(w.state.Versions, func(b VersionState) bool { return b.ID() == v.ID() && b.shown() })
		sight, known := w.seen.Versions[v.ID()]
		need := 1
		switch c := r.State.Canary; {
		case w.spec.Canary != nil && (c.Stage != canaryMoving || c.Canary != v.ID()):
			return "one that is not tried is shown"
		case w.spec.Canary != nil:
			need = needed(w.spec.Canary.MinHealthy, sight.Total)
		case w.spec.BlueGreen == nil || w.spec.BlueGreen.Preview == nil || w.spec.BlueGreen.Preview.Version != v.Name:
			return "one is shown that nobody asks for"
		}
		switch {
		case v.Mirror != nil && v.Weight > 0:
			return "copies beside a share"
		case known && sight.Ready == 0 && v.Weight == 0:
			return "an empty one is shown"
		case before < 0 && v.Weight == 0 && sight.Ready < need && weightIn(w.state, v.ID()) == 0:
			return "one is shown without enough endpoints"
		}
	}
	return ""
}
