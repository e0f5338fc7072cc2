package files

import (
	"context"
	"time"
)

// wait blocks until something has happened and is over: until nothing has happened for a
// moment, and Git is not at work.
func (s *Source) wait(ctx context.Context) bool {
	var grace <-chan time.Time
	if next, ok := s.nextSettled(); ok {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		grace = timer.C
	}
	look := time.NewTimer(time.Until(s.lookAt))
	defer look.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-grace:
		return true
	case <-look.C:
		s.pending.note("", true)
		return true
	case <-s.pending.wake:
	}
	start := time.Now()
	for {
		now := time.Now()
		left := s.o.Quiet - s.pending.quietFor(now)
		switch {
		case s.lock.held(s.git, now, s.o.MaxGitLock):
			left = max(left, 5*time.Millisecond)
		case left <= 0, now.Sub(start) > s.o.MaxBurst:
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}
