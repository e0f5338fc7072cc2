package files

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source"
	"github.com/gateway-cp/gateway-cp/state"
)

// Options say what to read and how. The zero value of everything but Dir is a good choice.
type Options struct {
	// Dir is the root of the tree. It, and what is above it, may be symbolic links that are
	// swapped.
	Dir string
	// State keeps the last good objects for the next run; nil keeps none.
	State *state.Store
	Log   *slog.Logger
	// Keep gives what is kept of an admitted object: itself, or one that is smaller and says as
	// much to whoever gets it. It is called by several goroutines. nil keeps all.
	Keep func(api.Value) api.Value

	// MaxFileSize in bytes; larger files are not read. 0: 16 MiB.
	MaxFileSize int64
	// Quiet is how long nothing must happen before a batch is made. 0: 20 ms.
	Quiet time.Duration
	// MaxBurst bounds how long changes that do not stop are waited for. 0: 2 s.
	MaxBurst time.Duration
	// MaxGitLock bounds how long Git is waited for while it changes the work tree. 0: 5 s.
	MaxGitLock time.Duration
	// EmptyGrace is how long a file that was truncated to nothing is taken for one that is
	// being written. 0: 2 s.
	EmptyGrace time.Duration
	// PartGrace is how long a file that was rewritten in place and has lost objects is taken
	// for one that is being written, from its latest change on. 0: 400 ms.
	PartGrace time.Duration
	// Rescan is how often the tree is looked at even without events. 0: 30 s.
	Rescan time.Duration
	// HoldAtLeast is the number of objects from which a loss of most is held. 0: source.HoldAtLeast.
	HoldAtLeast int
	// HoldAllAtLeast is the number of objects from which a loss of all is held. 0: source.HoldAllAtLeast.
	HoldAllAtLeast int
}

// Source reads and watches a directory tree. It implements source.Source.
type Source struct {
	o         Options
	log       *slog.Logger
	set       *set
	pending   *pending
	keeper    *keeper
	savedBase int
	hold      atomic.Pointer[source.Hold]
	confirmed atomic.Bool

	// The latest look at the tree.
	watch  *watch
	dirs   map[string]string   // real -> shown
	shown  map[string][]string // real path of a file -> shown paths
	linked bool                // there are symbolic links in the tree
	git    *gitTree
	edits  *edits // nil without git
	lock   gitLock
	lookAt time.Time // when to look at the whole tree again, whatever happens
}

var _ source.Source = (*Source)(nil)

// New makes a source; Run starts it.
func New(o Options) *Source {
	o.MaxFileSize = cmp.Or(o.MaxFileSize, 16<<20)
	o.Quiet = cmp.Or(o.Quiet, 20*time.Millisecond)
	o.MaxBurst = cmp.Or(o.MaxBurst, 2*time.Second)
	o.MaxGitLock = cmp.Or(o.MaxGitLock, 5*time.Second)
	o.EmptyGrace = cmp.Or(o.EmptyGrace, 2*time.Second)
	o.PartGrace = cmp.Or(o.PartGrace, 400*time.Millisecond)
	o.Rescan = cmp.Or(o.Rescan, 30*time.Second)
	o.HoldAtLeast = cmp.Or(o.HoldAtLeast, source.HoldAtLeast)
	o.HoldAllAtLeast = cmp.Or(o.HoldAllAtLeast, source.HoldAllAtLeast)
	o.Dir = filepath.Clean(o.Dir)
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Source{o: o, log: log, set: newSet(o.Dir, o.HoldAtLeast, o.HoldAllAtLeast), pending: newPending()}
}

// Run implements source.Source. It fails when the directory does not exist and no earlier
// run left objects from it, or when the state store cannot be read.
func (s *Source) Run(ctx context.Context, out chan<- source.Batch) error {
	if err := s.recall(); err != nil {
		return err
	}
	defer func() {
		if s.keeper != nil {
			s.keeper.close()
		}
		if s.watch != nil {
			s.watch.close()
		}
	}()
	changes := s.rescan(newNews())
	if s.set.gone != "" && len(s.set.live) == 0 {
		return fmt.Errorf("read %s: %s", s.o.Dir, s.set.gone)
	}
	sent, ok := s.step(ctx, out, changes, true, source.Batch{})
	for ok {
		if !s.wait(ctx) {
			break
		}
		if changes, ok = s.steady(ctx); ok {
			sent, ok = s.step(ctx, out, changes, false, sent)
		}
	}
	return nil
}

// Unread implements source.Source.
func (s *Source) Unread() []string { return []string{"the manifests have not been read yet"} }

// recall loads what the last run left.
func (s *Source) recall() error {
	if s.o.State == nil {
		return nil
	}
	left, err := loadStored(s.o.State, s.o.Dir)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(s.o.Dir)
	if err != nil {
		return err
	}
	s.keeper = newKeeper(s.o.State, s.log, s.o.Dir)
	values := left.inline
	values[keyDir] = abs
	for _, key := range left.obsolete {
		values[key] = nil
	}
	if len(left.obsolete) > 0 {
		s.log.Info("objects of another directory are forgotten", "dir", s.o.Dir, "objects", len(left.obsolete))
	}
	s.keeper.put(values)
	s.set.live = left.objects
	for key := range left.objects {
		s.set.lost[key] = true // until they are found
	}
	s.set.base = cmp.Or(left.base, len(left.objects))
	s.savedBase = left.base
	return nil
}

// step applies changes and sends the batch, if there is anything new to say. Ok is false
// when the context has ended.
func (s *Source) step(ctx context.Context, out chan<- source.Batch, changes map[string]*content, first bool, last source.Batch) (sent source.Batch, ok bool) {
	confirmed := s.confirmed.Swap(false)
	if confirmed && s.set.gone != "" {
		for path := range s.set.files {
			changes[path] = nil
		}
		s.set.unreadable = nil
		clear(s.set.settling)
	}
	revision := s.revision(changes)
	d := s.set.apply(changes, confirmed)
	if first {
		d.gone = nil // nobody has seen them in this run
		for _, key := range s.set.revive(&d, s.document) {
			s.log.Warn("an object of the last run is not valid any more, and its file is broken: it is gone", "object", key.String())
		}
	}
	b := s.set.batch(d, revision)
	s.noteHold()
	same := len(b.Set) == 0 && len(b.Delete) == 0 && b.Revision == last.Revision && slices.Equal(b.Problems, last.Problems)
	if first || !same {
		select {
		case out <- b:
		case <-ctx.Done():
			return last, false
		}
		s.log.Debug("batch", "set", len(b.Set), "delete", len(b.Delete), "problems", len(b.Problems), "revision", b.Revision)
	} else {
		b = last
	}
	s.save(d)
	s.release(d)
	b.Set, b.Delete = nil, nil // only what stands is compared with the next
	return b, true
}

// revision names what the files say after changes, which are not applied yet.
func (s *Source) revision(changes map[string]*content) string {
	if s.git == nil {
		return ""
	}
	commit, ref := s.git.head()
	if s.watch != nil && !s.watch.touches[ref] {
		s.pending.note("", true) // another branch: watch its file
	}
	return s.edits.revision(commit, s.set.files, changes)
}

// release lets go of what others have now: the text of objects, that the state store has, and
// the objects themselves.
func (s *Source) release(d delta) {
	for _, e := range d.record {
		if e != nil {
			e.doc = nil
		}
	}
	for _, l := range d.set {
		l.object = nil
	}
}
