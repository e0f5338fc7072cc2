package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// T is what a world needs of a *testing.T; programs that are no tests bring their own.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
	Context() context.Context
}

// Env is one world.
type Env struct {
	T
	// Dir holds everything of the world, Manifests (below it) what gateway-cp reads.
	Dir, Manifests string
	// IP is the loopback address that everything of the world listens on. On Linux no other
	// world has it, so that fixed ports are free.
	IP netip.Addr
	// RunArgs and ServeArgs are added to every gateway-cp run and serve.
	RunArgs, ServeArgs []string
	// DrainTime is how long Envoys of StartEnvoy finish requests of a listener that is gone, in
	// whole seconds; 0 means a minute.
	DrainTime time.Duration

	root *root
	mu   sync.Mutex
	host int // last byte of the newest backend's address
	port int // of the next FreePort, beyond firstPort
	logs []string
}

// New makes a world that ends with the test.
func New(t T) *Env {
	t.Helper()
	r, err := shared()
	if err != nil {
		t.Fatalf("%v", err)
	}
	e := &Env{T: t, root: r, IP: netip.AddrFrom4([4]byte{127, 0, 0, 1}), host: 1, port: rand.IntN(ports)}
	if e.Dir, err = os.MkdirTemp(r.dir, "w"); err != nil {
		t.Fatalf("%v", err)
	}
	e.Manifests = filepath.Join(e.Dir, "manifests")
	if err := os.Mkdir(e.Manifests, 0o700); err != nil {
		t.Fatalf("%v", err)
	}
	if runtime.GOOS == "linux" { // elsewhere only 127.0.0.1 is up
		e.IP = netip.AddrFrom4([4]byte{127, byte(64 + rand.IntN(128)), byte(rand.IntN(256)), 1})
	}
	t.Cleanup(e.close)
	return e
}

// close ends what is left in the world, shows the logs of a failed test, and removes the
// directory. What the world itself has started has been ended before, since cleanups run last
// in, first out; an Envoy that gateway-cp has started may be there.
func (e *Env) close() {
	for _, pid := range e.Processes(e.Dir) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if e.Failed() {
		e.showLogs()
	}
	if os.Getenv(KeepEnv) != "" {
		e.Logf("kept: %s", e.Dir)
	} else if err := os.RemoveAll(e.Dir); err != nil {
		e.Logf("%v", err)
	}
}

// shownLog is how much of the end of each log is shown.
const shownLog = 16 << 10

func (e *Env) showLogs() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, path := range e.logs {
		data, err := os.ReadFile(path)
		if err != nil {
			e.Logf("%v", err)
			continue
		}
		if n := len(data) - shownLog; n > 0 {
			data = append([]byte("…"), data[n:]...)
		}
		e.Logf("--- %s\n%s", filepath.Base(path), data)
	}
}

// Binary is the path of gateway-cp.
func (e *Env) Binary() string { return e.root.gatewayCP }

// EnvoyBinary is the path of Envoy.
func (e *Env) EnvoyBinary() string { return e.root.envoy }

// Ports of FreePort are below those that the kernel gives to whoever asks for any, and below node ports: nobody else
// takes one before it is listened on.
const (
	firstPort = 20000
	ports     = 10000
)

// FreePort gives a port of the world's address that nobody listens on, and never the same twice.
func (e *Env) FreePort() int {
	e.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for range ports {
		port := firstPort + e.port%ports
		e.port++
		if l, err := net.Listen("tcp", e.Address(port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	e.Fatalf("no free port on %s", e.IP)
	return 0
}

// Address gives ip:port on the world's address.
func (e *Env) Address(port int) string { return net.JoinHostPort(e.IP.String(), strconv.Itoa(port)) }

// Write puts a manifest into the directory in one step, as editors do.
func (e *Env) Write(name, content string) {
	e.Helper()
	path := filepath.Join(e.Manifests, name)
	temporary, err := os.CreateTemp(e.Dir, "write-")
	if err != nil {
		e.Fatalf("%v", err)
	}
	_, err = temporary.WriteString(content)
	err = errors.Join(err, temporary.Close(), os.MkdirAll(filepath.Dir(path), 0o700))
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		e.Fatalf("write manifest %s: %v", name, err)
	}
}

// Remove takes a manifest away.
func (e *Env) Remove(name string) {
	e.Helper()
	if err := os.Remove(filepath.Join(e.Manifests, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Errorf("%v", err)
	}
}

// Await waits until check returns nil, for at most the given time; else the test fails with
// what the last check said.
func (e *Env) Await(what string, bound time.Duration, check func() error) {
	e.Helper()
	if err := e.Within(bound, check); err != nil {
		e.Fatalf("waited %s for: %s: %v", bound, what, err)
	}
}

// Within waits until check returns nil, for at most the given time, and gives its last error.
func (e *Env) Within(bound time.Duration, check func() error) error {
	const pause = 10 * time.Millisecond
	deadline := time.Now().Add(bound)
	for {
		err := check()
		if err == nil {
			return nil
		}
		if !time.Now().Before(deadline) {
			return err
		}
		if e.Pause(pause) != nil {
			return fmt.Errorf("interrupted: %w", err)
		}
	}
}

// Pause sleeps, unless the test ends meanwhile, which is an error.
func (e *Env) Pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-e.Context().Done():
		return e.Context().Err()
	}
}
