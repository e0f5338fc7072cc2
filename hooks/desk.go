package hooks

import (
	"context"
	"fmt"
	"sync"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// mostAtOnce bounds how many requests to hooks are on their way.
const mostAtOnce = 64

// Desk has the requests to hooks on their way, and their answers until these are stored.
type Desk struct {
	ctx    context.Context
	cancel context.CancelFunc
	places chan struct{}
	rung   chan struct{}

	mu       sync.Mutex
	open     map[api.Key]map[attempt]context.CancelFunc // also of answered ones
	answers  map[api.Key]map[string]rollout.Answer
	answered map[api.Key]struct{}
}

// attempt is one request of a call.
type attempt struct {
	key string
	nth int
}

// NewDesk makes a Desk. It is to be closed.
func NewDesk() *Desk {
	ctx, cancel := context.WithCancel(context.Background())
	return &Desk{
		ctx: ctx, cancel: cancel, places: make(chan struct{}, mostAtOnce), rung: make(chan struct{}, 1),
		open:    map[api.Key]map[attempt]context.CancelFunc{},
		answers: map[api.Key]map[string]rollout.Answer{}, answered: map[api.Key]struct{}{},
	}
}

// Close gives up what is on its way.
func (d *Desk) Close() { d.cancel() }

// Want says which requests of a Rollout are to be on their way. Those that are already are left alone; others are given
// up, and their answers forgotten. address is asked at once where a new one goes.
func (d *Desk) Want(of api.Key, calls []rollout.Call, address func(rollout.Call) (Address, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted := make(map[attempt]context.CancelFunc, len(calls))
	for _, c := range calls {
		a := attempt{c.Key, c.Attempt}
		cancel := d.open[of][a]
		if cancel == nil {
			var ctx context.Context
			ctx, cancel = context.WithCancel(d.ctx)
			to, err := address(c)
			go d.make(ctx, of, c, to, err)
		}
		wanted[a] = cancel
	}
	for a, cancel := range d.open[of] {
		if wanted[a] == nil {
			cancel()
			if d.answers[of][a.key].Attempt == a.nth {
				delete(d.answers[of], a.key)
			}
		}
	}
	if d.open[of] = wanted; len(wanted) == 0 {
		delete(d.open, of)
		delete(d.answers, of)
	}
}

// make makes a request, and notes its answer.
func (d *Desk) make(ctx context.Context, of api.Key, c rollout.Call, to Address, err error) {
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	case <-ctx.Done():
		return
	}
	answer := rollout.Answer{Attempt: c.Attempt, Outcome: rollout.AnswerNone}
	if err != nil {
		answer.Message = err.Error()
	} else {
		answer = ask(ctx, of, c, to)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil {
		return // nobody wants to know any more
	}
	if d.answers[of] == nil {
		d.answers[of] = map[string]rollout.Answer{}
	}
	d.answers[of][c.Key] = answer
	d.answered[of] = struct{}{}
	select {
	case d.rung <- struct{}{}:
	default:
	}
}

// Rung rings when there are answers: see Answered.
func (d *Desk) Rung() <-chan struct{} { return d.rung }

// Answered gives the Rollouts for which answers have come since it was last called.
func (d *Desk) Answered() []api.Key {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := make([]api.Key, 0, len(d.answered))
	for k := range d.answered {
		keys = append(keys, k)
	}
	clear(d.answered)
	return keys
}

// Answers gives what is known for a Rollout, by Call.Key.
func (d *Desk) Answers(of api.Key) map[string]rollout.Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.answers[of]) == 0 {
		return nil
	}
	out := make(map[string]rollout.Answer, len(d.answers[of]))
	for k, a := range d.answers[of] {
		out[k] = a
	}
	return out
}

// SecretError says that a Secret has not what a hook needs.
func SecretError(namespace, name, key string) error {
	return fmt.Errorf("there is no key %s in Secret %s/%s, nor a file in --hook-secrets", key, namespace, name)
}
