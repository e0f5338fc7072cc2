package files

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source"
)

// Holding. A source that suddenly empties is not obeyed blindly.
//
// After every batch of changes the objects are counted that are in effect while no file has
// them any more. If they are more than half of those that were in effect before they
// vanished, and those were at least Options.HoldAtLeast (10), or if they are all that there
// were, and those at least Options.HoldAllAtLeast (3), all of them stay in effect and the
// Error SourceHeld says so. Everything else in the batch applies: changed and new
// objects are set. While a hold lasts nothing is deleted: what vanishes later is held too.
//
// A hold ends when half or more of the objects counted before the loss are there again
// (those still missing are then deleted), or when Confirm is called (all that are missing
// are deleted). Objects whose file is there but broken are not missing.
//
// A directory that is gone or cannot be read as a whole (deleted, unmounted, a broken
// symbolic link) says nothing about its objects: all stay, however few, with SourceHeld,
// until it returns or Confirm is called. A directory that is there but empty is counted as above.
//
// The rule holds across restarts, since the objects in effect and the number counted before
// a loss are in the state store. A first start, with nothing in the store, is never held.

// held gives the problem that a hold is, if there is one.
func (s *set) held() (api.Problem, bool) {
	p := api.Problem{Reason: api.ReasonSourceHeld, Severity: api.Error, Position: api.Position{File: s.dir}}
	switch {
	case s.gone != "" && len(s.live) > 0:
		p.Message = fmt.Sprintf("the directory cannot be read (%s); its %d objects stay in effect", s.gone, len(s.live))
		p.Hint = "bring the directory back, or confirm that its objects are to be deleted"
	case len(s.lost) > 0:
		p.Message = fmt.Sprintf("%d of %d objects vanished at once (%s); they stay in effect and nothing is deleted", len(s.lost), s.base, s.some())
		p.Hint = "bring them back, or confirm that they are to be deleted"
	default:
		return p, false
	}
	return p, true
}

// some names a few of the lost objects.
func (s *set) some() string {
	keys := slices.SortedFunc(maps.Keys(s.lost), api.Key.Compare)
	names := make([]string, 0, 4)
	for i, key := range keys {
		if i == 3 {
			names = append(names, fmt.Sprintf("and %d more", len(keys)-3))
			break
		}
		names = append(names, key.String())
	}
	return strings.Join(names, ", ")
}

// Held implements source.Source.
func (s *Source) Held() (source.Hold, bool) {
	if h := s.hold.Load(); h != nil {
		return *h, true
	}
	return source.Hold{}, false
}

// Confirm implements source.Source.
func (s *Source) Confirm() bool {
	if s.hold.Load() == nil {
		return false
	}
	s.confirmed.Store(true)
	s.pending.touch()
	return true
}

// noteHold publishes the hold for Held.
func (s *Source) noteHold() {
	p, held := s.set.held()
	if !held {
		if s.hold.Swap(nil) != nil {
			s.log.Info("the files are back or their loss was confirmed; nothing is held any more", "dir", s.o.Dir)
		}
		return
	}
	h := &source.Hold{Missing: len(s.set.lost), Message: p.Message + "; " + p.Hint}
	if s.set.gone != "" {
		h.Missing = len(s.set.live)
	}
	if old := s.hold.Swap(h); old == nil || *old != *h {
		s.log.Error("source is held", "dir", s.o.Dir, "missing", h.Missing, "message", h.Message)
	}
}
