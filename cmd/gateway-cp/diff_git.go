package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gateway-cp/gateway-cp/source/files"
)

// gitPrefix begins a side of a comparison that is a Git revision.
const gitPrefix = "git:"

// gitSide is a folder or file in a revision: git:REVISION[...][:PATH].
type gitSide struct {
	revision string
	// fork means the commit where HEAD and the revision part: what a pull request starts from.
	fork bool
	path string // relative to the working directory
	// others: the path is that of the other side, which may be new or gone there.
	others bool
}

// parseGit reads git:REVISION[...][:PATH]. Without a path it is the one given.
func parseGit(text, path string) (gitSide, error) {
	rest := strings.TrimPrefix(text, gitPrefix)
	s := gitSide{path: path, others: path != ""}
	if revision, below, ok := strings.Cut(rest, ":"); ok {
		rest, s.path, s.others = revision, below, false
	}
	if s.path == "" {
		s.path = "."
	}
	s.revision, s.fork = strings.CutSuffix(rest, "...")
	if s.revision == "" {
		return s, withHint(usagef("%s: there is no revision", text), "write git:main, git:v1.2:deploy, or git:main... for where HEAD left main")
	}
	return s, nil
}

// read gives the manifests of the revision by name. It uses the git program, which reads objects only:
// neither the work tree nor the index is looked at or changed. What skip says is left out.
func (s gitSide) read(skip func(string) bool) (map[string][]byte, error) {
	commit, err := s.commit()
	if err != nil {
		return nil, err
	}
	below, err := s.inRepository()
	if err != nil {
		return nil, err
	}
	args := []string{"ls-tree", "-r", "-z", "-l", "--full-tree", commit}
	if below != "." {
		args = append(args, "--", below)
	}
	list, err := git(nil, args...)
	if err != nil {
		return nil, err
	}
	skipped, err := skippedInGit(skip)
	if err != nil {
		return nil, err
	}
	contents := map[string][]byte{}
	var names, ids []string
	for _, entry := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		head, name, _ := strings.Cut(entry, "\t")
		fields := strings.Fields(head) // mode type object size
		if skipped(name) {
			continue
		}
		if strings.HasPrefix(head, submodule) {
			return nil, errSubmodule(s.revision, name)
		}
		if len(fields) != 4 || !strings.HasPrefix(fields[0], "100") {
			continue // a link
		}
		if size, err := strconv.ParseInt(fields[3], 10, 64); err != nil || size > maxManifest {
			return nil, cannotf("%s:%s is larger than %d MiB", s.revision, name, maxManifest>>20)
		}
		names, ids = append(names, name), append(ids, fields[2])
	}
	if len(names) == 0 && below != "." {
		if err := s.missing(commit, below); err != nil {
			return nil, err
		}
	}
	texts, err := blobs(ids)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		contents[s.label(commit)+":"+name] = texts[i]
	}
	return contents, nil
}

// skippedInGit asks skip, which knows paths from the working directory, of those from the top of the
// repository: both sides of a comparison leave out the same.
func skippedInGit(skip func(string) bool) (func(name string) bool, error) {
	if skip == nil {
		return func(string) bool { return false }, nil
	}
	up, err := git(nil, "rev-parse", "--show-cdup")
	if err != nil {
		return nil, err
	}
	top := strings.TrimSuffix(string(up), "\n")
	return func(name string) bool { return skip(filepath.Join(top, name)) }, nil
}

// submodule begins the line of one in a tree.
const submodule = "160000 "

func errSubmodule(revision, name string) error {
	return withHint(cannotf("%s: %s is a submodule, whose files are in another repository", revision, name),
		"compare in the submodule, or give paths without it")
}

// missing says what is wrong about a path that has no files in a commit. Nothing is where the other
// side has the path, as a file or directory that is new: this side is empty then.
func (s gitSide) missing(commit, below string) error {
	if _, err := git(nil, "cat-file", "-e", commit+":"+below); err == nil {
		return nil // it has no files
	}
	for dir := path.Dir(below); dir != "."; dir = path.Dir(dir) {
		if out, err := git(nil, "ls-tree", "--full-tree", commit, "--", dir); err == nil && bytes.HasPrefix(out, []byte(submodule)) {
			return errSubmodule(s.revision, dir)
		}
	}
	if s.others {
		return nil
	}
	return withHint(cannotf("%s: there is no %s in it", s.revision, below), "write the path that it has there: git:%s:PATH", s.revision)
}

// label is how the revision is called in positions, so that git show LABEL:FILE shows it.
func (s gitSide) label(commit string) string {
	if s.fork {
		return commit[:12]
	}
	return s.revision
}

// commit finds the commit.
func (s gitSide) commit() (string, error) {
	out, err := git(nil, "rev-parse", "--verify", "--quiet", "--end-of-options", s.revision+"^{commit}")
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(exit.Stderr) == 0 {
			return "", withHint(cannotf("there is no revision %q in the Git repository here", s.revision),
				"fetch it first; a clone of depth 1 has one commit only (in GitHub Actions: fetch-depth: 0)")
		}
		return "", err
	}
	commit := strings.TrimSpace(string(out))
	if !s.fork {
		return commit, nil
	}
	if out, err = git(nil, "merge-base", commit, "HEAD"); err != nil {
		return "", withHint(cannotf("%q and HEAD have no commit in common, as far as this clone knows", s.revision),
			"a clone of depth 1 has one commit only (in GitHub Actions: fetch-depth: 0)")
	}
	return strings.TrimSpace(string(out)), nil
}

// inRepository gives the path relative to the top of the repository, with slashes.
func (s gitSide) inRepository() (string, error) {
	if filepath.IsAbs(s.path) {
		top, err := git(nil, "rev-parse", "--show-toplevel")
		if err != nil {
			return "", err
		}
		below, err := filepath.Rel(strings.TrimSuffix(string(top), "\n"), s.path)
		if err != nil || below == ".." || strings.HasPrefix(below, "../") {
			return "", cannotf("%s is not in the Git repository here", s.path)
		}
		return filepath.ToSlash(below), nil
	}
	prefix, err := git(nil, "rev-parse", "--show-prefix")
	if err != nil {
		return "", err
	}
	below := path.Join(strings.TrimSuffix(string(prefix), "\n"), filepath.ToSlash(s.path))
	if below == ".." || strings.HasPrefix(below, "../") {
		return "", cannotf("%s is not in the Git repository here", s.path)
	}
	return path.Clean(below), nil
}

// blobs gives the contents of objects, in their order.
func blobs(ids []string) ([][]byte, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out, err := git(strings.NewReader(strings.Join(ids, "\n")+"\n"), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(bytes.NewReader(out))
	texts := make([][]byte, len(ids))
	for i, id := range ids {
		var got, kind string
		var size int
		head, err := r.ReadString('\n')
		if err != nil {
			return nil, cannotf("git cat-file: %w", err)
		}
		if _, err := fmt.Sscanf(head, "%s %s %d", &got, &kind, &size); err != nil || got != id {
			return nil, cannotf("git cat-file: %s: %s", id, strings.TrimSpace(head))
		}
		texts[i] = make([]byte, size)
		if _, err := io.ReadFull(r, texts[i]); err != nil {
			return nil, cannotf("git cat-file: %w", err)
		}
		if _, err := r.Discard(1); err != nil {
			return nil, cannotf("git cat-file: %w", err)
		}
	}
	return texts, nil
}

// git runs the git program, and gives what it prints. Names in its arguments are taken as they are.
func git(stdin io.Reader, args ...string) ([]byte, error) {
	cmd := exec.Command("git", append([]string{"--literal-pathspecs", "--no-optional-locks"}, args...)...)
	cmd.Stdin = stdin
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, withHint(cannotf("there is no git program"), "git:… reads revisions with it: install it")
	case errors.As(err, &exit) && len(exit.Stderr) > 0:
		return nil, cannotf("git %s: %s: %w", args[0], strings.TrimSpace(string(exit.Stderr)), err)
	}
	return nil, cannotf("git %s: %w", args[0], err)
}

// load reads the revision's manifests.
func (s gitSide) load(o files.LoadOptions) (*files.Result, error) {
	contents, err := s.read(o.Skip)
	if err != nil {
		return nil, err
	}
	o.Contents = contents
	loaded, err := files.Load(o)
	if err != nil {
		return nil, cannotf("%w", err)
	}
	return loaded, nil
}
