package test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// repository is a Git repository of somebody who uses gateway-cp, and an environment in which
// gateway-cp is on the PATH.
type repository struct {
	*testing.T
	dir string
	env []string
}

const (
	goodManifest = "apiVersion: v1\nkind: Service\nmetadata: {name: good, namespace: shop}\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n" +
		"---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: web, image: example.com/web}]}\n"
	badManifest = "apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: shop}\nspec:\n  selecter: {app: web}\n  ports: [{port: 80}]\n"
)

func newRepository(t *testing.T) *repository {
	t.Helper()
	e := harness.New(t)
	r := &repository{T: t, dir: t.TempDir()}
	r.env = append(os.Environ(), "PATH="+filepath.Dir(e.Binary())+":"+os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	r.write("manifests/good.yaml", goodManifest)
	r.must("git", "init", "-q", "-b", "main")
	r.must("git", "add", ".")
	r.must("git", "commit", "-qm", "good")
	return r
}

func (r *repository) write(name, text string) {
	r.Helper()
	path := filepath.Join(r.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		r.Fatal(err)
	}
}

// read gives a file, which may be missing.
func (r *repository) read(path string) string {
	r.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.Fatal(err)
	}
	return string(data)
}

// run runs a program in the repository, and gives what it writes and its exit code.
func (r *repository) run(env []string, name string, args ...string) (string, int) {
	r.Helper()
	cmd := exec.CommandContext(r.Context(), name, args...)
	cmd.Dir, cmd.Env = r.dir, append(r.env, env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.Fatalf("%s: %v", name, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (r *repository) must(name string, args ...string) string {
	r.Helper()
	out, code := r.run(nil, name, args...)
	if code != 0 {
		r.Fatalf("%s %s: exit code %d\n%s", name, strings.Join(args, " "), code, out)
	}
	return out
}

// python gives the environment in which Python has the packages of .ci/ecosystem, or skips the
// test where they cannot be fetched.
func (r *repository) python() []string {
	r.Helper()
	cmd := exec.CommandContext(r.Context(), "../.ci/ecosystem")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if os.Getenv("CI") != "" {
			r.Fatalf("no pre-commit and check-jsonschema: %v\n%s", err, stderr.String())
		}
		r.Skipf("no pre-commit and check-jsonschema: \"make tools\" fetches them from PyPI, once: %v\n%s", err, stderr.String())
	}
	return []string{"PYTHONPATH=" + strings.TrimSpace(string(out)), "PRE_COMMIT_HOME=" + r.TempDir()}
}

// documents reads a file of YAML.
func documents(t *testing.T, file string) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc map[string]any
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, doc)
	}
}

// root is the folder of this project.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// action runs the script of the GitHub Action as a runner does, with inputs, and gives what it
// writes to the log and to the files that a step has.
func (r *repository) action(inputs ...string) (log, outputs, summary string) {
	r.Helper()
	temp := r.TempDir()
	env := append([]string{"GITHUB_ACTIONS=true", "RUNNER_TEMP=" + temp,
		"GITHUB_OUTPUT=" + temp + "/output", "GITHUB_STEP_SUMMARY=" + temp + "/summary"}, inputs...)
	log, code := r.run(env, filepath.Join(root(r.T), "deploy/ci/github"))
	if code != 0 {
		r.Fatalf("exit code %d:\n%s", code, log)
	}
	return log, r.read(temp + "/output"), r.read(temp + "/summary")
}

func expect(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%s has no %q:\n%s", what, w, text)
		}
	}
}

// The action marks what is wrong, says so in its summary and its outputs, and writes SARIF.
func TestGitHubAction(t *testing.T) {
	r := newRepository(t)
	log, outputs, summary := r.action("CHECK_PATHS=manifests")
	expect(t, "log", log, "2 objects, 0 errors, 0 warnings")
	expect(t, "outputs", outputs, "exit-code=0\n")
	expect(t, "summary", summary, "### gateway-cp validate", "    2 objects, 0 errors, 0 warnings")

	r.write("manifests/b ad.yaml", badManifest)
	log, outputs, summary = r.action("CHECK_PATHS=manifests/good.yaml\nmanifests/b ad.yaml\n", "CHECK_SARIF=true")
	expect(t, "log", log, `::error file=manifests/b ad.yaml,line=5,endLine=5,col=3,endColumn=11,title=UnknownField::`, "hint: did you mean")
	expect(t, "summary", summary, `    manifests/b ad.yaml:5:3: error:`)
	expect(t, "outputs", outputs, "exit-code=1\n", "sarif-file=")
	_, sarif, _ := strings.Cut(strings.TrimSpace(outputs), "sarif-file=")
	expect(t, "SARIF", r.read(sarif), `"uri": "manifests/b%20ad.yaml"`, `"ruleId": "UnknownField"`)

	// Arguments arrive, and --fail-on.
	_, outputs, _ = r.action("CHECK_PATHS=manifests", "CHECK_ARGS=--severity UnknownField=warning  --schema strict")
	expect(t, "outputs", outputs, "exit-code=0\n")
	_, outputs, _ = r.action("CHECK_PATHS=manifests", "CHECK_ARGS=--severity UnknownField=warning", "CHECK_FAIL_ON=warning")
	expect(t, "outputs", outputs, "exit-code=1\n")

	_, outputs, _ = r.action("CHECK_PATHS=manifests", "CHECK_EXCLUDE=nothing\nb ad.*\n")
	expect(t, "outputs", outputs, "exit-code=0\n")

	log, outputs, _ = r.action("CHECK_PATHS=nowhere", "CHECK_SARIF=true")
	expect(t, "log", log, "nowhere: no such file or directory", "::error title=gateway-cp::validate could not run")
	if outputs != "exit-code=2\n" {
		t.Errorf("outputs %q", outputs)
	}
}

// What a pull request names its files is never a command of the runner.
func TestGitHubActionObeysNoFileName(t *testing.T) {
	r := newRepository(t)
	r.write("::error::owned.yaml", badManifest)
	r.write("![x](y).yaml", badManifest)
	log, _, summary := r.action("CHECK_PATHS=::error::owned.yaml\n![x](y).yaml", "CHECK_ARGS=")
	off := regexp.MustCompile(`(?m)^::stop-commands::([0-9a-f]{32})$`).FindStringSubmatch(log)
	if off == nil {
		t.Fatalf("commands are never off:\n%s", log)
	}
	_, after, on := strings.Cut(log, "\n::"+off[1]+"::\n")
	if !on {
		t.Fatalf("commands are not on again:\n%s", log)
	}
	for line := range strings.Lines(after) {
		if strings.HasPrefix(line, "::") && !strings.HasPrefix(line, "::error file=") || strings.Contains(line, "file=::") {
			t.Errorf("the runner would obey %q", line)
		}
	}
	for line := range strings.Lines(summary) {
		if line != "\n" && !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "### gateway-cp ") {
			t.Errorf("the summary would show as Markdown %q", line)
		}
	}
}

// Every input of action.yml is used, everything that is used is there, and the file is what
// GitHub takes. The program that it installs is built from the folder of the action.
func TestGitHubActionFile(t *testing.T) {
	r := newRepository(t)
	file := filepath.Join(root(t), "action.yml")
	text := r.read(file)
	action := documents(t, file)[0]
	for _, part := range []string{"inputs", "steps"} {
		for _, m := range regexp.MustCompile(`\b`+part+`\.([a-z-]+)`).FindAllStringSubmatch(text, -1) {
			if part == "inputs" && action["inputs"].(map[string]any)[m[1]] == nil || part == "steps" && !strings.Contains(text, "id: "+m[1]+"\n") {
				t.Errorf("there is no %s", m[0])
			}
		}
	}
	for name := range action["inputs"].(map[string]any) {
		if !regexp.MustCompile(`inputs\.` + name + `\b`).MatchString(text) {
			t.Errorf("the input %s does nothing", name)
		}
	}
	script := r.read(filepath.Join(root(t), "deploy/ci/github"))
	for _, m := range regexp.MustCompile(`(?m)^ +(CHECK_[A-Z_]+): `).FindAllStringSubmatch(text, -1) {
		expect(t, "deploy/ci/github", script, "${"+m[1]+":-")
	}
	if strings.Contains(regexp.MustCompile(`(?m)^ +run: .*$`).FindString(text), "${{") {
		t.Error("an expression within a script can be anything: pass it as a variable")
	}
	key := r.must(filepath.Join(root(t), "deploy/ci/install"), "--key")
	if !regexp.MustCompile(`^key=gateway-cp-[0-9a-f]{16}\n$`).MatchString(key) {
		t.Errorf("key %q", key)
	}
	python := r.python()
	if out, code := r.run(python, "python3", "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", file); code != 0 {
		t.Error(out)
	}
}

// The template is what GitLab takes, and its job does what it says: inputs are put in as GitLab
// does, and the script is run by the shell that runs it there.
func TestGitLabTemplate(t *testing.T) {
	r := newRepository(t)
	r.write("manifests/bad.yaml", badManifest)
	docs := documents(t, filepath.Join(root(t), "deploy/ci/gitlab.yml"))
	inputs := docs[0]["spec"].(map[string]any)["inputs"].(map[string]any)
	fill := func(set map[string]string) string {
		text := r.read(filepath.Join(root(t), "deploy/ci/gitlab.yml"))
		_, text, _ = strings.Cut(text, "\n---\n")
		return regexp.MustCompile(`\$\[\[ inputs\.([a-z-]+) \]\]`).ReplaceAllStringFunc(text, func(m string) string {
			name := strings.TrimSuffix(strings.TrimPrefix(m, "$[[ inputs."), " ]]")
			input, there := inputs[name].(map[string]any)
			if !there {
				t.Errorf("there is no input %s", name)
			}
			if value, is := set[name]; is {
				return value
			}
			return input["default"].(string)
		})
	}
	job := func(set map[string]string) (string, int) {
		r.write(".gitlab-ci.yml", fill(set))
		defer func() { _ = os.Remove(filepath.Join(r.dir, ".gitlab-ci.yml")) }()
		j := documents(t, filepath.Join(r.dir, ".gitlab-ci.yml"))[0]["gateway-cp"].(map[string]any)
		var env []string
		for name, value := range j["variables"].(map[string]any) {
			env = append(env, name+"="+value.(string))
		}
		var script []string
		for _, line := range j["script"].([]any) {
			script = append(script, line.(string))
		}
		return r.run(env, "sh", "-ec", strings.Join(script, "\n"))
	}
	out, code := job(map[string]string{"paths": "manifests/good.yaml"})
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if out, code = job(map[string]string{"paths": "manifests", "exclude": "nothing bad.*"}); code != 0 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	out, code = job(map[string]string{"paths": "manifests/*.yaml", "args": "--schema strict"})
	if code != 1 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	expect(t, "log", out, "manifests/bad.yaml:5:3: error:")
	expect(t, "report", r.read(filepath.Join(r.dir, "gl-code-quality-report.json")), `"check_name": "UnknownField"`, `"path": "manifests/bad.yaml"`)

	r.write(".gitlab-ci.yml", fill(nil))
	python := r.python()
	if out, code := r.run(python, "python3", "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", ".gitlab-ci.yml"); code != 0 {
		t.Error(out)
	}
}

// The hook stops a commit of a bad manifest, and looks at the whole set: a good manifest too
// may break another.
func TestPreCommitHook(t *testing.T) {
	r := newRepository(t)
	python := r.python()
	file := filepath.Join(root(t), ".pre-commit-hooks.yaml")
	if out, code := r.run(python, "python3", "-m", "pre_commit", "validate-manifest", file); code != 0 {
		t.Fatal(out)
	}
	hooks, hook := t.TempDir(), "gateway-cp-validate-system"
	if os.Getenv("GATEWAY_CP_SOAK") != "" {
		hook = "gateway-cp-validate" // pre-commit builds it, for minutes
		r.must("git", "clone", "-q", root(t), hooks)
	} else {
		r.must("git", "init", "-q", hooks)
	}
	if err := os.WriteFile(filepath.Join(hooks, ".pre-commit-hooks.yaml"), []byte(r.read(file)), 0o644); err != nil {
		t.Fatal(err)
	}
	r.must("git", "-C", hooks, "add", ".pre-commit-hooks.yaml")
	r.must("git", "-C", hooks, "commit", "-qm", "hooks", "--allow-empty")
	commit := strings.TrimSpace(r.must("git", "-C", hooks, "rev-parse", "HEAD"))
	r.write(".pre-commit-config.yaml", "repos:\n- repo: "+hooks+"\n  rev: "+commit+"\n  hooks:\n  - {id: "+hook+", args: [manifests]}\n")

	try := func(want int, said ...string) {
		t.Helper()
		r.must("git", "add", ".")
		out, code := r.run(python, "python3", "-m", "pre_commit", "run")
		if code != want {
			t.Errorf("exit code %d, want %d:\n%s", code, want, out)
		}
		expect(t, "pre-commit", out, said...)
	}
	r.must("git", "add", ".")
	r.must("git", "commit", "-qm", "hooks")
	r.write("manifests/good2.yaml", strings.ReplaceAll(goodManifest, "name: ", "name: b"))
	try(0, "Passed")
	r.must("git", "commit", "-qm", "good2")
	r.write("manifests/bad.yaml", badManifest)
	try(1, "Failed", "manifests/bad.yaml:5:3: error:")
	r.must("git", "rm", "-qf", "manifests/bad.yaml")
	r.write("README.md", "no manifest")
	try(0, "no files to check")
	r.must("git", "commit", "-qm", "readme")
	r.write("manifests/copy.yaml", goodManifest)
	try(1, "Failed", "manifests/good.yaml:", "[DuplicateObject]")
}
