package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The one command of the example tells its whole story, from the first commit to the last revert, but for ports and places.
func TestGitOpsCanary(t *testing.T) {
	r := newReadme(t, canaryDir)
	root := filepath.Join(r.Dir, "root")
	var swaps []string
	for was, is := range r.ports {
		swaps = append(swaps, ":"+was, ":"+is)
	}
	free := strings.NewReplacer(swaps...)
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{canaryDir, "../examples/gitops-canary"} {
		to := filepath.Join(root, strings.TrimPrefix(dir, ".."))
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		if dir == canaryDir {
			if files, err = filepath.Glob(r.Manifests + "/*.yaml"); err != nil { // with other ports, and a Fleet
				t.Fatal(err)
			}
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, filepath.Base(f)), []byte(free.Replace(string(text))), 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, program := range map[string]string{"gateway-cp": r.Binary(), "shop": filepath.Join(r.Dir, "shop")} {
		if err := os.Symlink(program, filepath.Join(root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", filepath.Join(root, "examples/gitops-canary/demo.sh"))
	out, err := cmd.CombinedOutput()
	text := string(out)
	for _, want := range []string{"tried against v1", "the spec names v1 now", "CanaryPromoted", "shop: v2"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing is said of %q", want)
		}
	}
	if err != nil || t.Failed() {
		t.Errorf("%v\n%s", err, text)
	}
}
