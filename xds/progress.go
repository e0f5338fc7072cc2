package xds

import "time"

// progress is which of the changes that concern an Envoy it has answered.
type progress struct {
	// through is the newest change set of which everything that could be sent has been answered.
	// Applied may be older: what waits for something, or is refused, is not in it.
	through uint64
	// open are the changes that concern this Envoy and are newer than that, oldest first.
	open []change
	last LastChange
}

// change is when a change set came.
type change struct {
	number uint64
	at     time.Time
}

// LastChange is the newest change that concerned an Envoy and that it has answered in full.
type LastChange struct {
	Number uint64
	At     time.Time     // when it was answered; zero: there was none on this stream
	Took   time.Duration // since the change came, with everything that had to come before
}

// maxOpen bounds what is remembered of the changes that an Envoy has not answered. Past it, the
// newest stands for those just before it.
const maxOpen = 256

func addChange(open []change, c change) []change {
	if n := len(open); n == maxOpen {
		open[n-1] = c
		return open
	}
	return append(open, c)
}

// advance notes what has been answered since it was called last. It is called when there is
// nothing to send for now.
//
// A type of which something is due or on its way is where its last answer was; all others are
// at the newest change, since there is nothing of it for them. So an Envoy that changes reach
// faster than it answers makes progress, too.
func (s *session) advance() {
	through := s.known
	for _, sub := range s.subs {
		if sub != nil && sub.asked && sub.busy() {
			through = min(through, sub.through)
		}
	}
	if through < s.progress.through {
		through = s.progress.through // a type that was at rest is busy with what came later
	}
	s.progress.through = through
	if s.waits.empty() && len(s.refused) == 0 {
		s.applied = max(s.applied, through)
	}
	now := s.now()
	for len(s.progress.open) > 0 && s.progress.open[0].number <= through {
		c := s.progress.open[0]
		s.progress.open = s.progress.open[1:]
		s.progress.last = LastChange{Number: c.number, At: now, Took: now.Sub(c.at)}
		s.answered(s.progress.last.Took)
	}
	if len(s.progress.open) == 0 {
		s.progress.open = nil
	}
}

// busy says whether something is due or on its way.
func (s *subscription) busy() bool {
	return len(s.inflight) > 0 || s.dirty.n > 0 || len(s.trials) > 0
}
