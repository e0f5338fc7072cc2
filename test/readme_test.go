package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// blocks gives the fenced blocks of a Markdown file in one language.
func blocks(t *testing.T, file, language string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("%s has no block of %s", file, language)
	}
	return found
}

// What a reader copies from the README works: the manifests are valid, and every command and
// flag is there.
func TestREADME(t *testing.T) {
	e := harness.New(t)
	for i, manifest := range blocks(t, "../README.md", "yaml") {
		file := filepath.Join(t.TempDir(), "readme.yaml")
		if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := e.GatewayCP("validate", file); code != 0 || !strings.HasSuffix(out, " 0 errors, 0 warnings\n") {
			t.Errorf("block %d: exit code %d:\n%s", i, code, out)
		}
	}
	commands := 0
	for _, block := range blocks(t, "../README.md", "sh") {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, "#")
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "gateway-cp" {
				continue
			}
			commands++
			help, code := e.GatewayCP(append(slices.Clone(subcommand(words[1:])), "--help")...)
			if code != 0 || strings.Contains(help, "unknown command") {
				t.Errorf("%s: exit code %d:\n%s", line, code, help)
			}
			for _, w := range words {
				if strings.HasPrefix(w, "--") && !strings.Contains(help, w+" ") {
					t.Errorf("%s: there is no %s", line, w)
				}
			}
		}
	}
	if commands < 5 {
		t.Errorf("found %d commands only", commands)
	}
}

// Every command of the README runs, in its order, against the control plane and the Envoy that its first one
// starts; what is written in capitals is put in.
func TestREADMECommandsRun(t *testing.T) {
	w := newPageWorld(t, "README.md")
	put := strings.NewReplacer(" DIR", " manifests", "ENVOY", "gw-1", "NAMESPACE", "web", "NAME", "default/shop")
	ran := 0
	for _, block := range blocks(t, "../README.md", "sh") {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, " #")
			if !strings.HasPrefix(line, "gateway-cp ") {
				continue
			}
			ran++
			switch command := put.Replace(strings.TrimSpace(line)); {
			case strings.HasPrefix(command, "gateway-cp run "):
				w.start("run", command, "gateway-cp fleet diff gw-1")
			case strings.HasPrefix(command, "gateway-cp serve "):
				// A state directory is held by one process.
				w.start("serve", command+" --state-dir beside", "gateway-cp fleet --admin-socket beside/admin.sock").Kill()
			default:
				w.works(command)
			}
		}
	}
	if ran < 15 {
		t.Errorf("ran %d commands only", ran)
	}
}

// subcommand is the part of a command line before flags and placeholders.
func subcommand(words []string) []string {
	for i, w := range words {
		if strings.HasPrefix(w, "-") || strings.ToUpper(w) == w {
			return words[:i]
		}
	}
	return words
}

// A target that the README or make help names is there.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"demo", "test", "test-unit", "check", "bench", "tools", "build", "soak", "help"} {
		if !regexp.MustCompile(`(?m)^` + target + `:.*## \S`).Match(makefile) {
			t.Errorf("make help does not explain the target %s", target)
		}
	}
}
