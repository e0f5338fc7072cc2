package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// quiet is a canary at 5 % whose analysis has a minute, and what has been counted.
type quiet struct {
	t      *testing.T
	spec   v1alpha1.RolloutSpec
	state  State
	at     time.Duration
	counts map[string]Load
	last   Result
	events []EventReason
}

func newQuiet(t *testing.T, then v1alpha1.InconclusiveAction, steps ...string) *quiet {
	t.Helper()
	spec := tries("v2", fromV1, steps...)
	spec.Canary.From = "v1"
	spec.Canary.Analysis = &v1alpha1.CanaryAnalysis{MaxTime: duration(time.Minute), OnInconclusive: then}
	return &quiet{t: t, spec: spec, counts: map[string]Load{}}
}

// runs lets seconds pass in which both versions answer so many requests each.
func (q *quiet) runs(seconds int, v2, v1 Load) Result {
	q.t.Helper()
	for range seconds {
		seen := Observed{Counting: "1", Versions: map[string]VersionObserved{}}
		for _, v := range q.spec.Versions {
			seen.Versions[v.ID()] = VersionObserved{Ready: 1, Total: 1, Load: q.counts[v.Name]}
		}
		now := epoch.Add(q.at)
		q.last = Next(q.spec, onDisk(q.t, q.state), seen, now)
		if again := Next(q.spec, q.last.State, seen, now); len(again.Events) > 0 || again.Phase != q.last.Phase {
			q.t.Fatalf("not at rest: %s %q, then %s %q with %v", q.last.Phase, q.last.Message, again.Phase, again.Message, again.Events)
		}
		for _, e := range q.last.Events {
			q.events = append(q.events, e.Reason)
		}
		q.state = q.last.State
		q.at += time.Second
		q.counts["v1"] = Load{q.counts["v1"].Success + v1.Success, q.counts["v1"].Error + v1.Error}
		q.counts["v2"] = Load{q.counts["v2"].Success + v2.Success, q.counts["v2"].Error + v2.Error}
	}
	return q.last
}

// is checks phase, share and message after some seconds without requests to the canary.
func (q *quiet) is(seconds int, phase v1alpha1.RolloutPhase, share int32, says string) {
	q.t.Helper()
	if r := q.runs(seconds, Load{}, Load{Success: 95}); r.Phase != phase || weightOf(r, "v2") != share || !strings.Contains(r.Message, says) {
		q.t.Errorf("after %s: %s with %d, want %s with %d: %q has no %q", q.at, r.Phase, weightOf(r, "v2"), phase, share, r.Message, says)
	}
}

func (q *quiet) tell(kind ActionKind) {
	q.t.Helper()
	state, _, err := Act(q.spec, q.state, Action{Kind: kind}, epoch.Add(q.at))
	if err != nil {
		q.t.Fatal(err)
	}
	q.state = state
}

func TestInconclusivePauses(t *testing.T) {
	q := newQuiet(t, "", "5", "pause 90s", "25")
	q.is(50, v1alpha1.PhaseProgressing, 500, "step 2 of 3: waits until")
	q.is(30, v1alpha1.PhaseProgressing, 500, "analysis: not sure after 1m0s: the canary has had no requests")
	q.is(30, v1alpha1.PhasePaused, 500, "step 3 of 3: the analysis is not sure in time, v2 waits to be promoted")
	if n := len(q.events); q.events[n-1] != EventInconclusive || q.events[n-2] == EventInconclusive {
		t.Errorf("events: %v", q.events)
	}
	q.tell(Promote)
	q.is(1, v1alpha1.PhaseHolding, v1alpha1.WeightTotal, "v2 has all traffic")
}

// What is found later counts, too.
func TestInconclusiveGoesOnLooking(t *testing.T) {
	q := newQuiet(t, v1alpha1.InconclusivePause, "5")
	q.is(80, v1alpha1.PhasePaused, 500, "after the last step: the analysis is not sure in time")
	if r := q.runs(300, Load{Success: 5}, Load{Success: 95}); weightOf(r, "v2") != v1alpha1.WeightTotal {
		t.Errorf("good after all: %s: %s", r.Phase, r.Message)
	}
	q = newQuiet(t, v1alpha1.InconclusivePromote, "5", "pause 10m")
	q.is(80, v1alpha1.PhaseProgressing, 500, "step 2 of 2: waits until")
	if r := q.runs(10, Load{Error: 5}, Load{Success: 95}); r.Phase != v1alpha1.PhaseAborted {
		t.Errorf("bad after all: %s: %s", r.Phase, r.Message)
	}
}

func TestInconclusiveRollsBack(t *testing.T) {
	q := newQuiet(t, v1alpha1.InconclusiveRollback, "5", "pause 10m")
	q.is(50, v1alpha1.PhaseProgressing, 500, "step 2 of 2: waits until")
	q.is(30, v1alpha1.PhaseAborted, 0, "v2 was given up: the analysis is not sure after 1m0s: the canary has had no requests")
	// A retry has its own minute.
	q.tell(Retry)
	q.is(50, v1alpha1.PhaseProgressing, 500, "step 2 of 2: waits until")
}

func TestInconclusivePromotes(t *testing.T) {
	q := newQuiet(t, v1alpha1.InconclusivePromote, "5", "analysis", "50", "pause 1h")
	q.is(50, v1alpha1.PhaseProgressing, 500, "step 2 of 4: v2 goes on once the analysis has found it good enough")
	q.is(30, v1alpha1.PhaseProgressing, 5000, "step 4 of 4: waits until")
}

// A step waits for the analysis; promote ends the wait, and that of the last step is another one.
func TestAnalysisIsAStep(t *testing.T) {
	q := newQuiet(t, "", "5", "analysis", "50", "pause 1h")
	q.spec.Canary.Analysis.MaxTime = nil
	q.is(80, v1alpha1.PhaseProgressing, 500, "step 2 of 4: v2 goes on once the analysis has found it good enough")
	if r := q.runs(300, Load{Success: 5}, Load{Success: 95}); weightOf(r, "v2") != 5000 {
		t.Errorf("%s: %s", r.Phase, r.Message)
	}
	q = newQuiet(t, "", "5", "analysis")
	q.spec.Canary.Analysis.MaxTime = nil
	q.is(10, v1alpha1.PhaseProgressing, 500, "step 2 of 2: v2 goes on once")
	q.tell(Promote)
	q.is(10, v1alpha1.PhaseProgressing, 500, "after the last step: v2 gets all traffic once the analysis has found it good enough")
}

// Nothing is decided for want of requests.
func TestMinRequests(t *testing.T) {
	q := newQuiet(t, "", "5")
	q.spec.Canary.Analysis.MaxTime, q.spec.Canary.Analysis.MinRequests = nil, new(int64(200))
	if r := q.runs(30, Load{Error: 5}, Load{Success: 95}); r.Phase != v1alpha1.PhaseProgressing {
		t.Errorf("%s: %s", r.Phase, r.Message)
	}
	if r := q.runs(20, Load{Error: 5}, Load{Success: 95}); r.Phase != v1alpha1.PhaseAborted {
		t.Errorf("%s: %s", r.Phase, r.Message)
	}
}
