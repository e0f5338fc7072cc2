package findings

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// stdin is how standard input is called where a file name is needed.
const stdin = "stdin"

// place gives the file and the position in it that machines shall show: what was read from
// standard input is not in any repository, but the template that it was made from may be.
func (f *Finding) place() (file string, at api.Position) {
	switch {
	case f.Position.File != "-":
		return f.Position.File, f.Position
	case f.Source != "":
		return f.Source, api.Position{}
	}
	return stdin, f.Position
}

// endColumn is that after the last character of what the finding is about, counted from 1; 0
// when that is not known.
func (f *Finding) endColumn() int {
	if f.Snippet == nil || f.Position.Column == 0 {
		return 0
	}
	return f.Position.Column + f.Snippet.End - f.Snippet.Start
}

// relativeTo gives a file's name below a directory with slashes, and whether it is below it;
// a name that is relative already is taken to be.
func relativeTo(file, dir string) (string, bool) {
	if !filepath.IsAbs(file) {
		file = filepath.ToSlash(filepath.Clean(file))
		return file, file != ".." && !strings.HasPrefix(file, "../")
	}
	if dir != "" {
		if below, err := filepath.Rel(dir, file); err == nil && below != ".." && !strings.HasPrefix(below, "../") {
			return filepath.ToSlash(below), true
		}
	}
	return filepath.ToSlash(file), false
}

// uriOf gives a file's name as a URI reference, and whether it is relative to dir.
func uriOf(file, dir string) (string, bool) {
	name, relative := relativeTo(file, dir)
	u := url.URL{Path: name}
	if strings.HasPrefix(name, "/") {
		u.Scheme = "file"
	}
	return u.String(), relative
}
