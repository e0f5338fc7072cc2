package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// hooked adds hooks to a spec, in words: "before gate", "during load rollback".
func hooked(spec v1alpha1.RolloutSpec, hooks ...string) v1alpha1.RolloutSpec {
	for _, text := range hooks {
		words := append(strings.Fields(text), "")
		spec.Hooks = append(spec.Hooks, v1alpha1.Hook{
			Name: words[1], When: v1alpha1.HookMoment(words[0]), OnInconclusive: v1alpha1.InconclusiveAction(words[2]), URL: "http://gate/",
		})
	}
	return spec
}

// asks checks which hooks are asked, with the number of the request: "gate 1".
func (s *story) asks(want string) *story {
	s.t.Helper()
	var got []string
	for _, c := range s.last.Calls {
		got = append(got, c.Hook.Name+" "+string(rune('0'+c.Attempt)))
	}
	if strings.Join(got, ", ") != want {
		s.t.Errorf("asked are %q and should be %q", strings.Join(got, ", "), want)
	}
	return s
}

// answers has a hook say something.
func (s *story) answers(hook string, outcome AnswerOutcome, message string) *story {
	s.t.Helper()
	for _, c := range s.last.Calls {
		if c.Hook.Name == hook {
			s.seen.Answers = map[string]Answer{c.Key: {Attempt: c.Attempt, Outcome: outcome, Message: message}}
			return s
		}
	}
	s.t.Fatalf("%s is not asked: %+v", hook, s.last.Calls)
	return s
}

func TestAHookMustAgreeBeforeACanaryBegins(t *testing.T) {
	s := onV1(t).wants(hooked(tries("v2", fromV1, "5", "pause"), "before gate"))
	s.is("Waiting: v2=0 v1=100").happened().says("v2 waits: hook gate is asked").asks("gate 1").wakesIn(-1)
	key := s.last.Calls[0].Key

	// It does not answer, and is asked again by the same name, later each time.
	s.answers("gate", AnswerNone, "connection refused").is("Waiting: v2=0 v1=100").asks("").wakesIn(time.Second)
	s.after(time.Second).is("Waiting: v2=0 v1=100").asks("gate 2").says("hook gate is asked: connection refused")
	s.answers("gate", AnswerNone, "connection refused").is("Waiting: v2=0 v1=100").wakesIn(2 * time.Second)
	s.after(2 * time.Second).is("Waiting: v2=0 v1=100").asks("gate 3")
	s.answers("gate", AnswerNotYet, "QA is at it").is("Waiting: v2=0 v1=100").happened().wakesIn(10 * time.Second).says("QA is at it")
	s.after(10 * time.Second).is("Waiting: v2=0 v1=100").asks("gate 4")
	if s.last.Calls[0].Key != key {
		t.Error("the question has another name")
	}
	s.answers("gate", AnswerYes, "go").is("Paused: v2=5 v1=95").happened(EventHookAnswered, EventCanaryStarted, EventCanaryPaused, EventWeightsChanged).asks("")

	// What was answered is never asked again, and another attempt is another question.
	s.after(time.Hour).is("Paused: v2=5 v1=95").asks("")
	s.told(Abort).is("Aborted: v2=0 v1=100").told(Retry).is("Waiting: v2=0 v1=100").asks("gate 1")
	if s.last.Calls[0].Key == key {
		t.Error("another question has the same name")
	}
	s.answers("gate", AnswerNo, "not on a Friday").is("Aborted: v2=0 v1=100").happened(EventHookAnswered, EventCanaryAborted)
	s.says("v2 was given up: hook gate said no: not on a Friday").asks("").wakesIn(-1)
}

func TestAHookThatDoesNotAnswer(t *testing.T) {
	silent := func(then string) *story {
		spec := hooked(tries("v2", fromV1, "5", "pause"), "before gate "+then)
		spec.Hooks[0].Retries = new(int32(0))
		s := onV1(t).wants(spec)
		s.is("Waiting: v2=0 v1=100")
		return s.answers("gate", AnswerNone, "connection refused")
	}
	silent("rollback").is("Aborted: v2=0 v1=100").happened(EventHookInconclusive, EventCanaryAborted)
	silent("promote").is("Paused: v2=5 v1=95").happened(EventHookInconclusive, EventCanaryStarted, EventCanaryPaused, EventWeightsChanged)
	s := silent("").is("Paused: v2=0 v1=100").happened(EventHookInconclusive).says("did not answer: connection refused; it waits to be promoted")
	s.after(24 * time.Hour).is("Paused: v2=0 v1=100").asks("")
	s.told(Promote).is("Paused: v2=5 v1=95").asks("")

	// One that says "not yet" for too long does not answer either.
	spec := hooked(tries("v2", fromV1, "5", "pause"), "before gate")
	spec.Hooks[0].MaxTime = duration(time.Minute)
	s = onV1(t).wants(spec).is("Waiting: v2=0 v1=100").wakesIn(time.Minute)
	s.after(time.Minute).is("Paused: v2=0 v1=100").happened(EventHookInconclusive)
	// A hook that is corrected is asked.
	s.spec.Hooks[0].URL = "http://other/"
	s.is("Waiting: v2=0 v1=100").asks("gate 1")
}

func TestHooksWhileACanaryMoves(t *testing.T) {
	spec := hooked(tries("v2", fromV1, "5", "pause 1m", "50", "pause 5m"), "increase more", "promotion all", "during watch", "after done", "rollback gone")
	s := onV1(t).wants(spec)
	s.is("Waiting: v2=0 v1=100").asks("more 1").answers("more", AnswerYes, "").is("Progressing: v2=5 v1=95")
	s.is("Progressing: v2=5 v1=95").asks("watch 1").answers("watch", AnswerYes, "").is("Progressing: v2=5 v1=95").wakesIn(time.Minute).asks("")
	s.after(time.Minute).is("Waiting: v2=5 v1=95").asks("more 1, watch 1").says("step 3 of 4: v2 waits: hook more is asked")
	s.answers("more", AnswerYes, "").is("Progressing: v2=50 v1=50")
	s.answers("watch", AnswerYes, "").is("Progressing: v2=50 v1=50")
	s.after(5*time.Minute).is("Waiting: v2=50 v1=50").asks("all 1, watch 1").answers("all", AnswerYes, "fine")
	s.is("Holding: v2=100 v1=0(10m0s)").asks("done 1").answers("done", AnswerNo, "too late").is("Holding: v2=100 v1=0(10m0s)").asks("")
	s.told(Undo).is("Aborted: v2=0 v1=100").asks("gone 1")
	if why := s.last.Calls[0].Why; why != "it was undone by ada" {
		t.Errorf("the hook is told %q", why)
	}

	// What watches over it gives it up, and is told so while the next version is tried.
	s = onV1(t).wants(hooked(tries("v2", fromV1, "5", "pause"), "during watch", "rollback gone"))
	s.is("Paused: v2=5 v1=95").is("Paused: v2=5 v1=95").answers("watch", AnswerNo, "p99 is 3 s").is("Aborted: v2=0 v1=100").asks("gone 1")
	s.sees("v3", 1, 1, "warm").wants(hooked(tries("v3", []string{"v1", "v2"}, "5", "pause"), "during watch", "rollback gone"))
	s.is("Paused: v3=5 v1=95").asks("watch 1, gone 1").answers("gone", AnswerYes, "").is("Paused: v3=5 v1=95").asks("watch 1")
	if s.state.Ending != nil {
		t.Errorf("%+v", s.state.Ending)
	}
}

// A hook that watches over a canary and does not answer keeps the share, until it answers or somebody promotes.
func TestAWatchThatDoesNotAnswer(t *testing.T) {
	spec := hooked(tries("v2", fromV1, "5", "pause 1m", "50", "pause"), "during watch")
	spec.Hooks[0].Retries = new(int32(0))
	s := onV1(t).wants(spec).is("Progressing: v2=5 v1=95").is("Progressing: v2=5 v1=95")
	s.answers("watch", AnswerNone, "time-out").is("Paused: v2=5 v1=95").says("hook watch did not answer: time-out")
	s.after(time.Minute).is("Paused: v2=5 v1=95").asks("watch 1")
	s.answers("watch", AnswerYes, "").is("Paused: v2=50 v1=50").says("waits to be promoted")

	s.after(time.Minute).is("Paused: v2=50 v1=50").answers("watch", AnswerNone, "").is("Paused: v2=50 v1=50").says("did not answer")
	s.told(Promote).is("Paused: v2=50 v1=50").says("waits to be promoted") // first without the hook,
	s.told(Promote).is("Holding: v2=100 v1=0(10m0s)")                      // then the step
}

func TestHooksOfBlueGreen(t *testing.T) {
	spec := hooked(toActive("green", "blue"), "before gate", "after done")
	s := newStory(t, toActive("blue")).sees("blue", 1, 1, "warm").is("Stable: blue=100").sees("green", 1, 1, "warm").wants(spec)
	s.is("Waiting: green=0 blue=100").asks("gate 1").says("green waits: hook gate is asked")
	s.answers("gate", AnswerNo, "no").is("Aborted: green=0 blue=100").happened(EventHookAnswered, EventFlipRefused).says("hook gate said no: no")
	s.told(Retry).is("Waiting: green=0 blue=100").asks("gate 1").answers("gate", AnswerYes, "")
	s.is("Holding: green=100 blue=0(10m0s)").asks("done 1")

	// The way back asks nobody.
	back := hooked(toActive("blue", "green"), "before gate")
	s.wants(back).is("Holding: blue=100 green=0(10m0s)").asks("")
	s.after(time.Hour).is("Stable: blue=100")
	if _, _, err := Act(s.spec, s.state, Action{Kind: Promote}, s.now); err == nil {
		t.Error("there is nothing to promote")
	}
}
