package files

import (
	"maps"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

// Settling. A program that writes a file in place (helm template > all.yaml) truncates it
// first, and may pause between two documents. What such a file does not say, it does not say
// yet. So when a file loses objects while it is rewritten in place, the objects that it does
// have take effect at once, but those that it lost stay until it has not changed for a
// moment: Options.PartGrace, or Options.EmptyGrace while it is empty. A file that is put in
// place whole (renamed, created by a checkout) or removed needs no such patience.

// settle notes whether what was read from a file may be only a part of it.
func (s *Source) settle(path string, c *content, placed bool) {
	known := s.set.files[path]
	_, settling := s.set.settling[path]
	switch {
	case c.missing || c.problem != nil || known == nil:
		delete(s.set.settling, path)
	case c.size == 0 && (settling || len(known.decoded.entries) > 0):
		s.set.settling[path] = time.Now().Add(s.o.EmptyGrace)
	case placed || known.ref.real != c.ref.real || known.stat.inode != c.stat.inode:
		delete(s.set.settling, path)
	case settling || loses(known, c):
		s.set.settling[path] = time.Now().Add(s.o.PartGrace)
	}
}

// loses says whether an object is in the file's old content, but not in its new one.
func loses(old, now *content) bool {
	has := make(map[api.Key]bool, len(now.decoded.entries))
	for i := range now.decoded.entries {
		has[now.decoded.entries[i].key] = true
	}
	return slices.ContainsFunc(old.decoded.entries, func(e entry) bool { return !has[e.key] })
}

// settled gives the files whose time is over. They are read once more: the event of a
// change may still be on its way.
func (s *Source) settled(n news) []string {
	var paths []string
	now := time.Now()
	for path, until := range s.set.settling {
		if now.Before(until) {
			continue
		}
		paths = append(paths, path)
		if c := s.set.files[path]; c != nil {
			n.dirty[c.ref.real] = true
		}
	}
	return paths
}

func (s *Source) nextSettled() (time.Time, bool) {
	times := slices.Collect(maps.Values(s.set.settling))
	if len(times) == 0 {
		return time.Time{}, false
	}
	return slices.MinFunc(times, time.Time.Compare), true
}
