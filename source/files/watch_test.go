package files

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/gateway-cp/gateway-cp/source"
)

// A single change is not delayed by more than 50 ms, also among many files.
func TestLatency(t *testing.T) {
	dir := t.TempDir()
	for i := range 2000 {
		write(t, dir, fmt.Sprintf("d%02d/s%04d.yaml", i%20, i), service(fmt.Sprintf("s%04d", i), 80))
	}
	r := start(t, Options{Dir: dir})
	if len(r.objects) != 2000 {
		t.Fatalf("%d objects, want 2000", len(r.objects))
	}
	var worst, sum time.Duration
	const rounds = 20
	for i := range rounds {
		text := service("s0007", 1000+i)
		begin := time.Now()
		if i%2 == 0 {
			write(t, dir, "d07/s0007.yaml", text)
		} else {
			replace(t, dir, "d07/s0007.yaml", text)
		}
		b := r.next()
		took := time.Since(begin)
		worst, sum = max(worst, took), sum+took
		if len(b.Set) != 1 || len(b.Delete) != 0 {
			t.Fatalf("round %d: %s", i, show(b))
		}
	}
	t.Logf("file event to batch among 2000 files: mean %v, worst %v", sum/rounds, worst)
	if mean := sum / rounds; mean > 250*time.Millisecond { // the design is 50 ms; this machine may be busy, and -race is slow
		t.Errorf("mean latency %v", mean)
	}
}

// A file that is read but did not change is no batch.
func TestTouchIsNoBatch(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	r := start(t, Options{Dir: dir})
	write(t, dir, "a.yaml", services("one"))
	must(t, os.Chtimes(filepath.Join(dir, "a.yaml"), time.Now(), time.Now()))
	write(t, dir, "a.yaml", "# a comment\n"+services("one"))
	r.silent(150 * time.Millisecond)
}

// Vim writes a probe file, moves the original away, writes anew and removes the backup.
func TestEditorsDance(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	r := start(t, Options{Dir: dir})
	path := filepath.Join(dir, "a.yaml")
	write(t, dir, "4913", "")
	must(t, os.Remove(filepath.Join(dir, "4913")))
	must(t, os.Rename(path, path+"~"))
	write(t, dir, "a.yaml", service("one", 81))
	must(t, os.Remove(path+"~"))
	if b := r.next(); len(b.Set) != 1 || len(b.Delete) != 0 {
		t.Fatalf("got %s", show(b))
	}
	r.silent(100 * time.Millisecond)
}

// A shell's redirection truncates the file long before the program behind it writes.
func TestTruncatedThenWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one", "two"))
	r := start(t, Options{Dir: dir, EmptyGrace: 300 * time.Millisecond})
	must(t, os.Truncate(filepath.Join(dir, "a.yaml"), 0))
	r.silent(150 * time.Millisecond)
	write(t, dir, "a.yaml", services("one", "three"))
	r.until("what was written", func() bool { return len(r.objects) == 2 && r.objects["Service default/three"] != nil })
	r.wantServices("one", "three")

	// Nothing comes: then the file is meant to be empty.
	must(t, os.Truncate(filepath.Join(dir, "a.yaml"), 0))
	r.next()
	r.wantServices()
}

// What a generator writes is mostly what was there before. Each time there is the full grace
// again, and nothing to do in between.
func TestTruncatedThenWrittenAsItWas(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one", "two"))
	r := start(t, Options{Dir: dir, EmptyGrace: 300 * time.Millisecond})
	for range 2 {
		must(t, os.Truncate(filepath.Join(dir, "a.yaml"), 0))
		r.silent(100 * time.Millisecond)
		write(t, dir, "a.yaml", services("one", "two"))
		r.silent(400 * time.Millisecond)
	}
}

// What a program writes document by document has its objects as they come; what is not there
// yet is not deleted. What is put in place whole is obeyed at once.
func TestWrittenInParts(t *testing.T) {
	dir := t.TempDir()
	parts := []string{services("one") + "---\n", service("two", 81) + "---\n", services("three")}
	path := filepath.Join(dir, "a.yaml")
	write(t, dir, "a.yaml", services("one", "two", "three"))
	r := start(t, Options{Dir: dir, PartGrace: 300 * time.Millisecond})
	for range 2 {
		must(t, os.Truncate(path, 0))
		for _, part := range parts {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteString(part)
			must(t, err)
			must(t, f.Close())
			time.Sleep(150 * time.Millisecond)
		}
	}
	if b := r.next(); len(b.Set) != 1 || r.port("two") != 81 {
		t.Errorf("got %s", show(b))
	}
	r.silent(500 * time.Millisecond)
	r.wantServices("one", "two", "three")

	write(t, dir, "a.yaml", services("one")+"---\n"+service("two", 82)) // three is meant to be gone
	if b := r.next(); len(b.Delete) != 0 || r.port("two") != 82 {
		t.Errorf("what is set waits for nothing: %s", show(b))
	}
	r.next()
	r.wantServices("one", "two")

	begin := time.Now()
	replace(t, dir, "a.yaml", services("one"))
	r.next()
	r.wantServices("one")
	if took := time.Since(begin); took > 250*time.Millisecond {
		t.Errorf("a file that was renamed into place waited %v", took)
	}
}

// The layout of a ConfigMap volume: https://kubernetes.io/docs/concepts/configuration/configmap/
func TestConfigMapMount(t *testing.T) {
	dir := t.TempDir()
	version := func(stamp string, ports ...int) {
		for i, port := range ports {
			write(t, dir, fmt.Sprintf("..%s/s%d.yaml", stamp, i), service(fmt.Sprintf("s%d", i), port))
		}
		write(t, dir, ".."+stamp+"/sub/t.yaml", service("t", ports[0]))
		must(t, os.Symlink(".."+stamp, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	version("2026_1", 80, 80)
	for _, name := range []string{"s0.yaml", "s1.yaml", "sub"} {
		must(t, os.Symlink("..data/"+name, filepath.Join(dir, name)))
	}
	r := start(t, Options{Dir: dir})
	r.wantServices("s0", "s1", "t")
	wantNoProblems(t, r.problems)
	for i := range 3 {
		version(fmt.Sprintf("2026_%d", i+2), 81+i, 80)
		must(t, os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..2026_%d", i+1))))
		if b := r.next(); len(b.Set) != 2 || len(b.Delete) != 0 || len(b.Problems) != 0 {
			t.Fatalf("swap %d: s0 and t have changed: %s", i, show(b))
		}
	}
	if got := r.objects["Service default/s1"].Origin.At("spec.ports[0].port").String(); got != filepath.Join(dir, "s1.yaml")+":8:5" {
		t.Errorf("after swaps, s1 is found at %s", got)
	}
}

// git-sync checks every commit out beside the last one and swaps a link that is above Dir.
func TestGitSync(t *testing.T) {
	root := t.TempDir()
	hash := func(c string) string { return strings.Repeat(c, 40) }
	checkout := func(c, text string) {
		tree := ".worktrees/" + hash(c)
		write(t, root, tree+"/deploy/prod/a.yaml", text)
		write(t, root, ".git/worktrees/"+hash(c)+"/HEAD", hash(c)+"\n")
		write(t, root, ".git/worktrees/"+hash(c)+"/commondir", "../..\n")
		write(t, root, tree+"/.git", "gitdir: ../../.git/worktrees/"+hash(c)+"\n")
		must(t, os.Symlink(tree, filepath.Join(root, "tmp-link")))
		must(t, os.Rename(filepath.Join(root, "tmp-link"), filepath.Join(root, "current")))
	}
	checkout("a", services("one"))
	r := start(t, Options{Dir: filepath.Join(root, "current/deploy/prod")})
	r.wantServices("one")
	if r.revision != hash("a") {
		t.Errorf("revision %q", r.revision)
	}
	for i, c := range []string{"b", "c", "d"} {
		checkout(c, services("one", "two"+c))
		must(t, os.RemoveAll(filepath.Join(root, ".worktrees", hash(string('a'+rune(i))))))
		b := r.next()
		r.wantServices("one", "two"+c)
		if b.Revision != hash(c) || len(b.Set) != 1 {
			t.Errorf("after the swap: %s", show(b))
		}
	}
	checkout("e", services("one", "twod"))
	if b := r.next(); b.Revision != hash("e") || len(b.Set)+len(b.Delete) != 0 {
		t.Errorf("a commit that changes nothing here changes the revision only: %s", show(b))
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A git checkout of 500 files is one batch, with the revision that it led to.
func TestGitCheckout(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	root := t.TempDir()
	git(t, root, "init", "-q", "-b", "main")
	commit := func(port int) string {
		for i := range 500 {
			write(t, root, fmt.Sprintf("manifests/d%d/s%03d.yaml", i%10, i), service(fmt.Sprintf("s%03d", i), port))
		}
		git(t, root, "add", ".")
		git(t, root, "commit", "-qm", fmt.Sprintf("port %d", port))
		return git(t, root, "rev-parse", "HEAD")
	}
	first := commit(80)
	git(t, root, "checkout", "-qb", "next")
	second := commit(81)
	r := start(t, Options{Dir: filepath.Join(root, "manifests")})
	if r.revision != second || len(r.objects) != 500 {
		t.Fatalf("revision %q, want %q; %d objects", r.revision, second, len(r.objects))
	}
	for _, step := range []struct {
		args []string
		want string
	}{{[]string{"checkout", "-q", "main"}, first}, {[]string{"checkout", "-q", "next"}, second}, {[]string{"checkout", "-q", "HEAD~1"}, first}} {
		git(t, root, step.args...)
		b := r.next()
		if len(b.Set) != 500 || len(b.Delete) != 0 || b.Revision != step.want || len(b.Problems) != 0 {
			t.Fatalf("git %v: %d set, %d deleted, revision %s, want 500 and %s; problems %v", step.args, len(b.Set), len(b.Delete), b.Revision, step.want, b.Problems)
		}
	}
	git(t, root, "commit", "-q", "--allow-empty", "-m", "nothing")
	if b := r.next(); len(b.Set) != 0 || b.Revision != git(t, root, "rev-parse", "HEAD") {
		t.Errorf("an empty commit: %s", show(b))
	}
	git(t, root, "pack-refs", "--all")
	git(t, root, "checkout", "-q", "main")
	if b := r.next(); len(b.Set) != 0 || b.Revision != first {
		t.Errorf("a packed ref: %s", show(b))
	}
}

// What is read is of one commit, also when Git has been at work since the last wait: before anybody
// was told of its changes, or while files are read.
func TestGitIsSteady(t *testing.T) {
	root := t.TempDir()
	git(t, root, "init", "-q", "-b", "main")
	for _, name := range []string{"one", "two"} {
		write(t, root, "a.yaml", services(name))
		git(t, root, "add", ".")
		git(t, root, "commit", "-qm", name)
	}
	s := New(Options{Dir: root})
	s.set.apply(s.rescan(newNews()), false)
	if got := s.revision(nil); got != git(t, root, "rev-parse", "HEAD") {
		t.Fatalf("revision %q", got)
	}
	s.watch.close() // no event comes
	s.pending.take()
	git(t, root, "checkout", "-q", "HEAD~1")
	changes, ok := s.steady(t.Context())
	if got := s.revision(changes); !ok || len(changes) != 1 || got != git(t, root, "rev-parse", "HEAD") {
		t.Errorf("%d files have changed, and the revision is %q", len(changes), got)
	}
	s.set.apply(changes, false)

	write(t, root, ".git/index.lock", "")
	time.AfterFunc(100*time.Millisecond, func() {
		replace(t, root, "a.yaml", services("three"))
		must(t, os.Remove(filepath.Join(root, ".git/index.lock")))
	})
	if changes, ok := s.steady(t.Context()); !ok || len(changes) != 1 {
		t.Errorf("Git is not waited for: %d files have changed", len(changes))
	}
}

// While Git holds its lock, nothing is sent; a lock that was left behind does not count.
func TestGitLock(t *testing.T) {
	root := t.TempDir()
	write(t, root, ".git/HEAD", "ref: refs/heads/main\n")
	write(t, root, "a.yaml", services("one"))
	r := start(t, Options{Dir: root, MaxGitLock: 400 * time.Millisecond})
	write(t, root, ".git/index.lock", "")
	replace(t, root, "a.yaml", services("two"))
	r.silent(150 * time.Millisecond)
	must(t, os.Remove(filepath.Join(root, ".git/index.lock")))
	r.next()
	r.wantServices("two")

	write(t, root, ".git/index.lock", "")
	replace(t, root, "a.yaml", services("three"))
	r.next()
	r.wantServices("three")
	begin := time.Now()
	replace(t, root, "a.yaml", services("four"))
	r.next()
	if took := time.Since(begin); took > 350*time.Millisecond {
		t.Errorf("a lock that was given up on delays again: %v", took)
	}
}

// A burst in many files is one batch.
func TestBurstIsOneBatch(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("zero"))
	r := start(t, Options{Dir: dir, Quiet: 100 * time.Millisecond})
	for i := range 300 {
		write(t, dir, fmt.Sprintf("d%d/s%d.yaml", i%7, i), services(fmt.Sprintf("s%d", i)))
	}
	if b := r.next(); len(b.Set) != 300 {
		t.Fatalf("%d set in one batch, want 300", len(b.Set))
	}
	r.silent(200 * time.Millisecond)
}

// Changes that do not stop do not keep others waiting for ever.
func TestEndlessChanges(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	r := start(t, Options{Dir: dir, MaxBurst: 200 * time.Millisecond})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
				_ = os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(services("noise")), 0o644)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	write(t, dir, "a.yaml", services("two"))
	r.until("the change amid noise", func() bool { return r.objects["Service default/two"] != nil })
}

// The directory itself is removed and made again.
func TestRootReplaced(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "above/manifests")
	write(t, dir, "a.yaml", services("one"))
	r := start(t, Options{Dir: dir})
	must(t, os.RemoveAll(filepath.Join(root, "above")))
	r.next()
	r.wantServices("one") // a directory that is gone says nothing: see hold_test.go
	r.problem("SourceHeld")
	write(t, dir, "a.yaml", services("one", "two"))
	r.until("the directory returns", func() bool { return len(r.objects) == 2 && len(r.problems) == 0 })
	replace(t, dir, "a.yaml", services("three"))
	r.next()
	r.wantServices("three")
}

// The kernel says that events were lost: everything is looked at again.
func TestOverflow(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	r := start(t, Options{Dir: dir})
	w := r.source.watch
	must(t, w.fs.Remove(dir)) // events of dir are lost
	write(t, dir, "a.yaml", services("one", "two"))
	write(t, dir, "sub/b.yaml", services("three"))
	r.silent(100 * time.Millisecond)
	w.fs.Errors <- fsnotify.ErrEventOverflow
	r.next()
	r.wantServices("one", "two", "three")
	write(t, dir, "sub/b.yaml", services("four"))
	r.until("watched again", func() bool { return r.objects["Service default/four"] != nil })
}

// Where the kernel gives no events at all, the tree is looked at now and then.
func TestRescanWithoutEvents(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	r := start(t, Options{Dir: dir, Rescan: 100 * time.Millisecond})
	_ = r.source.watch.fs.Remove(dir)
	replace(t, dir, "a.yaml", services("two"))
	r.next()
	r.wantServices("two")
}

// Two looks at the same files, made in different order, give the same.
func TestDeterministic(t *testing.T) {
	var want string
	for round := range 4 {
		dir := t.TempDir()
		for i := range 20 {
			n := (i*7 + round*3) % 20
			write(t, dir, fmt.Sprintf("d%d/s%02d.yaml", n%3, n), services(fmt.Sprintf("s%02d", n), fmt.Sprintf("twice%d", n%4))+"---\nkind: Other\napiVersion: x/v1\n")
		}
		r := start(t, Options{Dir: dir})
		b := source.Batch{Problems: r.problems}
		for _, name := range r.names() {
			b.Set = append(b.Set, r.objects[name])
			b.Problems = append(b.Problems, oneAt(r, name))
		}
		got := strings.ReplaceAll(show(b), dir, "DIR")
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("round %d:\n%s\nwant:\n%s", round, got, want)
		}
	}
}
