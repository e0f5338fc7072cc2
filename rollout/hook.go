package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// What holds where a hook says nothing.
const (
	DefaultHookTimeout  = 10 * time.Second
	DefaultHookRetries  = 3
	DefaultHookInterval = time.Minute
	// DefaultHookWait is when a hook that said "not yet" is asked again.
	DefaultHookWait = 10 * time.Second
)

// longestBackoff and longestWait bound what lies between two requests to a hook.
const (
	longestBackoff = time.Minute
	longestWait    = time.Hour
)

// Call is a request to a hook that is to be on its way: it is in the Result of every Next until
// its answer is in Observed. So one is made again after the process was killed, with the same Key, and none
// whose answer is in the state.
type Call struct {
	// Key names the question: it is the same for every attempt, and for no other question of this Rollout.
	Key     string
	Hook    v1alpha1.Hook
	Attempt int
	// What it is about.
	Stable, Canary string // names of versions; they are the same where nothing else is kept
	Weight         int32  // the share of the version, in units of 0.01 %
	Step, Steps    int    // of a canary
	Why            string // why it was given up
}

// Answer is what came of a Call.
type Answer struct {
	Attempt int
	Outcome AnswerOutcome
	Message string // for people: what the hook said, or why there is no answer
	// After is when to ask again at the earliest, where the hook has said so.
	After time.Duration
}

// AnswerOutcome is what a hook has said.
type AnswerOutcome string

// What a hook may say.
const (
	AnswerYes    AnswerOutcome = "yes"
	AnswerNo     AnswerOutcome = "no"
	AnswerNotYet AnswerOutcome = "notYet"
	// AnswerNone: it could not be reached, or did not say anything that can be understood.
	AnswerNone AnswerOutcome = "none"
)

// AskState is where a question to a hook stands. Its JSON form is stored: fields may be added, not renamed.
type AskState struct {
	// Hook is a hash of the hook as it was asked, Nth which time of its moment this is.
	Hook string `json:"hook"`
	Nth  int    `json:"nth"`
	// Since is when it was asked first; Attempt counts the requests, Failed those in a row without an answer.
	Since   time.Time `json:"since"`
	Attempt int       `json:"attempt"`
	Failed  int       `json:"failed,omitempty"`
	// At is when the next request is due or, with a verdict, when that came.
	At      time.Time  `json:"at"`
	Verdict askVerdict `json:"verdict,omitempty"`
	Message string     `json:"message,omitempty"`
	// Doubt: it has not answered the time before, during a rollout.
	Doubt bool `json:"doubt,omitempty"`
}

// askVerdict is how a question ended; empty: it has not.
type askVerdict string

const (
	askYes    askVerdict = "yes"
	askNo     askVerdict = "no"
	askUnsure askVerdict = "unsure" // no answer in time
	askWaived askVerdict = "waived" // somebody has said to go on without
)

// consent is what the hooks of a moment say together.
type consent struct {
	given   bool
	refused string // why the version is to be given up; empty: it is not
	holds   []v1alpha1.RolloutHold
	paused  bool // a hook does not answer, and somebody has to say what happens
}

// consent asks the hooks of a moment, all at once.
func (s *step) consent(moment v1alpha1.HookMoment, nth int) consent {
	c := consent{given: true}
	for _, h := range s.hooks {
		if h.When == moment {
			c.add(h, s.ask(h, nth))
		}
	}
	return c
}

func (c *consent) add(h v1alpha1.Hook, a AskState) {
	hold := func(format string, args ...any) {
		c.given = false
		c.holds = append(c.holds, v1alpha1.RolloutHold{Reason: v1alpha1.HoldHook, Message: fmt.Sprintf(format, args...)})
	}
	refuse := func(format string, args ...any) {
		c.given = false
		if c.refused == "" {
			c.refused = fmt.Sprintf(format, args...)
		}
	}
	switch {
	case a.Verdict == askNo:
		refuse("hook %s said no%s", h.Name, because(a.Message))
	case a.Verdict == askUnsure && h.OnInconclusive == v1alpha1.InconclusiveRollback:
		refuse("hook %s did not answer%s", h.Name, because(a.Message))
	case a.Verdict == askUnsure && h.OnInconclusive != v1alpha1.InconclusivePromote:
		c.paused = true
		hold("hook %s did not answer%s; it waits to be promoted", h.Name, because(a.Message))
	case a.Verdict != "":
	case a.Message != "":
		hold("hook %s is asked%s", h.Name, because(a.Message))
	default:
		hold("hook %s is asked", h.Name)
	}
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// tell tells the hooks of a moment, whatever they answer.
func (s *step) tell(moment v1alpha1.HookMoment) {
	for _, h := range s.hooks {
		if h.When == moment {
			s.ask(h, 1)
		}
	}
}

// consult asks the hooks that are asked during a rollout, each when its time has come. What one has said
// last holds until it says something else.
func (s *step) consult() consent {
	c := consent{given: true}
	for _, h := range s.hooks {
		if h.When != v1alpha1.HookDuring {
			continue
		}
		a := s.tried.Asked[h.Name]
		nth, interval := max(a.Nth, 1), max(lasting(h.Interval, DefaultHookInterval), time.Second)
		if a.Verdict != "" && !s.now.Before(s.soon(a.At, 0).Add(interval)) {
			nth++
		}
		if a = s.ask(h, nth); a.Verdict != "" {
			s.wakeAt(s.soon(a.At, 0).Add(interval))
			c.add(h, a)
		} else if a.Doubt {
			a.Verdict = askUnsure
			c.add(h, a)
		}
	}
	return c
}

// ask goes on with the question to a hook, and gives where it stands.
func (s *step) ask(h v1alpha1.Hook, nth int) AskState {
	of := digest(h)
	a, asked := s.tried.Asked[h.Name]
	if !asked || a.Nth != nth || a.Hook != of && a.Verdict != askYes && a.Verdict != askWaived {
		a = AskState{Hook: of, Nth: nth, Attempt: 1, Since: s.now, At: s.now, Doubt: asked && (a.Doubt || a.Verdict == askUnsure)}
	}
	a.Since = s.soon(a.Since, 0)
	told := h.When == v1alpha1.HookAfter || h.When == v1alpha1.HookRollback
	key := s.questionKey(h.Name, a)
	if got, ok := s.observed.Answers[key]; ok && a.Verdict == "" && got.Attempt == a.Attempt {
		s.answered(h, &a, got, told)
	}
	if end := a.Since.Add(lasting(h.MaxTime, 0)); a.Verdict == "" && h.MaxTime != nil {
		if !s.now.Before(end) {
			s.unsure(h, &a, "it has said \"not yet\" for too long"+because(a.Message))
		} else {
			s.wakeAt(end)
		}
	}
	if a.Verdict == "" {
		if a.At = s.soon(a.At, longestWait); s.now.Before(a.At) {
			s.wakeAt(a.At)
		} else {
			s.calls = append(s.calls, Call{Key: key, Hook: h, Attempt: a.Attempt})
		}
	}
	if s.tried.Asked == nil {
		s.tried.Asked = map[string]AskState{}
	}
	s.tried.Asked[h.Name] = a
	return a
}

// distinct leaves out hooks whose name another one has: admission refuses them.
func distinct(hooks []v1alpha1.Hook) []v1alpha1.Hook {
	for i := range hooks {
		for j := range i {
			if hooks[i].Name == hooks[j].Name {
				return distinct(slices.Delete(slices.Clone(hooks), i, i+1))
			}
		}
	}
	return hooks
}

// soon is a time that lies ahead no further than it can: a clock that went back has nobody wait for longer.
func (s *step) soon(at time.Time, most time.Duration) time.Time {
	if limit := s.now.Add(most); at.After(limit) {
		return limit
	}
	return at
}

// answered takes an answer in.
func (s *step) answered(h v1alpha1.Hook, a *AskState, got Answer, told bool) {
	outcome := got.Outcome
	if told && (outcome == AnswerNo || outcome == AnswerNotYet) {
		outcome = AnswerYes // it has heard it, and has no say
	}
	a.Message = got.Message
	switch outcome {
	case AnswerYes:
		a.Verdict, a.At, a.Doubt = askYes, s.now, false
		if h.When != v1alpha1.HookDuring || a.Nth == 1 {
			s.event(EventHookAnswered, false, "hook %s said yes%s", h.Name, because(got.Message))
		}
	case AnswerNo:
		a.Verdict, a.At = askNo, s.now
		s.event(EventHookAnswered, true, "hook %s said no%s", h.Name, because(got.Message))
	case AnswerNotYet:
		wait := lasting(h.Interval, DefaultHookWait)
		if got.After > 0 {
			wait = got.After
		}
		a.Attempt, a.Failed, a.At = a.Attempt+1, 0, s.now.Add(min(max(wait, time.Second), longestWait))
	default:
		retries := DefaultHookRetries
		if h.Retries != nil {
			retries = int(max(*h.Retries, 0))
		}
		if a.Failed++; a.Failed > retries {
			s.unsure(h, a, got.Message)
			return
		}
		a.Attempt++
		a.At = s.now.Add(min(time.Second<<min(a.Failed-1, 10), longestBackoff))
	}
}

// unsure ends a question without an answer.
func (s *step) unsure(h v1alpha1.Hook, a *AskState, why string) {
	a.Verdict, a.At, a.Message = askUnsure, s.now, why
	then := "it waits to be promoted"
	switch {
	case h.When == v1alpha1.HookAfter || h.When == v1alpha1.HookRollback:
		then = "it is not told again"
	case h.OnInconclusive == v1alpha1.InconclusiveRollback:
		then = "the version is given up"
	case h.OnInconclusive == v1alpha1.InconclusivePromote:
		then = "it goes on without"
	}
	s.event(EventHookInconclusive, true, "hook %s did not answer%s; %s", h.Name, because(why), then)
}

// questionKey names a question.
func (s *step) questionKey(hook string, a AskState) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%d", s.tried.Version, s.tried.Since.Format(time.RFC3339Nano), hook, a.Hook, a.Nth))
	return hex.EncodeToString(sum[:16])
}

// forgetHooks drops the questions to hooks that are gone.
func (s *step) forgetHooks() {
	for name := range s.tried.Asked {
		if !slices.ContainsFunc(s.hooks, func(h v1alpha1.Hook) bool { return h.Name == name }) {
			delete(s.tried.Asked, name)
		}
	}
}
