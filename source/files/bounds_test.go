package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/api"
)

// What is checked may come from anybody: a link in it must not lead to files of the machine.
func TestLoadStaysWithin(t *testing.T) {
	top := t.TempDir()
	outside := filepath.Join(top, "outside")
	write(t, outside, "netrc", "machine x password hunter2\n")
	write(t, outside, "deep/o.yaml", services("outside"))
	dir := filepath.Join(top, "dir")
	write(t, dir, "a.yaml", services("one"))
	write(t, dir, "..data/b.yaml", services("two"))
	for _, l := range [][2]string{
		{"..data/b.yaml", "b.yaml"}, // as a ConfigMap is mounted
		{"../outside/netrc", "x.yaml"}, {"../outside/netrc", "x.txt"}, {"../outside", "d"}, {"/", "root"},
	} {
		must(t, os.Symlink(l[0], filepath.Join(dir, l[1])))
	}
	result, err := Load(LoadOptions{}, dir)
	must(t, err)
	real, err := filepath.EvalSymlinks(outside)
	must(t, err)
	wantRefused(t, result, dir, map[string]string{"x.yaml": filepath.Join(real, "netrc"), "d": real, "root": "/"})
	if len(result.Objects) != 2 {
		t.Errorf("got %d objects, not 2", len(result.Objects))
	}
	// A file that a glob has found is no better than one in a directory.
	result, err = Load(LoadOptions{}, filepath.Join(dir, "a.yaml"), filepath.Join(dir, "x.yaml"))
	must(t, err)
	wantRefused(t, result, dir, map[string]string{"x.yaml": filepath.Join(real, "netrc")})
	// What is given as a path is within.
	result, err = Load(LoadOptions{}, filepath.Join(dir, "d"), outside)
	must(t, err)
	if len(result.Objects) != 1 || len(result.Problems) != 0 {
		t.Errorf("got %d objects, %v", len(result.Objects), result.Problems)
	}
	before := Look(LoadOptions{}, dir)
	write(t, outside, "deep/o.yaml", services("outside", "again"))
	if Look(LoadOptions{}, dir) != before {
		t.Error("Look follows a link that Load does not")
	}
}

// Within a Git work tree links may lead anywhere, but not to what Git keeps.
func TestLoadStaysWithinWorkTree(t *testing.T) {
	top := t.TempDir()
	write(t, top, "o.yaml", services("outside"))
	repo := filepath.Join(top, "repo")
	write(t, repo, ".git/config", "extraheader: hunter2\n")
	write(t, repo, "base/a.yaml", services("one"))
	dir := filepath.Join(repo, "overlays", "prod")
	write(t, dir, "b.yaml", services("two"))
	for _, l := range [][2]string{{"../../base", "base"}, {"../../.git/config", "git.yaml"}, {"../../../o.yaml", "o.yaml"}} {
		must(t, os.Symlink(l[0], filepath.Join(dir, l[1])))
	}
	real, err := filepath.EvalSymlinks(top)
	must(t, err)
	result, err := Load(LoadOptions{}, dir)
	must(t, err)
	wantRefused(t, result, dir, map[string]string{"git.yaml": filepath.Join(real, "repo/.git/config"), "o.yaml": filepath.Join(real, "o.yaml")})
	if len(result.Objects) != 2 {
		t.Errorf("got %d objects, not 2", len(result.Objects))
	}
	// Neither does a path that is a link, or beyond one, lead out of it.
	must(t, os.Symlink("../..", filepath.Join(repo, "manifests")))
	result, err = Load(LoadOptions{}, filepath.Join(repo, "manifests"))
	must(t, err)
	wantRefused(t, result, repo, map[string]string{"manifests": filepath.Dir(real)})
}

func wantRefused(t *testing.T, result *Result, dir string, want map[string]string) {
	t.Helper()
	if len(result.Problems) != len(want) {
		t.Errorf("got %v, want %v", result.Problems, want)
	}
	for _, p := range result.Problems {
		target, ok := want[strings.TrimPrefix(p.Position.File, dir+"/")]
		if !ok || p.Reason != api.ReasonFileUnreadable || !strings.Contains(p.Message, "link to "+target+",") || strings.Contains(p.String(), "hunter2") {
			t.Errorf("got %s, want %v", p, want)
		}
	}
}
