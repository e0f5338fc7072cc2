package files

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Look gives a number that is another one when any of the files that Load would read from disk has
// changed, or when there are others. It opens no file. What is not there counts as well.
func Look(o LoadOptions, paths ...string) uint64 {
	t := newOfflineTree(o, paths)
	refs := make(map[string]fileRef)
	h := xxhash.New()
	for _, path := range paths {
		if err := loadPath(t, filepath.Clean(path), refs); err != nil {
			fmt.Fprintf(h, "%q %v\n", path, err)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(t.files)) {
		f := t.files[path]
		fmt.Fprintf(h, "%q %v %v\n", path, f.stamp, f.err)
	}
	for _, path := range slices.Sorted(maps.Keys(refs)) {
		info, err := os.Stat(refs[path].real)
		if err != nil {
			fmt.Fprintf(h, "%q %v\n", path, err)
			continue
		}
		fmt.Fprintf(h, "%q %v\n", path, stampOf(info))
	}
	return h.Sum64()
}
