package files

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"github.com/gateway-cp/gateway-cp/source"
)

// edits knows which manifests differ from the commit that is checked out: those that were
// changed, added or removed since. What is staged, ignored by Git or never added counts, too:
// it is in effect, and is not in the commit.
type edits struct {
	git  *gitTree
	real string // the manifests' directory
	log  *slog.Logger

	commit    string
	committed map[string]plumbing.Hash // by real path
	known     bool                     // committed could be read
	edited    map[string]struct{}      // real paths
}

func newEdits(g *gitTree, real string, log *slog.Logger) *edits {
	return &edits{git: g, real: real, log: log}
}

// blobs are the names that Git would give to a file's bytes: as they are, and with the line
// ends of Unix (core.autocrlf changes them on the way out).
type blobs [2]plumbing.Hash

func blobsOf(data []byte) blobs {
	asIs := plumbing.ComputeHash(plumbing.BlobObject, data)
	if !bytes.Contains(data, []byte("\r\n")) {
		return blobs{asIs, asIs}
	}
	return blobs{asIs, plumbing.ComputeHash(plumbing.BlobObject, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))}
}

// revision gives the name of what is in effect, with files as they are after changes: the
// commit, and whether there are edits on top of it. Before holds the files as they were when it
// was called last.
func (e *edits) revision(commit string, before, changes map[string]*content) string {
	if commit == "" {
		return ""
	}
	all := commit != e.commit
	if all {
		e.read(commit)
	}
	if !e.known {
		return commit
	}
	if all {
		for real := range e.committed {
			e.mark(real, nil)
		}
		for path, c := range before {
			if _, changed := changes[path]; !changed {
				e.mark(c.ref.real, c)
			}
		}
	}
	for path, c := range changes {
		if old := before[path]; old != nil && (c == nil || old.ref.real != c.ref.real) {
			e.mark(old.ref.real, nil)
		}
		if c != nil {
			e.mark(c.ref.real, c)
		}
	}
	if len(e.edited) > 0 {
		return commit + source.EditsSuffix
	}
	return commit
}

// mark notes whether a file differs from the commit; nil: it is not there. One that cannot be
// read is a problem of its own.
func (e *edits) mark(real string, c *content) {
	want, committed := e.committed[real]
	same := c == nil && !committed || c != nil && (c.problem != nil || committed && (c.blobs[0] == want || c.blobs[1] == want))
	if same {
		delete(e.edited, real)
		return
	}
	e.edited[real] = struct{}{}
}

// read reads which manifests a commit has.
func (e *edits) read(commit string) {
	e.commit, e.committed, e.edited = commit, map[string]plumbing.Hash{}, map[string]struct{}{}
	err := e.list(plumbing.NewHash(commit))
	if e.known = err == nil; err != nil {
		e.log.Warn("whether there are uncommitted edits is not known", "commit", commit, "error", err)
	}
}

// list reads the part of a commit's tree that holds the manifests.
func (e *edits) list(commit plumbing.Hash) error {
	store := filesystem.NewStorage(
		dotgit.NewRepositoryFilesystem(osfs.New(e.git.dir), osfs.New(e.git.common)), cache.NewObjectLRUDefault())
	c, err := object.GetCommit(store, commit)
	if err != nil {
		return err
	}
	tree, err := c.Tree()
	if err != nil {
		return err
	}
	below, err := filepath.Rel(e.git.top, e.real)
	if err != nil {
		return err
	}
	if below != "." {
		tree, err = tree.Tree(filepath.ToSlash(below))
		if errors.Is(err, object.ErrDirectoryNotFound) {
			return nil // the whole directory is an edit
		}
		if err != nil {
			return err
		}
	}
	return e.walk(store, tree, e.real)
}

func (e *edits) walk(store *filesystem.Storage, tree *object.Tree, real string) error {
	for _, entry := range tree.Entries {
		path := filepath.Join(real, entry.Name)
		switch {
		case strings.HasPrefix(entry.Name, "."):
		case entry.Mode == filemode.Dir:
			sub, err := object.GetTree(store, entry.Hash)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if err := e.walk(store, sub, path); err != nil {
				return err
			}
		case entry.Mode.IsRegular() || entry.Mode == filemode.Executable || entry.Mode == filemode.Deprecated:
			if isManifest(path) {
				e.committed[path] = entry.Hash
			}
		}
	}
	return nil
}
