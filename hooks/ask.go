package hooks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// Question is what a hook is sent, as JSON.
type Question struct {
	// Type is always gateway-cp.io/rollout.hook.
	Type string `json:"type"`
	// ID is the same for every attempt; it is in the header webhook-id, too.
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`
	Hook    string `json:"hook"`
	When    string `json:"when"`

	Namespace string `json:"namespace"`
	Rollout   string `json:"rollout"`
	// Stable has the traffic, Canary shall have it (or, after a rollout, has it); Percent is its share.
	Stable  string  `json:"stable"`
	Canary  string  `json:"canary"`
	Percent float64 `json:"percent"`
	Step    int     `json:"step"`
	Steps   int     `json:"steps"`
	// Why it was given up.
	Why string `json:"why,omitempty"`
}

// decision is what an answer may say.
type decision struct {
	Decision string `json:"decision"`
	Message  string `json:"message"`
}

// ask makes one request of a call.
func ask(ctx context.Context, of api.Key, c rollout.Call, to Address) rollout.Answer {
	timeout := rollout.DefaultHookTimeout
	if c.Hook.Timeout != nil {
		timeout = c.Hook.Timeout.Duration
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(Question{
		Type: "gateway-cp.io/rollout.hook", ID: c.Key, Attempt: c.Attempt, Hook: c.Hook.Name, When: string(c.Hook.When),
		Namespace: of.Namespace, Rollout: of.Name, Stable: c.Stable, Canary: c.Canary,
		Percent: float64(c.Weight) * 100 / v1alpha1.WeightTotal, Step: c.Step, Steps: c.Steps, Why: c.Why,
	})
	answer := rollout.Answer{Attempt: c.Attempt, Outcome: rollout.AnswerNone}
	if err == nil {
		var got reply
		if got, err = post(ctx, to, message{id: c.Key, body: body}, time.Now()); err == nil {
			answer.Outcome, answer.Message = understand(got)
			answer.After = got.after
			return answer
		}
	}
	answer.Message = err.Error()
	return answer
}

// understand reads an answer.
func understand(r reply) (rollout.AnswerOutcome, string) {
	var said decision
	_ = json.Unmarshal(r.body, &said) // an answer may be anything, or nothing
	said.Message = readable(said.Message)
	switch {
	case r.status == http.StatusAccepted:
		return rollout.AnswerNotYet, said.Message
	case r.status >= 200 && r.status < 300:
		switch said.Decision {
		case "", "approve":
			return rollout.AnswerYes, said.Message
		case "wait":
			return rollout.AnswerNotYet, said.Message
		case "reject":
			return rollout.AnswerNo, said.Message
		}
		return rollout.AnswerNone, fmt.Sprintf("it says %q, which is none of approve, wait and reject", readable(said.Decision))
	case r.status == http.StatusRequestTimeout, r.status == http.StatusTooEarly, r.status == http.StatusTooManyRequests:
	case r.status >= 400 && r.status < 500:
		if said.Message == "" {
			said.Message = fmt.Sprintf("status %d", r.status)
		}
		return rollout.AnswerNo, said.Message
	}
	if said.Message == "" {
		return rollout.AnswerNone, fmt.Sprintf("status %d", r.status)
	}
	return rollout.AnswerNone, fmt.Sprintf("status %d: %s", r.status, said.Message)
}

// mostSaid bounds what is kept of what others say, in characters.
const mostSaid = 200

// readable makes what others say fit for a line of a log, or a terminal.
func readable(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)), " ")
	if runes := []rune(text); len(runes) > mostSaid {
		return string(runes[:mostSaid]) + "…"
	}
	return text
}
