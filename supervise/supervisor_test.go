package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/envoybin"
	"github.com/gateway-cp/gateway-cp/state"
)

// helperDir makes the test binary be a supervisor that can be killed.
const helperDir = "SUPERVISE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		if err := helper(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func helper(dir string) error {
	bootstrap, err := os.ReadFile(filepath.Join(dir, "wanted.yaml"))
	if err != nil {
		return err
	}
	store, err := state.Open(dir, 5*time.Second)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return New(config(dir, os.Getenv(envoybin.Env), bootstrap, store, log)).Run(context.Background())
}

func config(dir, binary string, bootstrap []byte, store *state.Store, log *slog.Logger) Config {
	return Config{
		Envoy: binary, Bootstrap: bootstrap, Dir: dir, AdminAddress: "unix://" + filepath.Join(dir, "admin.sock"),
		LogLevel: "info", DrainTimeout: 10 * time.Second, Concurrency: 1, Store: store, Log: log,
	}
}

// site is a directory, a backend and an Envoy in front of it.
type site struct {
	t         *testing.T
	dir       string
	binary    string
	bootstrap []byte
	store     *state.Store
	log       *recordingHandler
	began     chan struct{} // a slow request has reached the backend
}

// bootstrapFormat takes the admin socket, a comment and the backend's port.
const bootstrapFormat = `
admin: {address: {pipe: {path: %q}}}
# %s
static_resources:
  listeners:
  - name: web
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: backend, timeout: 0s}}]}
  clusters:
  - name: backend
    load_assignment:
      cluster_name: backend
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}}]}]
`

func newSite(t *testing.T) *site {
	t.Helper()
	binary, err := envoybin.Find(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), binary: binary, log: &recordingHandler{}, began: make(chan struct{}, 10)}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d, err := time.ParseDuration(r.URL.Query().Get("sleep")); err == nil {
			s.began <- struct{}{}
			select {
			case <-time.After(d):
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(backend.Close)
	s.bootstrap = fmt.Appendf(nil, bootstrapFormat, filepath.Join(s.dir, "admin.sock"), "first",
		backend.Listener.Addr().(*net.TCPAddr).Port)
	if s.store, err = state.Open(s.dir, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.store.Close()
		for _, id := range findByArgument(filepath.Join(s.dir, "envoy.yaml")) {
			_ = syscall.Kill(id.pid, syscall.SIGKILL)
		}
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	return s
}

// running starts a supervisor; stop ends it as a signal would, and gives Run's error.
func (s *site) running(change func(*Config)) (*Supervisor, func() error) {
	s.t.Helper()
	c := config(s.dir, s.binary, s.bootstrap, s.store, slog.New(s.log))
	if change != nil {
		change(&c)
	}
	supervisor := New(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- supervisor.Run(ctx) }()
	stop := sync.OnceValue(func() error { cancel(); return <-done })
	s.t.Cleanup(func() { _ = stop() })
	return supervisor, stop
}

// runToTheEnd runs a supervisor that ends by itself.
func (s *site) runToTheEnd() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return New(config(s.dir, s.binary, s.bootstrap, s.store, slog.New(s.log))).Run(ctx)
}

// record is what is written down about the Envoy.
func (s *site) record() record {
	s.t.Helper()
	var r record
	if _, err := s.store.Get(state.Runtime, recordKey, &r); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// get asks through Envoy; the error is nil only for the backend's answer.
func (s *site) get(query string) error {
	admin := newAdminClient("unix://" + filepath.Join(s.dir, "admin.sock"))
	body, err := admin.do(context.Background(), http.MethodGet, "/listeners?format=json")
	if err != nil {
		return err
	}
	var listeners struct {
		Statuses []struct {
			Address struct {
				Socket struct {
					Port int `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &listeners); err != nil || len(listeners.Statuses) != 1 {
		return fmt.Errorf("listeners: %s: %w", body, err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/%s", listeners.Statuses[0].Address.Socket.Port, query))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && string(text) != "hello" {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return err
}

// processes are the Envoys of this site.
func (s *site) processes() int { return len(findByArgument(filepath.Join(s.dir, "envoy.yaml"))) }

func (s *site) eventually(what string, test func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if test() {
			return
		}
	}
	s.t.Fatalf("not within 30 s: %s", what)
}

func TestDiedEnvoyIsStartedAgain(t *testing.T) {
	s := newSite(t)
	supervisor, stop := s.running(nil)
	s.eventually("ready", supervisor.Ready)
	first := s.record()
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.eventually("another Envoy", func() bool { r := s.record(); return r.PID != 0 && r.PID != first.PID })
	s.eventually("ready again", supervisor.Ready)
	if err := s.get(""); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := s.processes(); n != 0 {
		t.Errorf("%d Envoys are left", n)
	}
	if want := "INFO starting main dispatch loop logger=main"; !strings.Contains(s.log.String(), want) {
		t.Errorf("Envoy's log is not passed on as %q", want)
	}
}

// What clients have begun is finished before Envoy stops; who stays idle is not waited for.
func TestDrainFinishesRequests(t *testing.T) {
	s := newSite(t)
	supervisor, stop := s.running(nil)
	s.eventually("ready", supervisor.Ready)
	answer := make(chan error, 1)
	go func() { answer <- s.get("?sleep=2s") }()
	<-s.began
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("a request in flight failed: %v", err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the drain took %s for a request of 2 s", took)
	}
	if n := s.processes(); n != 0 {
		t.Errorf("%d Envoys are left", n)
	}
}

func TestDrainIsBounded(t *testing.T) {
	s := newSite(t)
	supervisor, stop := s.running(func(c *Config) { c.DrainTimeout = time.Second })
	s.eventually("ready", supervisor.Ready)
	answer := make(chan error, 1)
	go func() { answer <- s.get("?sleep=60s") }()
	<-s.began
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < time.Second || took > 5*time.Second {
		t.Errorf("the drain took %s, its bound is 1 s", took)
	}
	if err := <-answer; err == nil {
		t.Error("the request that takes too long was answered")
	}
}

func TestKillEndsEnvoyAtOnce(t *testing.T) {
	s := newSite(t)
	supervisor, stop := s.running(nil)
	s.eventually("ready", supervisor.Ready)
	supervisor.Kill()
	s.eventually("no Envoy", func() bool { return s.processes() == 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A supervisor that is killed leaves a serving Envoy, which the next one takes over.
func TestEnvoyOutlivesItsSupervisorAndIsAdopted(t *testing.T) {
	s := newSite(t)
	s.killedSupervisor()
	first := s.record()
	if err := s.get(""); err != nil {
		t.Fatalf("Envoy does not serve without a supervisor: %v", err)
	}
	supervisor, stop := s.running(nil)
	s.eventually("ready", supervisor.Ready)
	if now := s.record(); now != first || s.processes() != 1 {
		t.Errorf("the Envoy was not adopted: %+v before, %+v now, %d processes", first, now, s.processes())
	}
	// It is watched like one of our own.
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.eventually("another Envoy", func() bool { r := s.record(); return r.PID != 0 && r.PID != first.PID })
	s.eventually("ready again", supervisor.Ready)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := s.processes(); n != 0 {
		t.Errorf("%d Envoys are left", n)
	}
}

// Neither a changed bootstrap nor a supervisor that was killed before it wrote down what it
// started may lead to two Envoys.
func TestSurvivorThatDoesNotFitIsReplaced(t *testing.T) {
	for name, change := range map[string]func(*site){
		"changed bootstrap": func(s *site) { s.bootstrap = append(s.bootstrap, "# second\n"...) },
		"no record": func(s *site) {
			if err := s.store.Delete(state.Runtime, recordKey); err != nil {
				s.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.killedSupervisor()
			first := s.record()
			change(s)
			supervisor, stop := s.running(nil)
			s.eventually("ready", supervisor.Ready)
			if now := s.record(); now.PID == first.PID || s.processes() != 1 {
				t.Errorf("the Envoy was not replaced: %+v before, %+v now, %d processes", first, now, s.processes())
			}
			if err := s.get(""); err != nil {
				t.Error(err)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// killedSupervisor runs a supervisor in a process of its own and kills it once Envoy serves.
func (s *site) killedSupervisor() {
	s.t.Helper()
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "wanted.yaml"), s.bootstrap, 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+s.dir, envoybin.Env+"="+s.binary)
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("Envoy serves", func() bool { return s.get("") == nil })
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	var err error
	if s.store, err = state.Open(s.dir, 5*time.Second); err != nil {
		s.t.Fatalf("%v\n%s", err, out.String())
	}
}

// Whoever starts an Envoy that cannot start is told why, soon.
func TestBrokenBootstrapIsAnError(t *testing.T) {
	s := newSite(t)
	s.bootstrap = []byte("static_resources: {listeners: [{nonsense: 1}]}\n")
	if err := s.runToTheEnd(); !errors.Is(err, ErrNeverUp) || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v, want %v and Envoy's complaint", err, ErrNeverUp)
	}
	if !strings.Contains(s.log.String(), "nonsense") {
		t.Error("Envoy's complaint is not logged")
	}
}

func TestMissingBinaryIsAnError(t *testing.T) {
	s := newSite(t)
	s.binary = filepath.Join(s.dir, "nothing")
	if err := s.runToTheEnd(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the binary does not exist", err)
	}
}

// recordingHandler keeps what is logged.
type recordingHandler struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *recordingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h *recordingHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *recordingHandler) WithGroup(string) slog.Handler            { return h }
func (h *recordingHandler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(&h.text, "%s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&h.text, " %s", a); return true })
	h.text.WriteByte('\n')
	return nil
}

func (h *recordingHandler) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}
