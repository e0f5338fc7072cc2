package test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

var updatePages = flag.Bool("update-pages", false, "rewrite what the pages show")

// pages are those whose commands are run, as they are written, in a world of testdata/pages.
var pages = []struct {
	file  string
	runs  int  // how many commands it has at least, so that none gets lost
	serve bool // a gateway-cp serves the manifests meanwhile
}{
	{file: "docs/validate.md", runs: 1},
	{file: "docs/diff.md", runs: 6, serve: true},
	{file: "docs/explain.md", runs: 6},
	{file: "docs/policy-tests.md", runs: 5},
	{file: "docs/backend-policy.md", runs: 1},
	{file: "docs/ci.md", runs: 2},
	{file: "docs/schemas.md", runs: 1},
	{file: "docs/editors.md"},
	{file: "examples/policy-tests/README.md", runs: 2},
}

// What the pages show is what comes out. In a block of "sh", every command works: it ends with 0 or,
// where it finds something, with 1. In a block of "console", what follows a command is what it
// writes, to the letter. Manifests and tests in a block of "yaml" are valid.
func TestPages(t *testing.T) {
	for _, page := range pages {
		t.Run(page.file, func(t *testing.T) {
			t.Parallel()
			w := newPageWorld(t, page.file)
			if page.serve {
				w.serve()
			}
			text, err := os.ReadFile("../" + page.file)
			if err != nil {
				t.Fatal(err)
			}
			runs, changed := 0, string(text)
			for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
				switch language, block := m[1], m[2]; language {
				case "sh":
					runs += w.works(block)
				case "console":
					shown := w.shows(block)
					runs += strings.Count("\n"+shown, "\n$ ")
					if block = strings.TrimRight(block, "\n"); shown != block {
						changed = strings.Replace(changed, block, shown, 1)
					}
				case "yaml":
					w.valid(block)
				case "", "json", "lua", "toml":
				default:
					t.Errorf("what is a block of %q?", language)
				}
			}
			if runs < page.runs {
				t.Errorf("%d commands only", runs)
			}
			if changed == string(text) {
				return
			}
			if !*updatePages {
				t.Errorf("what comes out differs (-page +got):\n%s\nIf it is right: go test ./test -run TestPages -update-pages", cmp.Diff(string(text), changed))
			} else if err := os.WriteFile("../"+page.file, []byte(changed), 0o644); err != nil {
				t.Error(err)
			}
		})
	}
}

// pageWorld is a Git repository of somebody who reads a page.
type pageWorld struct {
	*harness.Env
	dir string
	env []string
}

// newPageWorld makes the world of a page: the files of its archive, after which the text that the
// archive begins with is run by a shell.
func newPageWorld(t *testing.T, page string) *pageWorld {
	e := harness.New(t)
	w := &pageWorld{Env: e, dir: filepath.Join(e.Dir, "page")}
	bin := filepath.Join(e.Dir, "bin")
	examples, err := filepath.Abs("../examples")
	if err := errors.Join(err, os.Mkdir(bin, 0o700), os.Symlink(e.Binary(), filepath.Join(bin, "gateway-cp"))); err != nil {
		t.Fatal(err)
	}
	// What is piped into gateway-cp is made by programs that not every machine has; for them stands
	// what they would print.
	for _, name := range []string{"kustomize", "helm"} {
		if _, err := exec.LookPath(name); err != nil {
			w.write(filepath.Join(bin, name), "#!/bin/sh\nfor f in manifests/*.yaml; do cat \"$f\"; echo ---; done\n", 0o700)
		}
	}
	w.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "EXAMPLES="+examples, "ENVOY="+e.EnvoyBinary(), "HOME="+e.Dir,
		"XDG_STATE_HOME="+e.Dir, "XDG_RUNTIME_DIR=", "GORACE=atexit_sleep_ms=0", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com",
		// A revision is named by its hash, which pages show.
		"GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
	archive, err := txtar.ParseFile("testdata/pages/" + strings.ReplaceAll(strings.TrimSuffix(page, ".md"), "/", "-") + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		w.write(filepath.Join(w.dir, f.Name), strings.ReplaceAll(string(f.Data), "ADDRESS", e.IP.String()), 0o600)
	}
	if out, code := w.shell("mkdir -p " + w.dir + "; cd " + w.dir + "; set -e\n" + string(archive.Comment)); code != 0 {
		t.Fatalf("the world cannot be made:\n%s", out)
	}
	return w
}

func (w *pageWorld) write(path, text string, mode os.FileMode) {
	w.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), mode)); err != nil {
		w.Fatalf("%v", err)
	}
}

// shell runs a command in the world, and gives all that it writes.
func (w *pageWorld) shell(command string) (output string, code int) {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "/bin/sh", "-c", command)
	cmd.Env, cmd.Dir = w.env, w.Dir
	if _, err := os.Stat(w.dir); err == nil {
		cmd.Dir = w.dir
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.Fatalf("%s: %v", command, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// serve has the world served while the page is read.
func (w *pageWorld) serve() {
	w.start("serve", "gateway-cp serve --dir manifests", "gateway-cp fleet")
}

// start starts a command that does not end by itself, and waits until another one works.
func (w *pageWorld) start(name, command, until string) *harness.Process {
	ours := append(slices.Clone(w.env[len(os.Environ()):]), "GATEWAY_CP_XDS_ADDRESS="+w.Address(0), "GATEWAY_CP_HTTP_ADDRESS="+w.Address(0),
		"GATEWAY_CP_ENVOY_ADMIN_ADDRESS="+w.Address(w.FreePort()), "GATEWAY_CP_NODE_ID=gw-1")
	p := w.Start(name, "/usr/bin/env", append(ours, "/bin/sh", "-c", "cd "+w.dir+"; exec "+command)...)
	w.Await(until, 20*time.Second, func() error {
		if out, code := w.shell(until); code != 0 {
			return errors.New(out)
		}
		return nil
	})
	return p
}

// works runs the commands of a block, and gives how many there are.
func (w *pageWorld) works(block string) int {
	runs := 0
	for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", "")) {
		command := strings.TrimSpace(regexp.MustCompile(`\s+# .*`).ReplaceAllString(line, ""))
		if command == "" || strings.HasPrefix(command, "#") {
			continue
		}
		runs++
		// It would run until somebody stops it.
		command = regexp.MustCompile("^envoy -c").ReplaceAllString(command, w.EnvoyBinary()+" --mode validate -c")
		if out, code := w.shell(command); code > 1 || strings.Contains(out, "--help") {
			w.Errorf("%s: exit code %d:\n%s", command, code, out)
		}
	}
	return runs
}

// shows runs the commands of a block, and gives the block with what they write.
func (w *pageWorld) shows(block string) string {
	var shown strings.Builder
	for _, part := range strings.Split("\n"+block, "\n$ ")[1:] {
		command, _, _ := strings.Cut(part, "\n")
		out, code := w.shell(command)
		if code > 1 {
			w.Errorf("%s: exit code %d:\n%s", command, code, out)
		}
		fmt.Fprintf(&shown, "$ %s\n%s\n", command, strings.TrimRight(out, "\n"))
	}
	return strings.TrimRight(shown.String(), "\n")
}

// valid checks a block that is a manifest, a test or the configuration of gateway-cp.
func (w *pageWorld) valid(block string) {
	command := ""
	switch {
	case strings.Contains(block, "kind: TrafficTest\n"):
		w.write(filepath.Join(w.dir, "block/page.traffictest"), block, 0o600)
		command = "gateway-cp test $EXAMPLES/policy-tests block"
	case strings.Contains(block, "apiVersion: "):
		w.write(filepath.Join(w.dir, "block/page.yaml"), block, 0o600)
		command = "gateway-cp validate --fail-on warning block/page.yaml"
		if _, err := os.Stat(filepath.Join(w.dir, "beside.yaml")); err == nil { // what the page takes to be there
			command += " beside.yaml"
		}
	case strings.HasPrefix(block, "severity:"):
		w.write(filepath.Join(w.dir, "block/config.yaml"), block, 0o600)
		command = "gateway-cp validate --config block/config.yaml $EXAMPLES/canary"
	default:
		return // of another program
	}
	if out, code := w.shell(command); code != 0 {
		w.Errorf("%s: exit code %d:\n%s\nof\n%s", command, code, out, block)
	}
}

// What docs/ci.md has people copy names what is there: inputs of the action and of the template, and the hook.
func TestPageOfCI(t *testing.T) {
	r := newRepository(t)
	action := documents(t, filepath.Join(root(t), "action.yml"))[0]["inputs"].(map[string]any)
	template := documents(t, filepath.Join(root(t), "deploy/ci/gitlab.yml"))[0]["spec"].(map[string]any)["inputs"].(map[string]any)
	hooks := r.read(filepath.Join(root(t), ".pre-commit-hooks.yaml"))
	shown := blocks(t, "../docs/ci.md", "yaml")
	if len(shown) != 3 {
		t.Fatalf("%d blocks", len(shown))
	}
	for name := range inputs(t, shown[0], "with") {
		if action[name] == nil {
			t.Errorf("the action has no input %s", name)
		}
	}
	for name := range inputs(t, shown[1], "inputs") {
		if template[name] == nil {
			t.Errorf("the template has no input %s", name)
		}
	}
	id := regexp.MustCompile(`(?m)^  - (id: \S+)$`).FindStringSubmatch(shown[2])
	if id == nil || !strings.Contains(hooks, "- "+id[1]+"\n") {
		t.Errorf("there is no hook %v", id)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(r.read(filepath.Join(root(t), "docs/ci.md")), -1)
	if len(rows) != len(action) {
		t.Errorf("the page lists %d inputs of the action, which has %d", len(rows), len(action))
	}
	for _, row := range rows {
		if action[row[1]] == nil {
			t.Errorf("the action has no input %s", row[1])
		}
	}
}

// inputs are the values below a key, wherever that stands.
func inputs(t *testing.T, text, key string) map[string]any {
	t.Helper()
	var found map[string]any
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, child := range v {
				if m, ok := child.(map[string]any); ok && k == key {
					found = m
				}
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	var document any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	if walk(document); found == nil {
		t.Fatalf("no %s in\n%s", key, text)
	}
	return found
}
