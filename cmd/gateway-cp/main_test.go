package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gateway-cp": main, "kubectl-gateway_cp": main, "get": get})
}

// get prints what a server on a Unix socket answers, and fails when that is not a 200:
// get SOCKET PATH.
func get() {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", os.Args[1])
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 5 * time.Second}
	resp, err := client.Get("http://socket" + os.Args[2])
	if err == nil {
		_, err = io.Copy(os.Stdout, resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = errors.New(resp.Status)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestScripts runs the commands as people do. Every script begins with what it is about.
func TestScripts(t *testing.T) {
	// Where a fetched Envoy is; scripts have a HOME of their own.
	cache := os.Getenv("XDG_CACHE_HOME")
	if home, err := os.UserHomeDir(); cache == "" && err == nil {
		cache = filepath.Join(home, ".cache")
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TMPDIR", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", cache)
			env.Setenv("ENVOY", os.Getenv("ENVOY"))
			env.Setenv("EXAMPLES", examples)
			// The race detector has every process wait for a second when it ends.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			for _, name := range []string{"XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
				env.Setenv(name, "")
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"retry":   retry,
			"newline": newline,
		},
	})
}

// exits runs a command that must exit with a code: exits 2 gateway-cp serve.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := run1(ts, args[1:]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// retry runs a command until it succeeds, or, with !, fails; for 30 seconds at most.
func retry(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if ok := run1(ts, args) == exitOK; ok != neg {
			return
		}
	}
	ts.Fatalf("not within 30 s: %s", strings.Join(args, " "))
}

// run1 runs a command and gives its exit code.
func run1(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Fatalf("%v", err)
	return -1
}

// newline makes a manifest whose name has a line end in it, which a script cannot write.
func newline(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(os.Mkdir(ts.MkAbs("newline"), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs("newline/a\nb.yaml"), []byte(ts.ReadFile("bad.yaml")), 0o644))
}
