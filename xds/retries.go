package xds

import (
	"slices"
	"time"
)

// retryTime is how long a refused content is held back before it is tried once more: the
// cause may lie in the Envoy (an address in use), not in the content.
const retryTime = 30 * time.Second

// maxRetries is how many of them may be refused again within that time. More have to wait for
// their turn, so that an Envoy which refuses everything makes little work, however much that is.
// Those that are accepted do not count: once the cause is gone, the rest follows quickly.
const maxRetries = 20

// lookTime is how often an Envoy that refuses more than that is looked at while nothing changes.
const lookTime = time.Second

// retries is how far an Envoy is with what it has refused.
type retries struct {
	began   time.Time // of the time in which maxRetries may fail
	failed  int       // how many have, since
	next    time.Time // when there is one to be tried; zero: there is none
	looked  time.Time // when all that is refused was looked at
	known   uint64    // and the newest change set at that time
	skipped bool      // it was not looked at since, though it could have changed
}

// note has a refusal tried again at some time.
func (r *retries) note(at time.Time) {
	if r.next.IsZero() || at.Before(r.next) {
		r.next = at
	}
}

// retryRefused forgets refusals of contents that are not there any more, and tries those
// whose time has come once more, each by itself.
func (s *session) retryRefused() {
	rs, now := &s.retries, s.now()
	if len(s.refused) == 0 {
		rs.next = time.Time{}
		return
	}
	if len(s.refused) > maxRetries && rs.known == s.known && now.Before(rs.looked.Add(lookTime)) {
		rs.skipped = true
		return
	}
	rs.looked, rs.known, rs.skipped, rs.next = now, s.known, false, time.Time{}
	if !now.Before(rs.began.Add(retryTime)) {
		rs.began, rs.failed = now, 0
	}
	for _, a := range s.dueRetries(now) {
		s.refused[a].again = true
		s.subs[a.kind].try([]atom{a})
	}
}

// dueRetries gives what may be tried once more now, what has waited longest first.
func (s *session) dueRetries(now time.Time) []atom {
	rs := &s.retries
	var due []atom
	room := maxRetries - rs.failed
	for a, r := range s.refused {
		switch {
		case !s.stands(a, r, s.store.find(s.audiences, a.kind, a.name)):
			delete(s.refused, a)
			s.subs[a.kind].touch(s.store.names.find(a.name))
		case r.again:
			room--
		case now.Before(r.retry):
			rs.note(r.retry)
		default:
			due = append(due, a)
		}
	}
	// Sorted, so that the same events make the same responses.
	slices.SortFunc(due, func(a, b atom) int {
		if c := s.refused[a].retry.Compare(s.refused[b].retry); c != 0 {
			return c
		}
		return a.compare(b)
	})
	if room = max(room, 0); len(due) > room {
		rs.note(rs.began.Add(retryTime))
		due = due[:room]
	}
	return due
}

// nextRetry is when what is refused has to be looked at again; the zero time means never.
func (s *session) nextRetry() time.Time {
	switch {
	case len(s.refused) == 0:
		return time.Time{}
	case s.retries.skipped:
		return s.retries.looked.Add(lookTime)
	}
	return s.retries.next
}

// isRetry says whether a trial is of something that was refused before.
func (s *session) isRetry(trial []atom) bool {
	return slices.ContainsFunc(trial, func(a atom) bool { r, ok := s.refused[a]; return ok && r.again })
}

// endRetries ends what was tried once more in a response that was answered, unless it is refused
// again, or still under suspicion.
func (s *session) endRetries(r *response, refused bool) {
	if !r.again {
		return
	}
	if refused {
		s.retries.failed++
	}
	for _, c := range r.items {
		s.atoms(r.kind, c, func(a atom) {
			if _, ok := s.subs[r.kind].suspects[a]; !ok {
				s.absolve(a)
			}
		})
	}
}

// absolve forgets the refusal of what was tried once more.
func (s *session) absolve(a atom) {
	if r, ok := s.refused[a]; ok && r.again {
		delete(s.refused, a)
	}
}
