package files

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/source"
)

// repository makes one with manifests in a folder of it, and gives the folder and the commit.
func repository(t *testing.T) (root, dir, commit string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	root = t.TempDir()
	git(t, root, "init", "-q", "-b", "main")
	dir = filepath.Join(root, "deploy/manifests")
	write(t, dir, "a.yaml", service("a", 80))
	write(t, dir, "sub/b.yaml", service("b", 80))
	write(t, dir, "README.md", "no manifest")
	write(t, root, "other.yaml", service("other", 80))
	git(t, root, "add", ".")
	git(t, root, "commit", "-qm", "first")
	return root, dir, git(t, root, "rev-parse", "HEAD")
}

// at checks the revision that a batch has led to.
func (r *running) at(what, commit string, edits bool) {
	r.t.Helper()
	want := commit
	if edits {
		want += source.EditsSuffix
	}
	r.until(what+": revision "+want, func() bool { return r.revision == want })
}

func TestUncommittedEdits(t *testing.T) {
	root, dir, first := repository(t)
	r := start(t, Options{Dir: dir})
	r.at("as it was committed", first, false)

	replace(t, dir, "a.yaml", "# only a comment\n"+service("a", 80))
	r.at("a comment", first, true)
	replace(t, dir, "a.yaml", service("a", 80))
	r.at("taken back", first, false)

	write(t, dir, "new.yaml", service("new", 80))
	r.at("a file that Git does not know", first, true)
	must(t, os.Remove(filepath.Join(dir, "new.yaml")))
	r.at("taken back", first, false)

	must(t, os.Remove(filepath.Join(dir, "sub/b.yaml")))
	r.at("a file less", first, true)
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "second")
	second := git(t, root, "rev-parse", "HEAD")
	r.at("committed", second, false)

	replace(t, dir, "a.yaml", service("a", 81))
	git(t, root, "add", "-A")
	r.at("staged is not committed", second, true)
	git(t, root, "stash", "-q")
	r.at("stashed", second, false)
	git(t, root, "gc", "-q")
	git(t, root, "checkout", "-q", "HEAD~1")
	r.at("a packed commit", first, false)

	// What is not read does not matter.
	replace(t, root, "other.yaml", service("other", 81))
	write(t, dir, "README.md", "changed")
	write(t, dir, ".hidden/c.yaml", service("c", 80))
	replace(t, dir, "a.yaml", service("a", 82))
	r.at("an edit among others", first, true)
	git(t, root, "checkout", "-q", "--", "deploy/manifests/a.yaml")
	r.at("only others", first, false)
}

// A restart, a work tree of its own, line ends of Windows, and what Git ignores.
func TestUncommittedEditsElsewhere(t *testing.T) {
	root, dir, first := repository(t)
	replace(t, dir, "a.yaml", strings.ReplaceAll(service("a", 80), "\n", "\r\n"))
	r := start(t, Options{Dir: dir})
	r.at("line ends", first, false)
	must(t, r.stop())

	write(t, dir, "ignored.yaml", service("ignored", 80))
	write(t, root, ".gitignore", "ignored.yaml\n")
	start(t, Options{Dir: dir}).at("Git ignores it, and it is in effect", first, true)

	other := filepath.Join(t.TempDir(), "other")
	git(t, root, "worktree", "add", "-q", "--detach", other, "HEAD")
	r = start(t, Options{Dir: filepath.Join(other, "deploy/manifests")})
	r.at("a work tree of its own", first, false)
	replace(t, other, "deploy/manifests/a.yaml", service("a", 83))
	r.at("an edit there", first, true)
}

// A commit that cannot be read has its name, and nothing is said about edits.
func TestAnUnreadableCommit(t *testing.T) {
	root := t.TempDir()
	hash := strings.Repeat("ab", 20)
	write(t, root, ".git/HEAD", hash+"\n")
	write(t, root, "a.yaml", service("a", 80))
	start(t, Options{Dir: root}).at("unreadable", hash, false)
}
