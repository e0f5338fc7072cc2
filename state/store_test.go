package state

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func keys(t *testing.T, s *Store, b Bucket) []string {
	t.Helper()
	var out []string
	if err := s.Each(b, func(k string, v []byte) error { out = append(out, k+"="+string(v)); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStorePersists(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	s := open(t, dir)
	if got := keys(t, s, Objects); got != nil {
		t.Errorf("a new store has %v", got)
	}
	if err := s.Write(Objects, map[string][]byte{"b": []byte("2"), "a": []byte("1"), "c": {}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(Runtime, "envoy", map[string]int{"pid": 7}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if got, want := keys(t, s, Objects), []string{"a=1", "b=2", "c="}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var envoy map[string]int
	if found, err := s.Get(Runtime, "envoy", &envoy); !found || err != nil || envoy["pid"] != 7 {
		t.Errorf("%v %v %v", found, err, envoy)
	}
	if info, err := os.Stat(filepath.Join(dir, "state.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: others may read it", info.Mode(), err)
	}
}

func TestStoreDeletes(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Write(Objects, map[string][]byte{"never": nil}); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(Objects, map[string][]byte{"a": []byte("1"), "b": []byte("2"), "c": []byte("3")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(Objects, map[string][]byte{"a": nil, "b": []byte("4"), "never": nil}); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(Objects, "c"); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, Objects); !slices.Equal(got, []string{"b=4"}) {
		t.Errorf("left: %v", got)
	}
	var v any
	for _, b := range []Bucket{Objects, Rollouts} {
		if found, err := s.Get(b, "a", &v); found || err != nil {
			t.Errorf("%s: %v %v", b, found, err)
		}
	}
}

func TestStoreWritesAllOrNothing(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Write(Objects, map[string][]byte{"a": []byte("1"), "": []byte("no key")}); err == nil {
		t.Fatal("an empty key was taken")
	}
	if got := keys(t, s, Objects); got != nil {
		t.Errorf("half of it was written: %v", got)
	}
	if err := s.Write(Objects, nil); err != nil {
		t.Error(err)
	}
	if err := s.Put(Objects, "a", func() {}); err == nil || !strings.Contains(err.Error(), `objects "a"`) {
		t.Errorf("%v should name bucket and key", err)
	}
}

func TestStoreEach(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Write(Objects, map[string][]byte{"a": []byte("1"), "b": []byte("2")}); err != nil {
		t.Fatal(err)
	}
	// f may write and keeps its values.
	var kept [][]byte
	err := s.Each(Objects, func(k string, v []byte) error {
		kept = append(kept, v)
		return s.Write(Objects, map[string][]byte{k: []byte("x"), k + k: []byte("y")})
	})
	if err != nil || len(kept) != 2 || string(kept[0]) != "1" || string(kept[1]) != "2" {
		t.Errorf("%v %q", err, kept)
	}
	stop := errors.New("enough")
	if err := s.Each(Objects, func(string, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	var number int
	if found, err := s.Get(Objects, "a", &number); !found || err == nil || !strings.Contains(err.Error(), `objects "a"`) {
		t.Errorf("%v %v should name bucket and key", found, err)
	}
}

func TestStoreIsLocked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	begin := time.Now()
	_, err := Open(dir, 50*time.Millisecond)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("%v", err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("waited %v", d)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestStoreDamaged(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"text":              func([]byte) []byte { return []byte("this is not a store") },
		"noise":             func(b []byte) []byte { return noise(b, 0) },
		"cut to a page":     func(b []byte) []byte { return b[:pageSize] },
		"cut to its head":   func(b []byte) []byte { return b[:3*pageSize] },
		"cut to a half":     func(b []byte) []byte { return b[:len(b)/2] },
		"noise in its body": func(b []byte) []byte { return noise(b, 2*pageSize) },
		"zeros in its body": func(b []byte) []byte { clear(b[2*pageSize:]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir, path, data := filled(t)
			if err := os.WriteFile(path, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir, time.Second)
			if err == nil {
				t.Cleanup(func() { _ = s.Close() })
				err = s.Each(Objects, func(string, []byte) error { return nil })
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move it away") {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("a damaged leaf is found when it is read", func(t *testing.T) {
		dir, path, data := filled(t)
		// The head and the list of free pages are fine: only what is read shows the damage.
		for at := 2 * pageSize; at+pageSize <= len(data); at += pageSize {
			if data[at+8]&0x02 != 0 { // a leaf
				noise(data[at:at+pageSize], 8)
			}
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		var v any
		if _, err := s.Get(Objects, "7", &v); !errors.Is(err, ErrDamaged) {
			t.Errorf("get: %v", err)
		}
		if err := s.Write(Objects, map[string][]byte{"7": []byte("x")}); !errors.Is(err, ErrDamaged) {
			t.Errorf("write: %v", err)
		}
	})
	t.Run("an empty file is a new store", func(t *testing.T) {
		dir, path, _ := filled(t)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := keys(t, open(t, dir), Objects); got != nil {
			t.Error(got)
		}
	})
	t.Run("what the system refuses is no damage", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "state.db"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, time.Second); err == nil || errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
		file := filepath.Join(dir, "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file, time.Second); err == nil || !strings.Contains(err.Error(), file) {
			t.Error(err)
		}
	})
}

// filled makes a store of many pages, closed.
func filled(t *testing.T) (dir, path string, data []byte) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	values := map[string][]byte{}
	for i := range 200 {
		values[strconv.Itoa(i)] = make([]byte, 500)
	}
	if err := s.Write(Objects, values); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "state.db")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir, path, data
}

func noise(b []byte, from int) []byte {
	for i := from; i < len(b); i++ {
		b[i] = byte(i*31 + 7)
	}
	return b
}

// TestStoreSurvivesKill: what a process wrote before kill -9 is there, each transaction whole.
func TestStoreSurvivesKill(t *testing.T) {
	if dir := os.Getenv("STATE_TEST_WRITER"); dir != "" {
		writeForever(dir)
	}
	dir := t.TempDir()
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestStoreSurvivesKill$")
		cmd.Env = append(os.Environ(), "STATE_TEST_WRITER="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, last := bufio.NewScanner(out), ""
		for n := 0; n < 20 && lines.Scan(); n++ {
			last = lines.Text()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it wrote before the kill took effect
			if text := lines.Text(); len(text) == len(last) {
				last = text
			}
		}
		_ = cmd.Wait()
		s := open(t, dir)
		got := keys(t, s, Runtime)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0][2:] != got[1][2:] || got[0][2:] < last || last == "" {
			t.Fatalf("told to be on disk: %q; found: %q", last, got)
		}
	}
}

// writeForever writes a growing number under two keys and prints what is on disk.
func writeForever(dir string) {
	s, err := Open(dir, 10*time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var n int
	_ = s.Each(Runtime, func(_ string, v []byte) error { n, err = strconv.Atoi(string(v)); return err })
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		n++
		v := fmt.Appendf(nil, "%08d", n)
		if err := s.Write(Runtime, map[string][]byte{"a": v, "b": v}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(string(v))
	}
	os.Exit(0)
}
