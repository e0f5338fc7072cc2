package kube

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
	"github.com/gateway-cp/gateway-cp/source"
)

// entry is one object of the API server.
type entry struct {
	key      api.Key
	of       *collection
	version  string        // the latest, good or not
	object   *api.Object   // the last good version; nil when there is none
	problems []api.Problem // of the latest version
	gone     bool          // it was deleted
	missing  bool          // the server did not list it, and it was not deleted yet: see hold.go
	sent     bool          // it was in a batch
	pending  bool          // it is to be in the next
}

// set takes in what the server says of an object now.
func (s *Source) set(c *collection, i *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(c, i)
	s.signal()
}

// replace takes in a whole collection. What is missing in it may have to go.
func (s *Source) replace(c *collection, items []*item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := make(map[api.Key]bool, len(items))
	for _, i := range items {
		listed[i.key] = true
		s.take(c, i)
	}
	for key, e := range c.entries {
		if !listed[key] && !e.gone && !e.missing {
			e.missing = true
			s.missing[e] = struct{}{}
		}
	}
	if len(s.missing) > 0 {
		s.judgeAt = time.Now().Add(s.delays.judge)
	}
	c.read, c.absent = true, false
	s.recovered(c)
	s.signal()
}

// setAbsent notes that the server does not know the kind.
func (s *Source) setAbsent(ctx context.Context, c *collection) {
	if ctx.Err() != nil {
		return
	}
	s.replace(c, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.absent = true
	s.signal()
}

// delete takes an object out.
func (s *Source) delete(c *collection, key api.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := c.entries[key]; e != nil {
		s.remove(e)
		s.signal()
	}
}

// take puts the newest version of an object into its place. A version that is not valid changes
// nothing but what is said.
func (s *Source) take(c *collection, i *item) {
	e := c.entries[i.key]
	if e == nil {
		e = &entry{key: i.key, of: c}
		c.entries[i.key] = e
	}
	if e.missing {
		e.missing = false
		delete(s.missing, e)
	}
	if e.version == i.version && !e.gone {
		return
	}
	e.version, e.problems, e.gone = i.version, i.problems, false
	delete(s.troubled, e)
	if len(e.problems) > 0 {
		s.troubled[e] = struct{}{}
	}
	switch {
	case i.value == nil:
	case e.object != nil && reflect.DeepEqual(e.object.Value, i.value):
	default:
		e.object = &api.Object{Key: i.key, Value: i.value}
		s.note(e)
	}
}

func (s *Source) remove(e *entry) {
	e.gone, e.missing, e.object, e.problems = true, false, nil, nil
	delete(s.missing, e)
	delete(s.troubled, e)
	s.note(e)
}

// note has an object in the next batch.
func (s *Source) note(e *entry) {
	if !e.pending {
		e.pending = true
		s.pending = append(s.pending, e)
	}
}

// batch makes a batch of what is pending. It is false when there is nothing to say, or too early to
// say anything.
func (s *Source) batch() (b source.Batch, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.first && len(s.unread()) > 0 {
		s.warn(s.failures(time.Now()))
		return b, false
	}
	s.judge(time.Now())
	for _, e := range s.pending {
		e.pending = false
		switch {
		case e.object != nil:
			b.Set = append(b.Set, e.object)
			e.sent = true
		case e.sent:
			b.Delete = append(b.Delete, e.key)
			e.sent = false
		}
		if e.gone {
			delete(e.of.entries, e.key)
		}
	}
	clear(s.pending)
	s.pending = s.pending[:0]
	slices.SortFunc(b.Set, func(a, b *api.Object) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(b.Delete, api.Key.Compare)
	b.Problems = s.problems(time.Now())
	b.Partly = admission.HasError(b.Problems)
	if s.first && len(b.Set) == 0 && len(b.Delete) == 0 && slices.Equal(b.Problems, s.said) {
		return b, false
	}
	s.first, s.said = true, b.Problems
	return b, true
}

// problems are all that stand, sorted.
func (s *Source) problems(now time.Time) []api.Problem {
	problems := s.failures(now)
	problems = append(problems, s.notInstalled()...)
	if h := s.hold.Load(); h != nil {
		problems = append(problems, api.Problem{Reason: api.ReasonSourceHeld, Severity: api.Error, Message: h.Message, Hint: holdHint})
	}
	for e := range s.troubled {
		problems = append(problems, e.problems...)
		if e.object != nil && admission.HasError(e.problems) {
			problems = append(problems, api.Problem{
				Object: e.key, Reason: api.ReasonLastGoodInEffect, Severity: api.Warning,
				Message: "the last good version of the object stays in effect",
				Hint:    "correct the object, or delete it",
			})
		}
	}
	slices.SortFunc(problems, api.Problem.Compare)
	return slices.Compact(problems)
}
