package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// tree is one look at a directory tree. Every directory and file is in it once: under its
// own name if it has one in the tree, else under the first symbolic link that leads to it. So
// links that form a loop end, and a ConfigMap mount (name -> ..data/name, ..data ->
// ..2026_01_01) shows each file under its visible name.
//
// Hidden names (.git, ..data) are left out, except as targets of links.
type tree struct {
	files      map[string]treeFile // by shown path
	dirs       map[string]string   // real path of every directory -> shown path
	names      map[string]bool     // real paths of links: when one changes, look again
	unreadable []string            // shown paths of directories that could not be listed
	problems   []api.Problem
	special    []fileRef // pipes, sockets and devices, named like manifests

	confined bool                    // links are followed only within the bounds
	bounds   bounds                  // not those of Run, whose directory is its own
	skip     func(shown string) bool // what LoadOptions says; nil: nothing

	linked bool            // there are symbolic links in it
	seen   map[string]bool // real paths
	links  []link
	// wants says by its name whether a file belongs to the tree.
	wants func(name string) bool
	// enter is called with every real directory before it is listed, so that a watch can be
	// set up and nothing is missed in between.
	enter func(real string)
	// found is called with every file that can be read. It may be nil.
	found func(fileRef)
}

type treeFile struct {
	ref   fileRef
	stamp stamp
	err   error // why it cannot be read, for a link that leads nowhere
}

type link struct{ real, shown string }

func newTree(enter func(real string)) *tree {
	return &tree{
		files: make(map[string]treeFile),
		dirs:  make(map[string]string),
		names: make(map[string]bool),
		seen:  make(map[string]bool),
		enter: enter,
		wants: isManifest,
	}
}

// newOfflineTree is for one look at paths, which may come from somebody else.
func newOfflineTree(o LoadOptions, paths []string) *tree {
	t := newTree(func(string) {})
	t.confined, t.bounds, t.skip = true, boundsOf(paths), o.Skip
	return t
}

func (t *tree) skips(shown string) bool { return t.skip != nil && t.skip(shown) }

// isManifest says whether a file name is that of a manifest.
func isManifest(name string) bool {
	if strings.HasPrefix(filepath.Base(name), ".") {
		return false
	}
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

func isBeneath(dir, path string) bool {
	return dir == "." && !filepath.IsAbs(path) || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// root reads the tree under a directory. It fails when the directory itself cannot be read.
func (t *tree) root(shown, real string) error {
	if err := t.dir(real, shown); err != nil {
		return err
	}
	// Links after all that has a name of its own, in the order of their names.
	t.linked = len(t.links) > 0
	for len(t.links) > 0 {
		links := t.links
		t.links = nil
		slices.SortFunc(links, func(a, b link) int { return strings.Compare(a.shown, b.shown) })
		for _, l := range links {
			t.follow(l)
		}
	}
	return nil
}

func (t *tree) dir(real, shown string) error {
	if t.seen[real] {
		return nil
	}
	t.seen[real] = true
	t.enter(real)
	entries, err := os.ReadDir(real)
	if err != nil {
		return err
	}
	t.dirs[real] = shown
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(real, e.Name())
		if shown == real { // one string for both
			t.entry(e, path, path)
		} else {
			t.entry(e, path, filepath.Join(shown, e.Name()))
		}
	}
	return nil
}

func (t *tree) entry(e fs.DirEntry, real, shown string) {
	switch {
	case t.skips(shown):
	case e.Type()&fs.ModeSymlink != 0:
		t.links = append(t.links, link{real, shown})
	case e.IsDir():
		t.subdir(real, shown)
	case e.Type().IsRegular() && t.wants(shown):
		if info, err := e.Info(); err == nil { // else it vanished just now
			t.file(real, shown, info)
		}
	case !e.Type().IsRegular() && t.wants(shown):
		t.special = append(t.special, fileRef{name: shown, real: real})
	}
}

// file takes in a file that can be read.
func (t *tree) file(real, shown string, info fs.FileInfo) {
	ref := fileRef{name: shown, real: real}
	t.seen[real] = true
	t.files[shown] = treeFile{ref: ref, stamp: stampOf(info)}
	if t.found != nil {
		t.found(ref)
	}
}

func (t *tree) subdir(real, shown string) {
	err := t.dir(real, shown)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	t.names[real] = true
	t.unreadable = append(t.unreadable, shown)
	t.problems = append(t.problems, api.Problem{
		Reason: api.ReasonFileUnreadable, Severity: api.Error, Message: "the directory cannot be listed: " + cause(err),
		Hint: "check its permissions", Position: api.Position{File: shown},
	})
}

func (t *tree) follow(l link) {
	real, err := resolveLinks(l.real, t.names)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(real)
	}
	if err != nil {
		if t.wants(l.shown) {
			t.files[l.shown] = treeFile{ref: fileRef{name: l.shown, real: l.real}, err: err}
		}
		return
	}
	switch {
	case t.seen[real]:
	case t.confined && !t.bounds.hold(real):
		if info.IsDir() || t.wants(l.shown) {
			t.refuse(l.shown, real)
		}
	case info.IsDir():
		t.subdir(real, l.shown)
	case info.Mode().IsRegular() && t.wants(l.shown):
		t.enter(filepath.Dir(real))
		t.file(real, l.shown, info)
	case !info.Mode().IsRegular() && t.wants(l.shown):
		t.special = append(t.special, fileRef{name: l.shown, real: real})
	}
}

var errLoop = errors.New("symbolic links form a loop")

// resolveLinks gives the path without symbolic links, and notes in names the path of every
// link on the way, and of the first part that is missing: when one of those changes, the
// path may lead elsewhere.
func resolveLinks(path string, names map[string]bool) (string, error) {
	rest := strings.Split(strings.TrimPrefix(path, "/"), "/")
	at := "/"
	for hops := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			names[next] = true
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		names[next] = true
		if hops++; hops > 40 {
			return "", errLoop
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}
