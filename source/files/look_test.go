package files

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLook(t *testing.T) {
	top := t.TempDir()
	write(t, top, ".git/HEAD", "") // so that links may lead anywhere in it
	dir := filepath.Join(top, "dir")
	write(t, dir, "a.yaml", services("one"))
	write(t, dir, "sub/b.txt", "no manifest")
	outside := filepath.Join(top, "c.yaml")
	must(t, os.WriteFile(outside, nil, 0o644))
	must(t, os.Symlink(outside, filepath.Join(dir, "link.yaml")))
	last := Look(LoadOptions{}, dir)
	same := func(what string, want bool) {
		t.Helper()
		now := Look(LoadOptions{}, dir)
		if (now == last) != want {
			t.Errorf("%s: the same is %v", what, now == last)
		}
		last = now
	}
	same("nothing", true)
	write(t, dir, "sub/b.txt", "changed")
	same("a file that is no manifest", true)
	write(t, dir, "a.yaml", services("two"))
	same("a changed file", false)
	write(t, dir, "sub/d.yaml", "")
	same("a new file", false)
	must(t, os.WriteFile(outside, []byte("x"), 0o644))
	same("the target of a link", false)
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	same("a file that is gone", false)
	must(t, os.RemoveAll(dir))
	same("the directory is gone", false)
	same("and stays so", true)
	if Look(LoadOptions{}, outside) == Look(LoadOptions{}, "-gone") {
		t.Error("a file is as one that is not there")
	}
}

func TestReadText(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"bom.yaml": "\xef\xbb\xbfa: ü", "wide.yaml": "\xff\xfea\x00:\x00 \x00\xfc\x00", "plain.yaml": "a: ü"} {
		write(t, dir, name, data)
		if text, err := ReadText(filepath.Join(dir, name), 100); err != nil || string(text) != "a: ü" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	write(t, dir, "junk.yaml", "\xff")
	for name, limit := range map[string]int64{"junk.yaml": 100, "plain.yaml": 3, "gone.yaml": 100, ".": 100} {
		if text, err := ReadText(filepath.Join(dir, name), limit); err == nil {
			t.Errorf("%s is read: %q", name, text)
		}
	}
}

// What is skipped is as if it were not there: neither read, nor listed, nor a problem.
func TestLoadSkips(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	write(t, top, "m/a.yaml", services("one"))
	write(t, top, "m/b.yaml", "a: [")
	write(t, top, "m/old/c.yaml", "a: [")
	must(t, os.Symlink("/", filepath.Join(top, "m/away")))
	must(t, os.Symlink("nowhere.yaml", filepath.Join(top, "m/gone.yaml")))
	var asked []string
	skipped := map[string]bool{"m/b.yaml": true, "m/old": true, "m/away": true, "m/gone.yaml": true, "m/old/c.yaml": true}
	o := LoadOptions{Skip: func(shown string) bool {
		asked = append(asked, shown)
		return skipped[shown]
	}}
	result, err := Load(o, "m", "m/b.yaml")
	if err != nil || len(result.Objects) != 1 || len(result.Problems) != 0 {
		t.Errorf("%v %+v", err, result)
	}
	if slices.Contains(asked, "m/old/c.yaml") {
		t.Error("a directory that is skipped is listed")
	}
	before := Look(o, "m")
	write(t, top, "m/old/c.yaml", "a: [b")
	if Look(o, "m") != before {
		t.Error("what is skipped is looked at")
	}
	if result, err = Load(LoadOptions{}, "m"); err != nil || len(result.Problems) != 4 {
		t.Errorf("without: %v %+v", err, result)
	}
}
