package files

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// steady reads what is pending, and has Git stand still meanwhile: if it does not, all is read again,
// for as long as Git is waited for elsewhere. Else the files of one commit could be taken for edits of
// another. It is false when ctx ends first.
func (s *Source) steady(ctx context.Context) (changes map[string]*content, ok bool) {
	n := newNews()
	for end := time.Now().Add(s.o.MaxGitLock); ; {
		n.add(s.pending.take())
		before := s.git.state()
		if s.edits != nil && before.commit != s.edits.commit {
			n.all = true // events of what Git has changed may still be on their way
		}
		changes = s.changes(n)
		now := time.Now()
		if now.After(end) || s.git.state() == before && !s.lock.held(s.git, now, s.o.MaxGitLock) {
			return changes, true
		}
		n.all = true
		s.pending.touch()
		if !s.wait(ctx) {
			return nil, false
		}
	}
}

// changes reads what is news.
func (s *Source) changes(n news) map[string]*content {
	settled := s.settled(n)
	changes := s.look(n)
	for _, path := range settled {
		if _, changed := changes[path]; !changed {
			delete(s.set.settling, path)
		}
	}
	return changes
}

func (s *Source) look(n news) map[string]*content {
	files := make(map[string]fileRef, len(n.dirty))
	if n.all || !s.directories(n, files) {
		return s.rescan(n)
	}
	for real := range n.dirty {
		if !s.locate(real, files) {
			return s.rescan(n)
		}
	}
	return s.read(files, n.placed)
}

// directories takes account of new and removed directories, and gives the files in them. It
// is false when it takes another look at the whole tree: what symbolic links lead to may
// have changed too.
func (s *Source) directories(n news, files map[string]fileRef) bool {
	if len(n.made)+len(n.ended) > 0 && s.linked {
		return false
	}
	for gone := range n.ended {
		if _, err := os.Lstat(gone); err == nil {
			return false // it is back
		}
		delete(s.dirs, gone)
		for real := range s.shown {
			if isBeneath(gone, real) {
				n.dirty[real] = true
			}
		}
	}
	for _, real := range slices.Sorted(maps.Keys(n.made)) {
		parent, known := s.dirs[filepath.Dir(real)]
		if !known {
			continue // it was removed with its parent, or is found with it
		}
		t := newTree(func(string) {})
		err := t.dir(real, filepath.Join(parent, filepath.Base(real)))
		if err != nil || len(t.links)+len(t.problems) > 0 {
			return false
		}
		maps.Copy(s.dirs, t.dirs)
		for path, f := range t.files {
			s.shown[f.ref.real] = []string{path}
			files[path] = f.ref
		}
	}
	return true
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
		if err != nil && s.linked && name != filepath.Join(s.dirs[filepath.Dir(real)], filepath.Base(real)) {
			return false // a link led to it
		}
		files[name] = fileRef{name: name, real: real}
	}
	return true
}

// read reads files, several at a time, and gives those that have changed.
func (s *Source) read(files map[string]fileRef, placed map[string]bool) map[string]*content {
	changes := readAll(files, s.o.MaxFileSize, s.set.files, visitor{keep: s.o.Keep, documents: s.o.State != nil})
	for path, c := range changes {
		s.settle(path, c, placed[c.ref.real])
		if c.missing {
			changes[path] = nil
		}
	}
	return changes
}

// rescan looks at the whole tree, watches it, and reads the files that have changed. Those
// that are dirty are read whatever their stamp says: a file may change twice within the
// resolution of its times.
func (s *Source) rescan(n news) map[string]*content {
	w, t, err := s.survey()
	if s.watch != nil {
		s.watch.close()
	}
	s.watch = w
	s.lookAt = time.Now().Add(s.o.Rescan)
	if w == nil || w.err != nil {
		s.lookAt = time.Now().Add(min(s.o.Rescan, withoutEvents))
	}
	if err != nil {
		s.set.gone = cause(err)
		return map[string]*content{}
	}
	s.set.gone, s.set.unreadable, s.set.treeProbs = "", t.unreadable, t.problems
	s.linked = t.linked
	s.dirs, s.shown = t.dirs, make(map[string][]string, len(t.files))
	files := make(map[string]fileRef)
	changes := make(map[string]*content)
	for path, f := range t.files {
		s.shown[f.ref.real] = append(s.shown[f.ref.real], path)
		known := s.set.files[path]
		if f.err != nil {
			c := &content{ref: &f.ref, problem: unreadable(f.ref, f.err, 0)}
			if known == nil || known.problem == nil || *known.problem != *c.problem {
				changes[path] = c
			}
			continue
		}
		if n.dirty[f.ref.real] || known == nil || known.stat != f.stamp || known.ref.real != f.ref.real {
			files[path] = f.ref
		}
	}
	for path := range s.set.files {
		if _, there := t.files[path]; !there && !s.set.beneathUnreadable(path) {
			changes[path] = nil
			delete(s.set.settling, path)
		}
	}
	maps.Copy(changes, s.read(files, n.placed))
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
		if s.git = findGit(real); s.git != nil && (s.edits == nil || *s.edits.git != *s.git || s.edits.real != real) {
			s.edits = newEdits(s.git, real, s.log)
		}
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
