package files

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// simpleSeeds are texts of which a part is simple, and everything near the border.
var simpleSeeds = []string{
	"a: 1\nb:\n- x\n- v: 2\n  z:\n  - 3\n-\n- - 1\n  - 2\nc:\n    d: e # f\n    g: h#i\n",
	"---\nkind: Service\nmetadata: {name: web, labels: {app: web, k: 1, s: \"x\"}}\nspec:\n  l: [a, 1, 'b', []]\n",
	"a:\nb: \nc: # x\nd:\n  # y\n  e: f\n# z\ng: \"x # y\" # z\nh: 'it\"s'\n",
	"a: x\n  y\n", "a: x: y\n", "a: x:\n", "a: - x\n", "a: \"x\\n\"\n", "a: 'it''s'\n", "a: 'x'y\n", "a: [a b]\n",
	"a: 0777\nb: on\nc: 1e3\nd: 10.0.0.1\ne: 1_000\nf: 0x1F\ng: ~\nh: null\ni: .inf\nj: -1\nk: - 1\nl: -\n",
	"on: 1\n8080: 2\nnull: 3\n<<: 4\n<<x: 5\n\"on\": 6\n'<<': {}\n", "a: 1\na: 2\n", "  a: 1\n  b: 2\n c: 3\n", "a:\n- b\n c\n",
	"- a\n- b:\n  - c\n", "- a: 1\n   b: 2\n", "a:\n  - b\n  -c\n", "a: b\n---x\n", "a: b\n--- \n", "a: &x b\nc: *x\n", "a: !!str b\n", "? a\n: b\n",
	"a: |\n  x\nb: >-\n y\n", "%YAML 1.1\n---\na: b\n", "a: b\n...\n", "a: --b\n--c: d\ne:\n- --f=:1\n- ---\n- --\n- - --g\n", "a : b\nc:  d\n", "a: [x,y]\nb: {x:y}\nc: {x: y,z: w}\nd: [ x , y , ]\ne: {a: 1, a: 2}\n",
	"a: b # c\n  d: e\n", "a: b\n  # c\nd: e\n", "a:\n\n  b: c\n\n\nd: e", "-\n  a: b\n-\n- \n", "a: [\n b]\n", "a: {}\nb: []\nc: {} x\nd: []# y\n",
	"a: b:c\nd:e: f\ng: h :i\nj: k #l\nm: n# o\n", "a: @b\nc: `d\n", "a: %b\n", "a: x, y\nb: x] y}\nc: [1, 2\n", "a: \"b\": c\n", "\"a\": b\n'c' : d\n\"e\":f\n",
}

// compareSimple fails when what is simple is read in another way than by the library.
func compareSimple(t *testing.T, text []byte) (simple bool) {
	t.Helper()
	for _, seg := range split(text) {
		part := text[seg.offset : seg.offset+seg.length]
		if seg.json {
			continue
		}
		got, ok := simpleYAML(part, seg, new(arena))
		if !ok {
			continue
		}
		simple = true
		want, err := parseYAML(part, seg)
		if err != nil {
			t.Fatalf("read, though the library finds line %d: %s\n%s", err.line, err.message, part)
		}
		if !reflect.DeepEqual(want, []document{got}) {
			t.Fatalf("the library reads\n%swith %v, not\n%s\n%s", dump(want[0].root, ""), want[0].errs, dump(got.root, ""), part)
		}
	}
	return simple
}

// dump shows a node and all below it.
func dump(n *node, indent string) string {
	text := fmt.Sprintf("%s%d:%d %d %s %q\n", indent, n.line, n.column, n.kind, n.json(), n.plain)
	for _, f := range n.fields {
		text += fmt.Sprintf("%s%d:%d %q\n%s", indent, f.line, f.column, f.name, dump(f.value, indent+"  "))
	}
	for _, item := range n.items {
		text += dump(item, indent+"  ")
	}
	return text
}

func TestSimpleYAML(t *testing.T) {
	for _, text := range simpleSeeds {
		compareSimple(t, []byte(text))
	}
	for _, text := range append(simpleSeeds[:3:3], "a: |\n  x\n   y # z\n\nb:\n- c: |-\n    x\n\n\n  d: |+\n   y\n\ne: f\n") {
		seg := split([]byte(text))[0]
		if _, ok := simpleYAML([]byte(text)[seg.offset:seg.offset+seg.length], seg, new(arena)); !ok {
			t.Errorf("is simple, and not read as such:\n%s", text)
		}
	}
	files, simple := 0, 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isManifest(path) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || charsetOf(text) != (charset{}) {
			return nil
		}
		if _, bad := (charset{}).text(text); bad != nil {
			return nil
		}
		files++
		if compareSimple(t, text) {
			simple++
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatal(files, err)
	}
	t.Logf("%d of %d files of this repository have a simple document", simple, files)
}

// Simple texts that are changed a little are near the border of what is simple.
func TestSimpleYAMLChanged(t *testing.T) {
	const changes = "  -:#\n|\"'[]{},&*!|>%@x0~<?."
	random := rand.New(rand.NewSource(1))
	for range 200_000 {
		text := []byte(simpleSeeds[random.Intn(len(simpleSeeds))])
		for range 1 + random.Intn(3) {
			i := random.Intn(len(text) + 1)
			switch random.Intn(4) {
			case 0:
				text = append(text[:i], text[min(i+1, len(text)):]...)
			case 1:
				lines := bytes.SplitAfter(text, []byte("\n"))
				random.Shuffle(len(lines), func(a, b int) { lines[a], lines[b] = lines[b], lines[a] })
				text = bytes.Join(lines, nil)
			default:
				text = append(text[:i], append([]byte{changes[random.Intn(len(changes))]}, text[i:]...)...)
			}
			if len(text) == 0 {
				text = []byte("a: b\n")
			}
		}
		compareSimple(t, text)
	}
}

func FuzzSimpleYAML(f *testing.F) {
	for _, text := range simpleSeeds {
		f.Add([]byte(text))
	}
	f.Add([]byte(strings.Repeat("- ", 200) + "x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, bad := charsetOf(text).text(text); bad != nil || len(text) > 10_000 || charsetOf(text) != (charset{}) {
			return
		}
		compareSimple(t, text)
	})
}
