package files

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// Find gives the files with an extension (".txt") in directories, as Load finds manifests: hidden ones
// are left out, as is what skip says, and links are followed within the paths and the Git work trees that they
// are in. A path that is a file gives nothing. What cannot be listed, or is not a file, is a problem. It
// fails when a path does not exist or cannot be read at all.
func Find(extension string, skip func(shown string) bool, paths ...string) ([]string, []api.Problem, error) {
	t := newOfflineTree(LoadOptions{Skip: skip}, paths)
	t.wants = func(name string) bool {
		return filepath.Ext(name) == extension && !strings.HasPrefix(filepath.Base(name), ".")
	}
	for _, path := range paths {
		if err := loadPath(t, filepath.Clean(path), make(map[string]fileRef)); err != nil {
			return nil, nil, err
		}
	}
	var found []string
	for name, f := range t.files {
		if f.err != nil {
			t.problems = append(t.problems, *unreadable(f.ref, f.err, 0))
			continue
		}
		found = append(found, name)
	}
	for _, ref := range t.special {
		if t.wants(ref.name) {
			t.problems = append(t.problems, *unreadable(ref, errNotRegular, 0))
		}
	}
	slices.Sort(found)
	slices.SortFunc(t.problems, api.Problem.Compare)
	return found, t.problems, nil
}
