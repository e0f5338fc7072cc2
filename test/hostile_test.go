package test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// hostile is a file that somebody made to break what reads it.
type hostile struct {
	name, text string
	code       int
	says       string // something that is printed
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"

// each writes a text for every number below n, with the number for %d.
func each(n int, text string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(text, "%d", fmt.Sprint(i)))
	}
	return b.String()
}

// levels writes ten levels of aliases, each ten times the one before.
func levels(text string) string {
	b := configMap + "data:\n  a: &a {x: 1}\n"
	for i := 'b'; i < 'l'; i++ {
		b += "  " + string(i) + ": &" + string(i) + strings.ReplaceAll(text, "*", " *"+string(i-1)) + "\n"
	}
	return b
}

func wide(order binary.AppendByteOrder, text string) string {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// hostiles are files of n of something.
func hostiles(n int) []hostile {
	const syntax, fine = "[InvalidYAML]", "0 errors"
	doc := "---\n" + strings.ReplaceAll(configMap, "x", "x%d")
	return []hostile{
		{"aliases", levels(" [" + strings.Repeat("*, ", 9) + "*]"), 1, "the anchors of the document expand to too much"},
		{"merge", levels(" {" + "k0:*, k1:*, k2:*, k3:*, k4:*, k5:*, k6:*, k7:*, <<:*}"), 1, "expand to too much"},
		{"circle", configMap + "data: &a {b: *a}\n", 1, "contains itself"},
		{"open-flow", "a: " + strings.Repeat("[", 20*n), 1, syntax},
		{"closed-flow", "a: " + strings.Repeat("[", 10*n) + strings.Repeat("]", 10*n), 1, syntax},
		{"deep-blocks", func() string {
			var b strings.Builder
			for i := range 2000 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}(), 1, "nested deeper than 500 levels"},
		{"open-json", strings.Repeat(`{"a":`, 20*n), 1, syntax},
		{"closed-json", strings.Repeat(`{"a":`, 10*n) + "1" + strings.Repeat("}", 10*n), 1, syntax},
		{"dashes", strings.Repeat("- ", 20*n), 1, syntax},
		{"questions", strings.Repeat("? ", 20*n), 1, syntax},
		{"colons", strings.Repeat(": ", 200*n), 1, syntax},
		{"anchors-only", strings.Repeat("&a ", 20*n), 1, syntax},
		{"scalar", configMap + "data:\n  big: " + strings.Repeat("x", 1000*n) + "\n", 1, "at most 1048576 are allowed"}, // as an API server has it
		{"scalar-wrong", configMap + "dota:\n  big: " + strings.Repeat("x", 1000*n) + "\n", 1, "[UnknownField]"},
		{"quoted", `a: "` + strings.Repeat(`\u0000`, 200*n), 1, syntax},
		{"base64", "a: !!binary |\n  " + strings.Repeat("!", 200*n), 1, syntax},
		{"key", "? " + strings.Repeat("a", 500*n) + "\n: b\n", 1, "[MissingField]"},
		{"numbers", configMap + "data: {a: 0x" + strings.Repeat("f", 100*n) + ", b: 1e99999999, c: .inf, d: -.NaN}\n", 1, syntax},
		{"nul", "apiVersion: v1\nkind: \x00\n", 1, "control character 0x00"},
		{"not-utf8", configMap + "data: {a: \xff\xfe}\n", 1, "byte 0xff is not UTF-8"},
		{"utf16", wide(binary.LittleEndian, configMap), 0, fine},
		{"utf16-wrong", wide(binary.BigEndian, configMap+"dota: {}\n"), 1, ":4:1: error:"},
		{"half-utf16", wide(binary.BigEndian, configMap) + "\xd8", 1, syntax},
		{"version", "%YAML 9.9\n---\na: b\n", 1, "[MissingField]"},
		{"documents-wrong", each(n, doc+"dota: {}\n"), 1, fmt.Sprintf("%d errors", n)},
		{"documents-same", each(n, "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}]}\n"), 1, "[DuplicateObject]"},
		{"documents-empty", strings.Repeat("---\n", 20*n), 0, fine},
		{"list-wrong", "apiVersion: v1\nkind: List\nitems:\n" + each(n, "- {apiVersion: v1, kind: ConfigMap, metadata: {name: x%d}, dota: {}}\n"), 1, fmt.Sprintf("%d errors", n)},
		{"fields", configMap + "data:\n" + each(n, "  k%d: v\n"), 0, fine},
		{"fields-unknown", configMap + each(n, "k%d: v\n"), 1, "[UnknownField]"},
		{"fields-same", configMap + "data:\n" + strings.Repeat("  k: v\n", n), 1, syntax},
		{"fields-wrong-in-one-line", strings.ReplaceAll("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {DATA}}", "DATA", each(n, "k%d: 1, ")), 1, "[InvalidField]"},
		{"anchors", configMap + "data:\n" + each(n, "  k%d: &a%d v\n"), 0, fine},
		{"suppressions", strings.Repeat("# gateway-cp:ignore X\n", n), 0, "[InvalidSuppression]"},
		{"hosts", "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  hostnames:\n" + each(n, "  - h%d.example.com\n"), 1, "[InvalidField]"},
		{"expression", "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  rules:\n  - matches:\n    - path: {type: RegularExpression, value: \"" + strings.Repeat("(a{1,1000}){1,1000}", 20) + "\"}\n", 1, "error:"},
	}
}

// cost is what a process took.
type cost struct {
	cpu    time.Duration
	memory int64 // bytes, at its peak
}

// What somebody may put into a pull request costs little more than harmless documents do, and what
// is wrong with it is said. GATEWAY_CP_SOAK makes everything twenty times as large.
func TestHostileManifests(t *testing.T) {
	e := harness.New(t)
	program := os.Getenv(harness.BinaryEnv)
	if program == "" { // without the race detector, whose own cost would hide what is looked for
		program = filepath.Join(e.Dir, "gateway-cp")
		if out, err := exec.Command("go", "build", "-o", program, "../cmd/gateway-cp").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	n := 5000
	if os.Getenv("GATEWAY_CP_SOAK") != "" {
		n = 100_000 // the files stay below what validate reads, 16 MiB
	}
	check := func(h hostile) cost {
		t.Helper()
		file := filepath.Join(e.Dir, h.name+".yaml")
		if err := os.WriteFile(file, []byte(h.text[:min(len(h.text), 16<<20)]), 0o600); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Remove(file) }()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, "validate", file)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != h.code || !strings.Contains(string(out), h.says) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%.2000s", h.name, code, h.code, h.says, out)
		}
		if strings.Contains(string(out), "goroutine ") {
			t.Errorf("%s: it crashed:\n%.2000s", h.name, out)
		}
		return cost{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), maxRSS(cmd.ProcessState)}
	}
	harmless := check(hostile{"harmless", each(n, "---\n"+strings.ReplaceAll(configMap, "x", "x%d")), 0, fmt.Sprintf("%d objects, 0 errors", n)})
	t.Logf("harmless: %v, %d MiB", harmless.cpu, harmless.memory>>20)
	for _, h := range hostiles(n) {
		c := check(h)
		t.Logf("%s: %v, %d MiB", h.name, c.cpu, c.memory>>20)
		if c.cpu > 6*harmless.cpu+time.Second {
			t.Errorf("%s: takes %v of CPU, %d harmless documents take %v", h.name, c.cpu, n, harmless.cpu)
		}
		if c.memory > 4*harmless.memory+(64<<20) {
			t.Errorf("%s: takes %d MiB, %d harmless documents take %d MiB", h.name, c.memory>>20, n, harmless.memory>>20)
		}
	}
}

func maxRSS(state *os.ProcessState) int64 {
	if u, ok := state.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10
	}
	return 0
}
