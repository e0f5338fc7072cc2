package files

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

// shownFiles are the files of a tree, by shown path below dir.
func shownFiles(t *testing.T, dir string) []string {
	t.Helper()
	tree := newTree(func(string) {})
	real, err := resolveLinks(dir, tree.names)
	must(t, err)
	must(t, tree.root(dir, real))
	var names []string
	for name := range tree.files {
		rel, err := filepath.Rel(dir, name)
		must(t, err)
		names = append(names, rel)
	}
	slices.Sort(names)
	return names
}

func TestTreeLinks(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, dir, "real/a.yaml", "")
	write(t, dir, "real/.hidden.yaml", "")
	write(t, dir, "real/b.txt", "")
	write(t, outside, "o.yaml", "")
	write(t, outside, "deep/p.yml", "")
	for _, l := range [][2]string{
		{".", "loop"}, {"..", "real/up"}, {"self", "self"}, {"pong", "ping"}, {"ping", "pong"}, // loops
		{"real/a.yaml", "alias.yaml"}, {"real", "again"}, // more names for what has one
		{outside, "out1"}, {outside, "out2"}, {filepath.Join(outside, "deep/p.yml"), "z.yaml"}, // from elsewhere, once
		{"real/b.txt", "c.yaml"}, // a link's own name counts
	} {
		must(t, os.Symlink(l[0], filepath.Join(dir, l[1])))
	}
	want := []string{"c.yaml", "out1/deep/p.yml", "out1/o.yaml", "real/a.yaml"}
	// z.yaml leads to a file that out1 shows; links are followed in the order of their names,
	// but what is below a link has a name only after it was followed.
	if got := shownFiles(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	write(t, dir, "s.yaml", "")
	must(t, os.Remove(filepath.Join(dir, "s.yaml")))
	must(t, os.Symlink("s.yaml", filepath.Join(dir, "s.yaml"))) // a loop with the name of a manifest
	result, err := Load(LoadOptions{}, dir, outside)
	must(t, err)
	if p := oneProblem(t, result.Problems, api.ReasonFileUnreadable); !strings.Contains(p.Message, "loop") {
		t.Errorf("got %s", p)
	}
}

// Pipes, sockets and devices are never opened: that may block for ever.
func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo.yaml"), 0o644))
	listener, err := net.Listen("unix", filepath.Join(dir, "sock.yaml"))
	must(t, err)
	defer listener.Close()
	must(t, os.Symlink("/dev/zero", filepath.Join(dir, "zero.yaml")))
	must(t, os.Symlink("fifo.yaml", filepath.Join(dir, "tofifo.yaml")))
	must(t, os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o755))
	r := start(t, Options{Dir: dir})
	r.wantServices("one")
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "a.yaml"), 0o644))
	r.next()
	r.wantServices()
	wantNoProblems(t, r.problems)
	// Who checks files wants to know.
	for _, path := range []string{dir, filepath.Join(dir, "fifo.yaml")} {
		result, err := Load(LoadOptions{}, path)
		must(t, err)
		if len(result.Problems) == 0 || result.Problems[0].Reason != api.ReasonFileUnreadable {
			t.Errorf("%s: %v", path, result.Problems)
		}
	}
}

// A 100 MB file costs nothing.
func TestHugeFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	f, err := os.Create(filepath.Join(dir, "huge.yaml"))
	must(t, err)
	must(t, f.Truncate(100<<20))
	must(t, f.Close())
	begin := time.Now()
	result, err := Load(LoadOptions{}, dir)
	must(t, err)
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if p := oneProblem(t, result.Problems, api.ReasonFileTooLarge); p.Position.File != filepath.Join(dir, "huge.yaml") || !strings.Contains(p.Message, "16 MiB") {
		t.Errorf("got %s", p)
	}
	if len(result.Objects) != 1 {
		t.Errorf("%d objects", len(result.Objects))
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "m/a.yaml", services("one"))
	write(t, dir, "m/b.yaml", services("two"))
	write(t, dir, "any.txt", services("three"))
	t.Chdir(dir)
	result, err := Load(LoadOptions{Stdin: strings.NewReader("# in\n" + services("one", "four"))}, "m", "./m/a.yaml", "any.txt", "-", "m/")
	must(t, err)
	var got []string
	for _, o := range result.Objects {
		got = append(got, o.Key.Name+" "+o.Origin.At("spec.ports[0].port").String())
	}
	want := []string{"four -:18:5", "one -:9:5", "three any.txt:8:5", "two m/b.yaml:8:5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if p := oneProblem(t, result.Problems, api.ReasonDuplicateObject); p.Position.String() != "m/a.yaml:1:1" || len(result.Problems) != 1 {
		t.Errorf("got %v", result.Problems)
	}
	if _, err := Load(LoadOptions{}, "m", "nowhere"); err == nil || err.Error() != "read nowhere: no such file or directory" {
		t.Errorf("got %v", err)
	}
	if result, err := Load(LoadOptions{}, "."); err != nil || len(result.Objects) != 2 || result.Objects[0].Origin.At("").String() != "m/a.yaml:1:1" {
		t.Errorf("got %v %v", result, err)
	}
}

// Load and Run are one code path: they say the same of the same files.
func TestLoadIsRun(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one", "two", "one")+"---\nkind: Deployment\napiVersion: apps/v1\nmetadata: {name: d}\n")
	write(t, dir, "b.yaml", "broken: [\n---\n"+strings.Replace(services("three"), "port:", "prot:", 1))
	r := start(t, Options{Dir: dir})
	result, err := Load(LoadOptions{}, dir)
	must(t, err)
	if !slices.Equal(r.problems, result.Problems) || len(result.Problems) < 4 {
		t.Errorf("Run: %v\nLoad: %v", r.problems, result.Problems)
	}
	if len(result.Objects) != len(r.objects) {
		t.Errorf("%d and %d objects", len(result.Objects), len(r.objects))
	}
}

func TestOrigin(t *testing.T) {
	dir := t.TempDir()
	route := "# a\r\n---\r\napiVersion: gateway.networking.k8s.io/v1\r\nkind: HTTPRoute\r\nmetadata:\r\n  name: r\r\n  labels:\r\n    a.b/c: d\r\nspec:\r\n  parentRefs: [{name: g}]\r\n  rules:\r\n  - matches:\r\n    - path: {type: Exact, value: /x}\r\n    - headers:\r\n      - {name: h, value: v}\r\n"
	write(t, dir, "a.yaml", "\xef\xbb\xbf"+services("first")+route)
	write(t, dir, "b.json", "\n{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n  {\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"j\"},\n   \"spec\": {\"ports\": [{\"port\": 80}]}}]}")
	write(t, dir, "c.yaml", wide("# wide\n"+services("w"), binary.LittleEndian))
	result, err := Load(LoadOptions{}, dir)
	must(t, err)
	wantNoProblems(t, result.Problems)
	origins := make(map[string]api.Origin)
	for _, o := range result.Objects {
		origins[o.Key.Name] = o.Origin
	}
	for _, test := range []struct{ name, path, want string }{
		{"r", "", "a.yaml:11:1"},
		{"r", "spec.rules[0].matches[0].path.value", "a.yaml:21:27"},
		{"r", "spec.rules[0].matches[1]", "a.yaml:22:7"},
		{"r", "spec.rules[0].matches[1].headers[0].value", "a.yaml:23:19"},
		{"r", "spec.rules[0].matches[7].path", "a.yaml:20:5"},
		{"r", "spec.hostnames[0]", "a.yaml:17:1"},
		{"r", `metadata.labels["a.b/c"]`, "a.yaml:16:5"},
		{"r", `metadata.labels[a.b/c]`, "a.yaml:16:5"},
		{"r", "no.such.field", "a.yaml:11:1"},
		{"r", "]][[..", "a.yaml:11:1"},
		{"j", "", "b.json:3:3"},
		{"j", "spec.ports[0].port", "b.json:4:24"},
		{"w", "spec.ports[0].port", "c.yaml:9:5"},
	} {
		if got := origins[test.name].At(test.path).String(); got != filepath.Join(dir, test.want) {
			t.Errorf("%s of %s is at %s, want %s", test.path, test.name, got, test.want)
		}
	}
	// The file changes: the start is the best guess.
	write(t, dir, "a.yaml", strings.Repeat("# more\n", 30)+services("first"))
	if got := origins["r"].At("spec").String(); got != filepath.Join(dir, "a.yaml:11:1") {
		t.Errorf("got %s", got)
	}
	must(t, os.Remove(filepath.Join(dir, "b.json")))
	if got := origins["j"].At("spec").String(); got != filepath.Join(dir, "b.json:3:3") {
		t.Errorf("got %s", got)
	}
}

// A directory that cannot be listed keeps its objects.
func TestUnreadableDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root can list every directory")
	}
	dir := t.TempDir()
	write(t, dir, "a.yaml", services("one"))
	write(t, dir, "sub/b.yaml", services("two"))
	store := openState(t, t.TempDir())
	r := start(t, Options{Dir: dir, State: store})
	must(t, os.Chmod(filepath.Join(dir, "sub"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "sub"), 0o755) })
	r.next()
	r.wantServices("one", "two")
	if p := r.problem(api.ReasonFileUnreadable); p.Position.File != filepath.Join(dir, "sub") {
		t.Errorf("got %s", p)
	}
	must(t, r.stop())
	r = start(t, Options{Dir: dir, State: store})
	r.wantServices("one", "two")
	must(t, os.Chmod(filepath.Join(dir, "sub"), 0o755))
	r.until("readable again", func() bool { return len(r.problems) == 0 })
	must(t, os.Chmod(filepath.Join(dir, "sub/b.yaml"), 0))
	r.next()
	r.wantServices("one", "two")
	r.problem(api.ReasonFileUnreadable)
	must(t, os.Remove(filepath.Join(dir, "sub/b.yaml")))
	r.next()
	r.wantServices("one")
}

// Every object of a List finds its lines, and a List is not parsed again for each of them: that
// many fields of that many objects would take minutes.
func TestLinesOfALongList(t *testing.T) {
	const many = 5000
	text := "apiVersion: v1\nkind: List\nitems:\n"
	for i := range many {
		text += fmt.Sprintf("- apiVersion: v1\n  kind: Service\n  metadata: {name: s%d}\n  spec:\n    ports: [{port: 80}]\n", i)
	}
	var lock sync.Mutex
	lines := 0
	result, err := Load(LoadOptions{Stdin: strings.NewReader(text), Visit: func(d Document) {
		at := d.Origin.At("spec.ports")
		lock.Lock()
		defer lock.Unlock()
		if want := 3 + 5*lines + 5; at.Line != want || at.File != "-" {
			t.Errorf("%s is in %v, not in line %d", d.Key.Name, at, want)
		}
		lines++
	}}, "-")
	must(t, err)
	if lines != many || len(result.Objects) != many {
		t.Errorf("%d objects seen, %d admitted", lines, len(result.Objects))
	}
	wantNoProblems(t, result.Problems)
}
