package replica

import (
	"context"
	"encoding/json"
)

// questions are those that the leader has asked and that are not answered yet. The Leader's lock
// guards them.
type questions struct {
	last    uint64
	waiting map[uint64]chan answer
}

func (q *questions) answer(a answer) {
	if waiting := q.waiting[a.To]; waiting != nil {
		waiting <- a // has room for it
		delete(q.waiting, a.To)
	}
}

// Ask asks all followers for the status of their Envoys, and gives the answers by name of the
// replica. One that does not answer before ctx ends is in silent.
func (l *Leader) Ask(ctx context.Context) (answers map[string]json.RawMessage, silent []string) {
	asked := map[string]uint64{}
	waiting := map[string]chan answer{}
	l.mu.Lock()
	for n, f := range l.followers {
		l.questions.last++
		asked[n], waiting[n] = l.questions.last, make(chan answer, 1)
		l.questions.waiting[l.questions.last] = waiting[n]
		f.asked = append(f.asked, l.questions.last)
		ring(f.bell)
	}
	l.mu.Unlock()
	answers = map[string]json.RawMessage{}
	for n, ch := range waiting {
		select {
		case a := <-ch:
			answers[n] = a.Status
		case <-ctx.Done():
			silent = append(silent, n)
		}
	}
	l.mu.Lock()
	for _, number := range asked {
		delete(l.questions.waiting, number)
	}
	l.mu.Unlock()
	return answers, silent
}
