package files

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// gitTree is the Git work tree that a directory is in. Its files are read directly: git need
// not be installed. See https://git-scm.com/docs/gitrepository-layout.
type gitTree struct {
	top    string // of the work tree
	dir    string // of this work tree: HEAD, index
	common string // of the repository: refs, packed-refs
}

// findGit looks for the work tree of a directory; nil when there is none.
func findGit(real string) *gitTree {
	for dir := real; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".git")
		if info, err := os.Stat(path); err == nil {
			if !info.IsDir() {
				path = pointer(path, "gitdir: ")
			}
			g := &gitTree{top: dir, dir: path, common: path}
			if common := pointer(filepath.Join(path, "commondir"), ""); common != "" {
				g.common = common
			}
			if _, err := os.Stat(filepath.Join(g.dir, "HEAD")); err == nil {
				return g
			}
			return nil
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// pointer reads a file that names another path, relative to the file.
func pointer(file, prefix string) string {
	data, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(data), prefix) {
		return ""
	}
	path := strings.TrimSpace(strings.TrimPrefix(string(data), prefix))
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	return filepath.Clean(path)
}

var commitHash = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// head gives the hash of the commit that is checked out, empty when unknown, and the file
// that holds it.
func (g *gitTree) head() (hash, ref string) {
	file := filepath.Join(g.dir, "HEAD")
	for range 5 { // symbolic refs may point to symbolic refs
		data, err := os.ReadFile(file)
		if err != nil {
			return g.packed(ref), file
		}
		text := strings.TrimSpace(string(data))
		name, symbolic := strings.CutPrefix(text, "ref: ")
		if !symbolic {
			if commitHash.MatchString(text) {
				return text, file
			}
			return "", file
		}
		ref, file = name, filepath.Join(g.common, filepath.FromSlash(name))
	}
	return "", file
}

// gitState changes when Git changes the work tree, once it has let go of its lock.
type gitState struct {
	commit string
	index  stamp
}

// state is that of a work tree, zero without.
func (g *gitTree) state() (s gitState) {
	if g == nil {
		return s
	}
	s.commit, _ = g.head()
	if info, err := os.Lstat(filepath.Join(g.dir, "index")); err == nil {
		s.index = stampOf(info)
	}
	return s
}

func (g *gitTree) packed(ref string) string {
	data, err := os.ReadFile(filepath.Join(g.common, "packed-refs"))
	if err != nil || ref == "" {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if hash, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == ref && commitHash.MatchString(hash) {
			return hash
		}
	}
	return ""
}

// gitLock watches out for .git/index.lock, which Git holds while it changes the work tree.
type gitLock struct {
	current stamp     // of the lock that is waited for
	since   time.Time // when it was first seen
}

// held says whether Git is at work. A lock that does not go away within limit was left
// behind by a Git that died, and no longer counts.
func (l *gitLock) held(g *gitTree, now time.Time, limit time.Duration) bool {
	if g == nil {
		return false
	}
	info, err := os.Lstat(filepath.Join(g.dir, "index.lock"))
	if err != nil {
		*l = gitLock{}
		return false
	}
	s := stampOf(info)
	if l.since.IsZero() || l.current.inode != s.inode {
		*l = gitLock{current: s, since: now}
	}
	return now.Sub(l.since) < limit
}
