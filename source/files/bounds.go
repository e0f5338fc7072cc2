package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// bounds are the directories that the links of a tree may lead into: what is looked at offline
// often comes from somebody else, as with a pull request, and a link in it must not lead to files
// of the machine, whose lines a report would show. Paths are absolute, and without links.
type bounds []string

// boundsOf gives the directory of each path, and the Git work tree that it is in.
func boundsOf(paths []string) bounds {
	var b bounds
	for _, path := range paths {
		abs, err := filepath.Abs(path)
		if path == "-" || err != nil {
			continue
		}
		if tree := workTree(abs); tree != "" {
			b = b.add(tree)
		} else if info, err := os.Stat(abs); err == nil && info.IsDir() {
			b = b.add(abs)
		} else {
			b = b.add(filepath.Dir(abs))
		}
	}
	return b
}

func (b bounds) add(dir string) bounds {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || slices.Contains(b, real) {
		return b
	}
	return append(b, real)
}

// workTree gives the nearest directory, from path up, that has a .git. Links on the way are not
// resolved: they may lead out of it.
func workTree(path string) string {
	for dir := path; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// hold says whether a path is within. What Git keeps is not: its configuration may have credentials.
func (b bounds) hold(real string) bool {
	for _, dir := range b {
		if real == dir {
			return true
		}
		if isBeneath(dir, real) && !slices.Contains(strings.Split(strings.TrimPrefix(real, dir), "/"), ".git") {
			return true
		}
	}
	return false
}

// refuse notes that a link is not followed, and by its names alone: its target is not opened.
func (t *tree) refuse(shown, real string) {
	t.problems = append(t.problems, api.Problem{
		Reason: api.ReasonFileUnreadable, Severity: api.Error,
		Message:  fmt.Sprintf("is a link to %s, outside of what is checked, and was not followed", real),
		Hint:     "links may lead to what is beneath a given PATH or in its Git work tree; copy what it leads to, or give that as a PATH, or leave the link out with --exclude",
		Position: api.Position{File: shown},
	})
}
