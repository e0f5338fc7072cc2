package files

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// news says what may have changed.
type news struct {
	dirty  map[string]bool // real paths of manifests
	placed map[string]bool // those among them that were created or renamed into place
	made   map[string]bool // real paths of directories that are new
	ended  map[string]bool // real paths of directories that were removed
	all    bool            // look at the whole tree
}

func newNews() news {
	return news{dirty: make(map[string]bool), placed: make(map[string]bool), made: make(map[string]bool), ended: make(map[string]bool)}
}

// add adds what has come later.
func (n *news) add(later news) {
	maps.Copy(n.dirty, later.dirty)
	maps.Copy(n.placed, later.placed)
	maps.Copy(n.made, later.made)
	maps.Copy(n.ended, later.ended)
	n.all = n.all || later.all
}

// pending is what has happened since the last batch.
type pending struct {
	wake chan struct{} // has something when something happened

	mu sync.Mutex
	news
	last time.Time // of the latest event
}

func newPending() *pending {
	return &pending{wake: make(chan struct{}, 1), news: newNews()}
}

// note records an event; path may be empty.
func (p *pending) note(path string, all bool) {
	p.add(func(n *news) {
		if path != "" {
			n.dirty[path] = true
		}
		n.all = n.all || all
	})
}

// manifest records what happened to a manifest.
func (p *pending) manifest(e fsnotify.Event) {
	p.add(func(n *news) {
		n.dirty[e.Name] = true
		if e.Op.Has(fsnotify.Create) {
			n.placed[e.Name] = true
		}
	})
}

func (p *pending) add(event func(*news)) {
	p.mu.Lock()
	event(&p.news)
	p.last = time.Now()
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// touch wakes the source without saying that a manifest changed.
func (p *pending) touch() { p.note("", false) }

// take gives what is pending, and empties it.
func (p *pending) take() news {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.news
	p.news = newNews()
	return n
}

// quietFor says how long ago the latest event was.
func (p *pending) quietFor(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.last)
}

// watch watches the directories of one look at the tree, and new ones below them. It lives
// until a directory is renamed or a link changes; then all is watched afresh, because inotify
// follows renamed directories under their old names.
type watch struct {
	fs      *fsnotify.Watcher
	pending *pending
	err     error // why some directory is not watched

	// After start, these belong to the goroutine that reads the events.
	added   map[string]bool
	dirs    map[string]bool // directories of the tree
	names   map[string]bool // links on the way: a change of one may lead elsewhere
	targets map[string]bool // files outside of the tree that links lead to
	touches map[string]bool // files of Git that say which commit is checked out
}

func newWatch(p *pending) (*watch, error) {
	w, err := fsnotify.NewBufferedWatcher(1024)
	if err != nil {
		return nil, err
	}
	return &watch{
		fs: w, pending: p,
		added: make(map[string]bool), dirs: make(map[string]bool), names: make(map[string]bool),
		targets: make(map[string]bool), touches: make(map[string]bool),
	}, nil
}

// add watches a directory. Events count from now on, but start is needed to see them.
func (w *watch) add(dir string) {
	if w.added[dir] {
		return
	}
	w.added[dir] = true
	err := w.fs.Add(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) { // those show elsewhere
		w.err = fmt.Errorf("watch %s: %w", dir, err)
	}
}

// start begins to deliver events. What is of interest must not be changed any more.
func (w *watch) start() {
	for name := range w.names {
		w.add(filepath.Dir(name))
	}
	for name := range w.touches {
		w.add(filepath.Dir(name))
	}
	go func() {
		for {
			select {
			case event, ok := <-w.fs.Events:
				if !ok {
					return
				}
				w.event(event)
			case err, ok := <-w.fs.Errors:
				if !ok {
					return
				}
				if err != nil { // above all, fsnotify.ErrEventOverflow: events were lost
					w.pending.note("", true)
				}
			}
		}
	}()
}

func (w *watch) close() { _ = w.fs.Close() }

// event sorts out what an event means. Most files that are no manifests mean nothing, and
// must not delay those that are.
func (w *watch) event(e fsnotify.Event) {
	path := e.Name
	switch {
	case path == "":
	case w.names[path]:
		w.pending.note("", true)
	case w.dirs[path] && e.Op == fsnotify.Remove:
		delete(w.dirs, path)
		w.pending.add(func(n *news) { n.ended[path] = true })
	case w.dirs[path] && e.Op == fsnotify.Chmod:
		if _, err := os.Lstat(path); err == nil { // else it is about to be reported as removed
			w.pending.note("", true)
		}
	case w.dirs[path] && (e.Op&^fsnotify.Write) != 0:
		w.pending.note("", true)
	case w.touches[path]:
		w.pending.touch()
	case w.targets[path]:
		w.pending.manifest(e)
	case w.added[path] && e.Op&(fsnotify.Remove|fsnotify.Rename) != 0:
		w.pending.note("", true)
	case !w.dirs[filepath.Dir(path)] || strings.HasPrefix(filepath.Base(path), "."):
	case isManifest(path):
		w.pending.manifest(e)
	case e.Op.Has(fsnotify.Create):
		info, err := os.Lstat(path)
		switch {
		case err != nil:
		case info.IsDir():
			w.addTree(path)
			w.pending.add(func(n *news) { n.made[path] = true })
		case info.Mode()&os.ModeSymlink != 0:
			w.pending.note("", true)
		}
	}
}

// addTree watches a new directory and what is below it at once, so that a burst in it is
// seen to go on. The look at the tree that follows finds what was missed.
func (w *watch) addTree(dir string) {
	if strings.HasPrefix(filepath.Base(dir), ".") || w.fs.Add(dir) != nil {
		return
	}
	w.added[dir], w.dirs[dir] = true, true
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			w.addTree(filepath.Join(dir, e.Name()))
		}
	}
}
