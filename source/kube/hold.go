package kube

import (
	"fmt"
	"time"

	"github.com/gateway-cp/gateway-cp/source"
)

// Holding. A server that suddenly has nothing is not obeyed blindly.
//
// An object that the server says was deleted is gone at once: somebody did that. One that is only not there
// any more when a kind is read anew may have been deleted while nobody watched, or be missing
// because a backup was restored or a CRD removed. All that is missing so is judged together, a moment after
// the latest reading: where it is most of what people have written (see source.HoldAtLeast), it stays in
// effect, with all that follows from it, such as endpoints, until it returns or Confirm is called.
// Otherwise it is deleted. Endpoints, Pods and Nodes do not count: they change while nobody watches.

const holdHint = "bring them back, or confirm that they are to be deleted"

// judge decides on what is missing, if it is time.
func (s *Source) judge(now time.Time) {
	if len(s.missing) == 0 {
		s.unhold("the objects are back; nothing is held any more")
		return
	}
	if now.Before(s.judgeAt) {
		return
	}
	missing, all := s.written()
	most := all >= source.HoldAtLeast && 2*missing > all || all >= source.HoldAllAtLeast && missing == all
	if most && !s.confirmed {
		h := &source.Hold{
			Missing: len(s.missing),
			Message: fmt.Sprintf("%d of %d objects are not in the API server any more and were not seen to be deleted; they stay in effect and nothing of what is missing is deleted", missing, all),
		}
		if old := s.hold.Swap(h); old == nil || *old != *h {
			s.log.Error("source is held", "missing", h.Missing, "message", h.Message)
		}
		return
	}
	s.confirmed = false
	for e := range s.missing {
		s.remove(e)
	}
	s.unhold("the loss was confirmed, or is not of most objects; nothing is held any more")
}

func (s *Source) unhold(why string) {
	if s.hold.Swap(nil) != nil {
		s.log.Info(why)
	}
}

// written counts the objects in effect that people write, and those of them that are missing.
func (s *Source) written() (missing, all int) {
	for _, c := range s.collections {
		if c.follows {
			continue
		}
		for _, e := range c.entries {
			if e.object == nil {
				continue
			}
			all++
			if e.missing {
				missing++
			}
		}
	}
	return missing, all
}

// Held implements source.Source.
func (s *Source) Held() (source.Hold, bool) {
	if h := s.hold.Load(); h != nil {
		return source.Hold{Missing: h.Missing, Message: h.Message + "; " + holdHint}, true
	}
	return source.Hold{}, false
}

// Confirm implements source.Source.
func (s *Source) Confirm() bool {
	if s.hold.Load() == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed = true
	s.signal()
	return true
}
