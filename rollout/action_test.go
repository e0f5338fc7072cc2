package rollout

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/state"
)

// told tells the canary something.
func (s *story) told(kind ActionKind) *story {
	s.t.Helper()
	st, ev, err := Act(s.spec, onDisk(s.t, s.state), Action{Kind: kind, By: "ada"}, s.now)
	if err != nil {
		s.t.Fatalf("%s: %v", kind, err)
	}
	if ev.Reason != EventTold || ev.By != "ada" {
		s.t.Errorf("%s: %+v", kind, ev)
	}
	s.state = st
	return s
}

// refuses tells the canary something that it cannot do.
func (s *story) refuses(kind ActionKind, why string) *story {
	s.t.Helper()
	if _, _, err := Act(s.spec, s.state, Action{Kind: kind}, s.now); !errors.Is(err, ErrAction) || !strings.Contains(err.Error(), why) {
		s.t.Errorf("%s: %v, want %q", kind, err, why)
	}
	return s
}

func TestActionsOnTheWay(t *testing.T) {
	s := onV1(t).wants(tries("v2", fromV1, "5", "pause", "25", "pause 1h", "ramp 75 10s"))
	s.is("Paused: v2=5 v1=95").refuses(Resume, "not paused by hand").refuses(Retry, "not given up").refuses(Undo, "abort gives it up")
	s.told(Promote).is("Progressing: v2=25 v1=75").wakesIn(time.Hour)
	s.after(20 * time.Minute).told(Pause).is("Paused: v2=25 v1=75").says("paused by hand").wakesIn(-1)
	s.after(24*time.Hour).refuses(Pause, "already").is("Paused: v2=25 v1=75")
	s.told(Resume).is("Progressing: v2=25 v1=75").wakesIn(40 * time.Minute)
	s.told(Promote).is("Progressing: v2=25 v1=75").says("ramps to 75%")
	s.after(time.Second).is("Progressing: v2=30 v1=70")
	s.told(Promote).is("Holding: v2=100 v1=0(10m0s)").happened(EventCanaryPromoted, EventWeightsChanged)
	s.refuses(Promote, "nothing is under way").refuses(Abort, "nothing is under way")
	s.told(Undo).is("Aborted: v2=0 v1=100").says("it was undone by ada")
	s.told(Retry).is("Paused: v2=5 v1=95")
}

func TestActionsDoNotReplaceHealth(t *testing.T) {
	s := onV1(t).wants(tries("v2", fromV1, "5", "pause", "50", "pause")).sees("v2", 0, 1)
	s.is("Waiting: v2=0 v1=100").refuses(Promote, "healthy endpoints")
	st, _, err := Act(s.spec, s.state, Action{Kind: Promote, Full: true}, s.now)
	if err != nil {
		t.Fatal(err)
	}
	s.state = st
	s.is("Waiting: v2=0 v1=100").says("after the last step")
	s.sees("v2", 1, 1, "warm").is("Holding: v2=100 v1=0(10m0s)")
}

func TestAbortAndUndoAndBake(t *testing.T) {
	spec := tries("v2", fromV1, "5", "pause")
	spec.Canary.Bake = duration(time.Hour)
	s := onV1(t).wants(spec).is("Paused: v2=5 v1=95")
	s.told(Abort).is("Aborted: v2=0 v1=100").happened(EventWeightsChanged).says("it was aborted by ada").refuses(Abort, "retry starts it again")
	s.after(24 * time.Hour).is("Aborted: v2=0 v1=100").told(Retry).is("Paused: v2=5 v1=95")
	s.told(Promote).is("Baking: v2=100 v1=0").told(Promote).is("Holding: v2=100 v1=0(10m0s)")
	s.after(10*time.Minute).is("Stable: v2=100").refuses(Undo, "no version before v2 is kept")
	s.wants(tries("v1", []string{"v2"}, "5", "pause")).is("Paused: v1=5 v2=95")
	s.wants(tries("v2", fromV1, "5", "pause")).seen.Versions[testVersion("v2").ID()] = VersionObserved{Ready: 0, Total: 1}
	s.step()
	s.refuses(Promote, "")
	newStory(t, byHand("v1=100")).refuses(Abort, "no spec.canary")
}

// What was told is in effect only once it is on disk, with who said so.
func TestManagerStoresWhatItWasTold(t *testing.T) {
	dir := t.TempDir()
	store, db := openStore(t, dir)
	watch := &spy{StateStore: store}
	m := newManager(t, watch)
	m.Set(rolloutNamed("web", tries("v1", nil)))
	expect(t, steps(t, m, ready("v1", "v2"), epoch), "web: Stable v1=100%")
	m.Set(rolloutNamed("web", tries("v2", fromV1, "5", "pause")))
	expect(t, steps(t, m, ready("v1", "v2"), epoch), "web: Paused v2=5% v1=95%")

	key := Key("shop", "web")
	if err := m.Act(Key("shop", "none"), Action{Kind: Abort}, epoch); !errors.Is(err, ErrAction) {
		t.Errorf("an unknown Rollout: %v", err)
	}
	if err := m.Act(key, Action{Kind: Abort, By: "ada"}, epoch); err != nil {
		t.Fatal(err)
	}
	watch.err = errors.New("the disk is full")
	if _, _, err := m.Step(ready("v1", "v2"), epoch); err == nil || m.Acted(key) {
		t.Errorf("%v, acted: %v", err, m.Acted(key))
	}
	watch.err = nil
	expect(t, steps(t, m, ready("v1", "v2"), epoch), "web: Aborted v2=0% v1=100%")
	if !m.Acted(key) {
		t.Error("not acted")
	}

	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	store, db = openStore(t, dir)
	m = newManager(t, store)
	m.Set(rolloutNamed("web", tries("v2", fromV1, "5", "pause")))
	expect(t, steps(t, m, ready("v1", "v2"), epoch), "web: Aborted v2=0% v1=100%")
	checkHistory(t, db, EventFirstDeployment, EventCanaryStarted, EventCanaryPaused, EventWeightsChanged, EventTold, EventWeightsChanged)

	m.Delete(key)
	expect(t, steps(t, m, ready(), epoch))
	checkHistory(t, db)
}

func checkHistory(t *testing.T, db *state.Store, reasons ...EventReason) {
	t.Helper()
	all, err := History(db, Key("shop", "web"))
	if err != nil || len(all) != len(reasons) {
		t.Fatalf("%+v, %v", all, err)
	}
	for i, r := range all {
		if r.Reason != reasons[i] || !r.At.Equal(epoch) || r.Message == "" || (r.By == "ada") != (r.Reason == EventTold) {
			t.Errorf("record %d is %+v", i, r)
		}
	}
}
