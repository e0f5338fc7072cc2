package files

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
	"github.com/gateway-cp/gateway-cp/source"
)

// set is what all files say together, and what is in effect. It belongs to one goroutine.
type set struct {
	dir        string              // as shown to people
	files      map[string]*content // by shown path
	troubled   map[string]bool     // files with problems: the cost of a batch must not grow with the number of files
	claims     map[api.Key][]claim // the one that counts first: see prefer
	live       map[api.Key]*live
	twice      map[api.Key]bool     // have several claims
	kept       map[api.Key]bool     // live without a claim, because their file is unclear or settling
	lost       map[api.Key]bool     // live without a claim, because so many vanished at once
	stale      map[api.Key]bool     // live with a claim that is broken
	unreadable []string             // directories that could not be listed
	treeProbs  []api.Problem        // of directories
	settling   map[string]time.Time // files that may be written at the moment: when what they say counts
	gone       string               // why the directory as a whole cannot be read; empty: it can
	letGo      bool                 // the loss is confirmed
	base       int                  // objects in effect before those in lost vanished
	least      int                  // the loss of most of fewer objects than this is not held
	leastAll   int                  // nor the loss of all of fewer than this
}

// claim is a place that says what an object is.
type claim struct {
	path  string
	index int
	entry *entry
}

// live is an object in effect.
type live struct {
	object *api.Object // until it has been sent
	origin *origin     // nil: it is from the last run, and was not found yet
	file   string
	rivals []string // other files that had the object, too, when this one was taken from file; sorted
	hash   uint64
	stored *storedPlace // without an origin
}

// storedPlace is where the last run found an object.
type storedPlace struct {
	doc          []byte // the object itself, if it was stored beside it
	line, column int
}

func newSet(dir string, least, leastAll int) *set {
	return &set{
		dir: dir, least: least, leastAll: leastAll,
		files:    make(map[string]*content),
		troubled: make(map[string]bool),
		claims:   make(map[api.Key][]claim),
		live:     make(map[api.Key]*live),
		twice:    make(map[api.Key]bool),
		kept:     make(map[api.Key]bool),
		lost:     make(map[api.Key]bool),
		stale:    make(map[api.Key]bool),
		settling: make(map[string]time.Time),
	}
}

// delta is what an apply changed.
type delta struct {
	set    map[api.Key]*live
	gone   []api.Key
	record map[api.Key]*entry // to be written to the state store; nil: to be deleted
}

// apply takes new contents of files (nil: the file is gone) and says what changes in effect.
// Confirmed lets go of objects that would be held.
func (s *set) apply(changes map[string]*content, confirmed bool) delta {
	before := len(s.live)
	if len(s.lost) > 0 {
		before = s.base
	}
	entries := 0
	for _, c := range changes {
		if c != nil {
			entries += len(c.decoded.entries)
		}
	}
	touched := make(map[api.Key]bool, entries)
	if len(s.files) == 0 { // the first time, most is new
		s.files = make(map[string]*content, len(changes))
		s.claims = make(map[api.Key][]claim, entries)
	}
	for _, waiting := range []map[api.Key]bool{s.kept, s.lost} {
		for key := range waiting {
			touched[key] = true
		}
	}
	for path, c := range changes {
		s.replace(path, c, touched)
	}
	s.letGo = confirmed
	d := delta{set: make(map[api.Key]*live, len(touched)), record: make(map[api.Key]*entry, len(touched))}
	for key := range touched {
		s.resolve(key, &d)
	}
	s.base = before
	if confirmed || !s.tooMany(len(s.lost), before) {
		for key := range s.lost {
			delete(s.live, key)
			d.gone = append(d.gone, key)
			d.record[key] = nil
		}
		s.lost = make(map[api.Key]bool) // at the start all were in it
	}
	return d
}

// tooMany is the rule for holding: more than half of what was in effect is missing, and
// that was not but a handful. See hold.go.
func (s *set) tooMany(lost, before int) bool {
	return before >= s.least && 2*lost > before || before >= s.leastAll && lost == before
}

// replace takes the claims of a file's old content away and adds those of the new one.
func (s *set) replace(path string, c *content, touched map[api.Key]bool) {
	if old := s.files[path]; old != nil {
		for i := range old.decoded.entries {
			key := old.decoded.entries[i].key
			touched[key] = true
			left := slices.DeleteFunc(s.claims[key], func(c claim) bool { return c.path == path })
			if s.claims[key] = left; len(left) == 0 {
				delete(s.claims, key)
			}
		}
	}
	delete(s.troubled, path)
	if c == nil {
		delete(s.files, path)
		return
	}
	s.files[path] = c
	if c.hasProblems() {
		s.troubled[path] = true
	}
	for i := range c.decoded.entries {
		e := &c.decoded.entries[i]
		touched[e.key] = true
		s.claims[e.key] = append(s.claims[e.key], claim{path, i, e})
	}
}

// prefer sorts the claims to an object. The place that the object in effect is from comes
// first: a copy that appears must not take over, whatever its name. Where there is no such
// place, the order of paths decides, and then that in the file. Heir is false when the first
// claim was there all the time and does not count while that place may still have the object.
func (s *set) prefer(key api.Key) (claims []claim, heir bool) {
	claims, now := s.claims[key], s.live[key]
	isRival := func(claim) bool { return false }
	if now != nil && (s.uncertain(now.file) || slices.ContainsFunc(claims, func(c claim) bool { return c.entry.guess && c.path == now.file })) {
		isRival = func(c claim) bool { return slices.Contains(now.rivals, c.path) }
	}
	rank := func(c claim) int {
		there := now != nil && c.path == now.file
		switch {
		case there && !c.entry.guess && c.entry.hash == now.hash:
			return 0
		case there && !c.entry.guess:
			return 1
		case !there && !c.entry.guess && !isRival(c):
			return 2
		case there:
			return 3
		case !c.entry.guess:
			return 4
		}
		return 5
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.path, b.path), cmp.Compare(a.index, b.index))
	})
	return claims, len(claims) > 0 && rank(claims[0]) != 4
}

// resolve decides what is in effect for one object.
func (s *set) resolve(key api.Key, d *delta) {
	claims, heir := s.prefer(key)
	now := s.live[key]
	delete(s.kept, key)
	delete(s.lost, key)
	delete(s.stale, key)
	delete(s.twice, key)
	if !heir && len(claims) > 0 || slices.ContainsFunc(claims[min(1, len(claims)):], func(c claim) bool { return !c.entry.guess }) {
		s.twice[key] = true
	}
	switch {
	case heir && claims[0].entry.isGood(now):
		s.take(key, claims[0], now, d)
	case heir && now != nil:
		s.stale[key] = true
		now.file = claims[0].path
	case now == nil:
	case s.gone != "" && !s.letGo, s.uncertain(now.file):
		s.kept[key] = true
	default:
		s.lost[key] = true
	}
}

// isGood says whether the entry can be in effect: it is so already, or has all that it takes.
func (e *entry) isGood(now *live) bool {
	return e.value != nil || e.admitted && now != nil && now.origin != nil && now.hash == e.hash
}

// take puts a claim into effect.
func (s *set) take(key api.Key, c claim, now *live, d *delta) {
	e, rivals := c.entry, s.rivals(key, c.path)
	if now != nil && now.hash == e.hash {
		if now.file != c.path || !slices.Equal(now.rivals, rivals) {
			now.file, now.rivals = c.path, rivals
			d.record[key] = e
		} else {
			e.doc = nil // it is in the state store
		}
		if now.origin != nil {
			now.origin.p.Store(e.place)
			e.value = nil
			return
		}
	} else {
		d.record[key] = e
	}
	o := newOrigin(e.place)
	l := &live{object: &api.Object{Key: key, Value: e.value, Origin: o}, origin: o, file: c.path, rivals: rivals, hash: e.hash}
	e.value = nil
	s.live[key] = l
	d.set[key] = l
}

// rivals gives the other files that say what an object is.
func (s *set) rivals(key api.Key, path string) []string {
	var paths []string
	for _, c := range s.claims[key] {
		if c.path != path && !c.entry.guess {
			paths = append(paths, c.path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// uncertain says whether a file may have objects that were not found in it.
func (s *set) uncertain(path string) bool {
	_, settling := s.settling[path]
	return settling || s.unclear(path)
}

// unclear says whether a file, or what it is in, is there but cannot be told apart into objects.
func (s *set) unclear(path string) bool {
	if c := s.files[path]; c != nil && (c.problem != nil || c.decoded.unclear) {
		return true
	}
	return s.beneathUnreadable(path)
}

func (s *set) beneathUnreadable(path string) bool {
	return slices.ContainsFunc(s.unreadable, func(dir string) bool { return isBeneath(dir, path) })
}

// revive decodes the stored versions of objects that are in effect although no file has a
// good version of them. It gives those that cannot be read any more, and forgets them.
func (s *set) revive(d *delta, document func(key api.Key, hash uint64) []byte) (dropped []api.Key) {
	infos := make(map[api.Kind]api.KindInfo)
	for _, info := range api.Kinds() {
		infos[info.Kind] = info
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.live), api.Key.Compare) {
		l := s.live[key]
		if l.origin != nil {
			continue
		}
		info, known := infos[key.Kind]
		var value api.Value
		ok := false
		if known {
			doc := l.stored.doc
			if doc == nil {
				doc = document(key, l.hash)
			}
			value = info.New()
			ok = doc != nil && !admission.HasError(admitJSON(nil, doc, value, key))
		}
		if !ok {
			s.forget(key)
			d.record[key] = nil
			if s.resolve(key, d); s.live[key] == nil { // another file may have it
				dropped = append(dropped, key)
			}
			continue
		}
		l.origin = newOrigin(&place{file: &fileRef{name: l.file, real: l.file}, line: l.stored.line, column: l.stored.column})
		l.object, l.stored = &api.Object{Key: key, Value: value, Origin: l.origin}, nil
		d.set[key] = l
	}
	return dropped
}

func (s *set) forget(key api.Key) {
	delete(s.live, key)
	delete(s.kept, key)
	delete(s.lost, key)
	delete(s.stale, key)
}

// batch makes the batch of a delta.
func (s *set) batch(d delta, revision string) source.Batch {
	b := source.Batch{Revision: revision, Delete: d.gone, Problems: s.problems()}
	b.Partly = admission.HasError(b.Problems) // a hold is an error, too
	for _, key := range slices.SortedFunc(maps.Keys(d.set), api.Key.Compare) {
		b.Set = append(b.Set, d.set[key].object)
	}
	slices.SortFunc(b.Delete, api.Key.Compare)
	return b
}
