package files

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// LoadOptions say how Load reads.
type LoadOptions struct {
	// Stdin is what the path "-" means: often a whole kustomization or chart, so that it may
	// have four times MaxFileSize.
	Stdin io.Reader
	// MaxFileSize in bytes; larger files are not read. 0: 16 MiB.
	MaxFileSize int64
	// Visit is called with every object there is, also those of kinds that are not read and
	// those with errors, by several goroutines at once. It may be nil.
	Visit func(Document)
	// VisitSays is set when Visit says what is to be said of kinds that are not read: then it is no
	// problem here that they are not, unless they may be meant for one that is.
	VisitSays bool
	// Text is called with the text of every file that could be read and is text, by several
	// goroutines at once. The text is gone when it returns: copy what is kept. It may be nil.
	Text func(file string, text []byte)
	// Contents are files that are not on disk, such as those of a Git revision, by the name that
	// is shown. They are read beside the paths. Only those named like manifests are, and none
	// beneath a hidden directory.
	Contents map[string][]byte
	// Edited are texts that stand for those of files on disk, such as what is in an editor and
	// not saved yet, by their paths: absolute, and without symbolic links.
	Edited map[string][]byte
	// Skip says which files and directories are left out, by the names that are shown: those of
	// paths, and what is beneath one. It is not asked of Contents, and may be nil.
	Skip func(shown string) bool
}

// Result is what Load found: the objects that are admitted, sorted by key, and all problems,
// sorted, with positions. It is what Run's first batch would have without an earlier run.
type Result struct {
	Objects  []*api.Object
	Problems []api.Problem
}

// Load reads manifests once, through the same code as Run: directories as Run does, files
// whatever their name, and standard input for "-". A file that is given twice, or is in a
// directory that is given, is read once. Other than Run, it follows only links that stay within
// the paths, and the Git work trees that they are in. It fails when a path does not exist or cannot be
// read at all; everything else is a problem in the result.
func Load(o LoadOptions, paths ...string) (*Result, error) {
	if o.MaxFileSize == 0 {
		o.MaxFileSize = 16 << 20
	}
	l := newLoading(o, paths)
	err := l.look(paths)
	changes := l.done()
	if err != nil {
		return nil, err
	}
	for path, f := range l.tree.files {
		if f.err != nil {
			changes[path] = &content{ref: &f.ref, problem: unreadable(f.ref, f.err, o.MaxFileSize)}
		}
	}
	for _, ref := range l.tree.special {
		changes[ref.name] = &content{ref: &ref, problem: unreadable(ref, errNotRegular, o.MaxFileSize)}
	}
	s := newSet("", 1<<62, 1<<62)
	s.treeProbs = l.tree.problems
	s.apply(changes, false)
	result := &Result{Problems: s.problems()}
	for _, key := range slices.SortedFunc(maps.Keys(s.live), api.Key.Compare) {
		result.Objects = append(result.Objects, s.live[key].object)
	}
	return result, nil
}

// loading is one look at paths. The files are read while others are still found.
type loading struct {
	o    LoadOptions
	tree *tree
	*reading
	taken map[string]bool // files, by the name that is shown
}

func newLoading(o LoadOptions, paths []string) *loading {
	l := &loading{
		o: o, tree: newOfflineTree(o, paths), taken: make(map[string]bool),
		reading: newReading(o.MaxFileSize, nil, visitor{object: o.Visit, says: o.VisitSays, text: o.Text, once: true}),
	}
	l.tree.found = l.take
	return l
}

// look finds all files.
func (l *loading) look(paths []string) error {
	for _, path := range paths {
		if path == "-" {
			ref, err := stdin(l.o)
			if err != nil {
				return err
			}
			l.take(ref)
			continue
		}
		given := make(map[string]fileRef)
		if err := loadPath(l.tree, filepath.Clean(path), given); err != nil {
			return err
		}
		for _, ref := range given {
			l.take(ref)
		}
	}
	for name, data := range l.o.Contents {
		if isManifest(name) && !strings.Contains(name, "/.") {
			l.take(fileRef{name: name, data: data})
		}
	}
	return nil
}

// take has a file read, once.
func (l *loading) take(ref fileRef) {
	if l.taken[ref.name] {
		return
	}
	l.taken[ref.name] = true
	if text, edited := l.o.Edited[ref.real]; edited {
		ref.data = append([]byte{}, text...) // nil would be that on disk
	}
	l.add(ref)
}

func stdin(o LoadOptions) (fileRef, error) {
	ref := fileRef{name: "-", data: []byte{}}
	if o.Stdin == nil {
		return ref, nil
	}
	limit := 4 * o.MaxFileSize
	data, err := io.ReadAll(io.LimitReader(o.Stdin, limit+1))
	if err != nil {
		return ref, fmt.Errorf("read standard input: %w", err)
	}
	if int64(len(data)) > limit {
		return ref, fmt.Errorf("read standard input: it is larger than %d MiB", limit>>20)
	}
	ref.data = append(ref.data, data...)
	return ref, nil
}

// loadPath adds the files of one path.
func loadPath(t *tree, path string, refs map[string]fileRef) error {
	if t.skips(path) {
		return nil
	}
	// What the shell passes for <(…), such as /dev/fd/63, is a link that leads nowhere but is there.
	if info, err := os.Stat(path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		t.special = append(t.special, fileRef{name: path, real: path})
		return nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	real, err := resolveLinks(abs, t.names)
	if err != nil {
		return fmt.Errorf("read %s: %s", path, cause(err))
	}
	info, err := os.Stat(real)
	if err != nil {
		return fmt.Errorf("read %s: %s", path, cause(err))
	}
	switch {
	case info.IsDir() && !t.bounds.hold(real):
		t.refuse(path, real)
	case info.IsDir():
		if err := t.root(path, real); err != nil {
			return fmt.Errorf("read %s: %s", path, cause(err))
		}
	case !t.bounds.hold(real):
		t.refuse(path, real)
	case !t.seen[real]:
		t.seen[real] = true
		refs[path] = fileRef{name: path, real: real}
	}
	return nil
}
