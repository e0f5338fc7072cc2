package files

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

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
	// Rescan is how often the tree is looked at even without events. 0: 30 s.
	Rescan time.Duration
	// HoldAtLeast is the number of objects from which a loss of most is held. 0: 10.
	HoldAtLeast int
}

// Source reads and watches a directory tree. It implements source.Source.
type Source struct {
	o         Options
	log       *slog.Logger
	set       *set
	pending   *pending
	keeper    *keeper
	savedBase int
	hold      atomic.Pointer[Hold]
	confirmed atomic.Bool

	// The latest look at the tree.
	watch   *watch
	dirs    map[string]string   // real -> shown
	shown   map[string][]string // real path of a file -> shown paths
	git     *gitTree
	lock    gitLock
	emptied map[string]time.Time // files truncated to nothing: when that counts
	look    time.Time            // when to look at the whole tree again, whatever happens
}

var _ source.Source = (*Source)(nil)

// New makes a source; Run starts it.
func New(o Options) *Source {
	o.MaxFileSize = cmp.Or(o.MaxFileSize, 16<<20)
	o.Quiet = cmp.Or(o.Quiet, 20*time.Millisecond)
	o.MaxBurst = cmp.Or(o.MaxBurst, 2*time.Second)
	o.MaxGitLock = cmp.Or(o.MaxGitLock, 5*time.Second)
	o.EmptyGrace = cmp.Or(o.EmptyGrace, 2*time.Second)
	o.Rescan = cmp.Or(o.Rescan, 30*time.Second)
	o.HoldAtLeast = cmp.Or(o.HoldAtLeast, 10)
	o.Dir = filepath.Clean(o.Dir)
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Source{
		o: o, log: log, set: newSet(o.Dir, o.HoldAtLeast), pending: newPending(),
		emptied: make(map[string]time.Time),
	}
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
	changes := s.rescan(nil)
	if s.set.gone != "" && len(s.set.live) == 0 {
		return fmt.Errorf("read %s: %s", s.o.Dir, s.set.gone)
	}
	sent, ok := s.step(ctx, out, changes, true, source.Batch{})
	for ok {
		if !s.wait(ctx) {
			break
		}
		sent, ok = s.step(ctx, out, s.changes(), false, sent)
	}
	return nil
}

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
	values := map[string]any{keyDir: abs}
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
	}
	d := s.set.apply(changes, confirmed)
	if first {
		d.gone = nil // nobody has seen them in this run
		for _, key := range s.set.revive(&d) {
			s.log.Warn("an object of the last run is not valid any more, and its file is broken: it is gone", "object", key.String())
		}
	}
	revision := ""
	if s.git != nil {
		var ref string
		revision, ref = s.git.head()
		if s.watch != nil && !s.watch.touches[ref] {
			s.pending.note("", true) // another branch: watch its file
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
	return b, true
}

// release lets go of the text of objects that are in the state store now.
func (s *Source) release(d delta) {
	for _, e := range d.record {
		if e != nil {
			e.doc = nil
		}
	}
}

// wait blocks until something has happened and is over: until nothing has happened for a
// moment, and Git is not at work.
func (s *Source) wait(ctx context.Context) bool {
	var grace <-chan time.Time
	if next, ok := s.nextEmptied(); ok {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		grace = timer.C
	}
	look := time.NewTimer(time.Until(s.look))
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

func (s *Source) nextEmptied() (time.Time, bool) {
	times := slices.Collect(maps.Values(s.emptied))
	if len(times) == 0 {
		return time.Time{}, false
	}
	return slices.MinFunc(times, time.Time.Compare), true
}

// changes reads what is pending.
func (s *Source) changes() map[string]*content {
	dirty, all := s.pending.take()
	if !all {
		files := make(map[string]fileRef, len(dirty))
		for real := range dirty {
			if !s.locate(real, files) {
				all = true
			}
		}
		for path := range s.emptied {
			if c := s.set.files[path]; c != nil {
				files[path] = c.ref
			}
		}
		if !all {
			return s.read(files)
		}
	}
	return s.rescan(dirty)
}

// locate finds the files that a real path stands for. It is false when the tree has changed
// in a way that needs another look at it.
func (s *Source) locate(real string, files map[string]fileRef) bool {
	info, err := os.Lstat(real)
	names := s.shown[real]
	if err == nil && !info.Mode().IsRegular() {
		return info.Mode()&(fs.ModeSymlink|fs.ModeDir) == 0 && len(names) == 0
	}
	if len(names) == 0 {
		dir, known := s.dirs[filepath.Dir(real)]
		if err != nil || !known {
			return true
		}
		names = []string{filepath.Join(dir, filepath.Base(real))}
		s.shown[real] = names
	}
	for _, name := range names {
		if err != nil && name != filepath.Join(s.dirs[filepath.Dir(real)], filepath.Base(real)) {
			return false // a link leads to it
		}
		files[name] = fileRef{name: name, real: real}
	}
	return true
}

// read reads files, several at a time, and gives those that have changed.
func (s *Source) read(files map[string]fileRef) map[string]*content {
	changes := readAll(files, s.o.MaxFileSize, s.set.files)
	for path, c := range changes {
		if c.missing {
			changes[path] = nil
		}
		if s.beingWritten(path, c) {
			delete(changes, path)
		}
	}
	return changes
}

// beingWritten says whether a file that had objects was truncated to nothing just now. That
// is what a program does that is about to write it (helm template > all.yaml), so its
// objects stay for a moment.
func (s *Source) beingWritten(path string, c *content) bool {
	known := s.set.files[path]
	if c.missing || c.problem != nil || c.size > 0 || known == nil || len(known.decoded.entries) == 0 {
		delete(s.emptied, path)
		return false
	}
	now := time.Now()
	until, waiting := s.emptied[path]
	if !waiting {
		until = now.Add(s.o.EmptyGrace)
		s.emptied[path] = until
	}
	if now.Before(until) {
		return true
	}
	delete(s.emptied, path)
	return false
}

// rescan looks at the whole tree, watches it, and reads the files that have changed. Those
// that are dirty are read whatever their stamp says: a file may change twice within the
// resolution of its times.
func (s *Source) rescan(dirty map[string]bool) map[string]*content {
	w, t, err := s.survey()
	if s.watch != nil {
		s.watch.close()
	}
	s.watch = w
	s.look = time.Now().Add(s.o.Rescan)
	if w == nil || w.err != nil {
		s.look = time.Now().Add(min(s.o.Rescan, withoutEvents))
	}
	if err != nil {
		s.set.gone = cause(err)
		return map[string]*content{}
	}
	s.set.gone, s.set.unreadable, s.set.treeProbs = "", t.unreadable, t.problems
	s.dirs, s.shown = t.dirs, make(map[string][]string, len(t.files))
	files := make(map[string]fileRef)
	changes := make(map[string]*content)
	for path, f := range t.files {
		s.shown[f.ref.real] = append(s.shown[f.ref.real], path)
		known := s.set.files[path]
		if f.err != nil {
			c := &content{ref: f.ref, problem: unreadable(f.ref, f.err, 0)}
			if known == nil || known.problem == nil || *known.problem != *c.problem {
				changes[path] = c
			}
			continue
		}
		if dirty[f.ref.real] || known == nil || known.stat != f.stamp || known.ref.real != f.ref.real {
			files[path] = f.ref
		}
	}
	for path := range s.set.files {
		if _, there := t.files[path]; !there && !s.set.beneathUnreadable(path) {
			changes[path] = nil
			delete(s.emptied, path)
		}
	}
	maps.Copy(changes, s.read(files))
	return changes
}

// withoutEvents is how often the tree is looked at where the kernel gives no events.
const withoutEvents = 2 * time.Second

// survey watches the tree and then reads its directories, in that order.
func (s *Source) survey() (*watch, *tree, error) {
	w, err := newWatch(s.pending)
	if err != nil {
		s.log.Warn("file changes are only seen by looking now and then", "dir", s.o.Dir, "every", withoutEvents, "error", err)
	}
	t := newTree(func(dir string) {
		if w != nil {
			w.add(dir)
		}
	})
	abs, err := filepath.Abs(s.o.Dir)
	if err != nil {
		return w, t, err
	}
	real, err := resolveLinks(abs, t.names)
	if w != nil {
		for name := range t.names { // before anything below is read
			w.add(filepath.Dir(name))
		}
	}
	s.git = nil
	if err == nil {
		t.names[real] = true // the directory itself may be removed and made again
		if w != nil {
			w.add(filepath.Dir(real))
		}
		s.git = findGit(real)
		err = t.root(s.o.Dir, real)
	}
	if w != nil {
		s.watchAlso(w, t)
		w.start()
		if w.err != nil {
			s.log.Warn("some changes are only seen by looking now and then", "every", withoutEvents, "error", w.err)
		}
	}
	return w, t, err
}

// watchAlso adds what else is of interest: links, their targets, and Git's own files.
func (s *Source) watchAlso(w *watch, t *tree) {
	w.names = t.names
	for dir := range t.dirs {
		w.dirs[dir] = true
	}
	for _, f := range t.files {
		if !w.dirs[filepath.Dir(f.ref.real)] {
			w.targets[f.ref.real] = true
		}
	}
	if s.git != nil {
		_, ref := s.git.head()
		for _, path := range []string{filepath.Join(s.git.dir, "HEAD"), filepath.Join(s.git.dir, "index.lock"), ref, filepath.Join(s.git.common, "packed-refs")} {
			w.touches[path] = true
		}
	}
}
