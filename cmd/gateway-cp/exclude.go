package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"
)

// exclusion says which files and directories are not read, although they are beneath a path that is.
type exclusion struct {
	globs []string       // as given
	cmd   *cobra.Command // whose files are no manifests
}

// ownFiles are the flags that name a file which the command reads or writes itself: no manifest,
// wherever it lies.
var ownFiles = []string{"config", "baseline", "output-file"}

// register adds the flag.
func (e *exclusion) register(cmd *cobra.Command) {
	e.cmd = cmd
	cmd.Flags().Var((*globsFlag)(&e.globs), "exclude", "leave out what this `glob` matches: a name, or with a / a path from the working directory; may be given several times")
}

// skip is for files.LoadOptions: nil when nothing is left out. What is beneath a directory that is
// left out is so, too.
func (e exclusion) skip() func(path string) bool {
	if e.cmd == nil {
		return nil
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	own := make(map[string]string) // by name: real paths are only looked up where names are the same
	for _, name := range ownFiles {
		if f := e.cmd.Flag(name); f != nil && f.Value.String() != "" {
			own[filepath.Base(f.Value.String())] = realPath(absolute(dir, f.Value.String()))
		}
	}
	if len(e.globs)+len(own) == 0 {
		return nil
	}
	return func(path string) bool {
		path = absolute(dir, path)
		if real, ok := own[filepath.Base(path)]; ok && realPath(path) == real {
			return true
		}
		return e.matches(dir, path)
	}
}

// matches says whether a glob matches an absolute path, or a directory that it is in. Above dir
// there are directories that nobody has named: they do not count.
func (e exclusion) matches(dir, path string) bool {
	shown, err := filepath.Rel(dir, path)
	if err != nil || shown == "." {
		return false
	}
	for at := shown; at != "."; at = filepath.Dir(at) {
		for _, glob := range e.globs {
			if matchesGlob(glob, at, filepath.Join(dir, at)) {
				return true
			}
		}
		if shown == ".." || strings.HasPrefix(shown, "../") {
			return false
		}
	}
	return false
}

// matchesGlob holds a glob against a file's name, or its path.
func matchesGlob(glob, relative, absolute string) bool {
	glob = strings.TrimSuffix(glob, "/")
	name := relative
	switch {
	case filepath.IsAbs(glob):
		name = absolute
	case !strings.Contains(glob, "/"):
		name = filepath.Base(relative)
	}
	matched, err := doublestar.PathMatch(strings.TrimPrefix(glob, "./"), name)
	return err == nil && matched
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// globsFlag is a flag that takes a glob each time that it is given. In the config file it is one, or
// a list.
type globsFlag []string

func (g *globsFlag) String() string { return strings.Join(*g, " ") }
func (g *globsFlag) Type() string   { return listType }
func (g *globsFlag) Set(glob string) error {
	switch {
	case glob == "":
		return nil // as in a script whose variable is empty
	case strings.Trim(glob, "/.") == "":
		return usagef("%q would leave out everything", glob)
	case !doublestar.ValidatePathPattern(glob):
		return usagef("%q is not a glob", glob)
	}
	*g = append(*g, glob)
	return nil
}
