package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gateway-cp/gateway-cp/api"
)

type view struct {
	status Status
	mu     sync.Mutex
	held   bool
}

func (v *view) Status() Status { return v.status }

func (v *view) Config(id string) []EnvoyConfig {
	if id != "gw/1" {
		return nil
	}
	return []EnvoyConfig{{ID: id, Fleet: "default", Resources: []Resource{{Type: "cluster", Name: "a", Content: []byte(`{"name":"a"}`)}}}}
}

func (v *view) ConfigFor(fleet, zone, node string) EnvoyConfig {
	return EnvoyConfig{Fleet: fleet, Zone: zone, Node: node, Resources: []Resource{}}
}

func (v *view) Confirm() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.held {
		return ErrNothingHeld
	}
	v.held = false
	return nil
}

// start serves a view until the test ends.
func start(t *testing.T, v View) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "deep", "admin.sock")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	background(t, func(ctx context.Context) error { return Serve(ctx, l, v) })
	return socket
}

func background(t *testing.T, serve func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestStatusArrivesWhole(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := Status{
		Version: "v1", Started: since, Revision: "abc",
		Held: &Held{Missing: 19, Message: "19 of 20 objects are gone"},
		Problems: []api.Problem{{
			Object: api.Key{Kind: api.KindService, Namespace: "shop", Name: "web"}, Path: "spec.ports[0]",
			Reason: api.ReasonInvalidField, Severity: api.Error, Message: "m", Hint: "h",
			Position: api.Position{File: "web.yaml", Line: 3, Column: 5},
		}},
		Envoys: []EnvoyStatus{{
			ID: "gw-1", Fleet: "default", Zone: "z", Node: "n", Version: "1.40.0", Protocol: "delta", Connected: true,
			Since: since, InSync: true, Revision: "abc", Applied: 7, Current: 7, Resources: 12,
			Types:   []TypeStatus{{Type: "cluster", Sent: 3, Acked: 2, Pending: 1, Refused: 1}},
			Refused: []Refusal{{Type: "listener", Name: "a", Part: "b", Message: "no", Since: since, Objects: []string{"Gateway shop/web"}}},
			Waiting: []Waiting{{Type: "cluster", Name: "shop/web/80", Why: "it is not warm", For: []string{"scope web"}, Count: 1}},
			Pending: []Pending{{Type: "cluster", Name: "shop/web/80", Sent: since}},

			LastChange: &Change{Number: 7, At: since, TookSeconds: 0.25}, BehindSince: since, SharesID: true, Address: "127.0.0.1:1",
			Certificate: &Certificate{Name: "gw-1.default", Expires: since},
		}},
	}
	got, err := NewClient(start(t, &view{status: want})).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestWhatAnEnvoyShallHave(t *testing.T) {
	c := NewClient(start(t, &view{}))
	got, err := c.Config(t.Context(), "gw/1")
	if err != nil || len(got) != 1 || string(got[0].Resources[0].Content) != `{"name":"a"}` {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Config(t.Context(), "nobody"); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	stranger, err := c.ConfigFor(t.Context(), "edge", "z 1", "n&1")
	if err != nil || stranger.Fleet != "edge" || stranger.Zone != "z 1" || stranger.Node != "n&1" {
		t.Errorf("%+v, %v", stranger, err)
	}
}

// The API as machines see it: the paths, and what they say when there is nothing.
func TestPathsOfEnvoys(t *testing.T) {
	socket := start(t, &view{status: Status{Envoys: []EnvoyStatus{{ID: "gw-1"}, {ID: "gw-1"}, {ID: "gw-2"}}}})
	for path, want := range map[string]string{
		"/v1/envoys":               `200 [{"id":"gw-1",`,
		"/v1/envoys/gw-2":          `200 [{"id":"gw-2",`,
		"/v1/envoys/gw-3":          `404 {"error":"no Envoy gw-3 is connected, or was a short while ago"}`,
		"/v1/nonsense":             `404 {"error":"there is no GET /v1/nonsense: docs/admin-api.md lists what there is"}`,
		"/v1/envoys/gw-3/config":   `404 {"error":"no Envoy gw-3 is connected, or was a short while ago"}`,
		"/v1/envoys/gw%2F1/config": `200 [{"id":"gw/1",`,
		"/v1/config?fleet=edge":    `200 {"fleet":"edge",`,
	} {
		if got := page(t, socket, path); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := page(t, socket, "/v1/envoys/gw-1"); strings.Count(got, `"gw-1"`) != 2 {
		t.Errorf("both Envoys of one id: %s", got)
	}
}

// page gives status and body of what a socket answers.
func page(t *testing.T, socket, path string) string {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	resp, err := client.Get("http://socket" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

func TestConfirmOnlyWhatIsHeld(t *testing.T) {
	c := NewClient(start(t, &view{held: true}))
	if err := c.Confirm(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Confirm(t.Context()); !errors.Is(err, ErrNothingHeld) {
		t.Errorf("got %v, want %v", err, ErrNothingHeld)
	}
}

func TestNobodyAnswers(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	_, err := NewClient(socket).Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no gateway-cp answers on "+socket) {
		t.Errorf("got %v", err)
	}
}

// The socket is the authorisation: nobody else may use it.
func TestSocketIsPrivate(t *testing.T) {
	socket := start(t, &view{})
	for path, want := range map[string]os.FileMode{socket: 0o600, filepath.Dir(socket): 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

func TestLiveSocketIsNotTaken(t *testing.T) {
	socket := start(t, &view{})
	if _, err := Listen(socket); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want %v", err, ErrInUse)
	}
	if _, err := NewClient(socket).Status(t.Context()); err != nil {
		t.Errorf("the live server is gone: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as when the process is killed
	_ = l.Close()
	again, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// Nothing but a socket is ever removed.
func TestFileInThePlaceOfTheSocketStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "precious" {
		t.Errorf("the file changed: %q, %v", data, err)
	}
}

// Of many that start at once, one gets the socket.
func TestOneOfManyListens(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	results := make(chan net.Listener, 8)
	for range cap(results) {
		go func() {
			l, err := Listen(socket)
			if err != nil && !errors.Is(err, ErrInUse) {
				t.Error(err)
			}
			results <- l
		}()
	}
	got := 0
	for range cap(results) {
		if l := <-results; l != nil {
			got++
			t.Cleanup(func() { _ = l.Close() })
		}
	}
	if got != 1 {
		t.Errorf("%d listen, want 1", got)
	}
}

func TestHealth(t *testing.T) {
	var mu sync.Mutex
	reasons := []string{"no Envoy configuration yet", "the source is not read"}
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "test_gauge"}, func() float64 { return 7 }))
	h := Health{Metrics: registry, Ready: func() []string { mu.Lock(); defer mu.Unlock(); return reasons }}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	background(t, func(ctx context.Context) error { return h.Serve(ctx, l) })
	check := func(path string, code int, text string) {
		t.Helper()
		resp, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != code || !strings.Contains(string(body), text) {
			t.Errorf("%s: got %s %q (%v), want %d with %q", path, resp.Status, body, err, code, text)
		}
	}
	check("/healthz", 200, "ok")
	check("/readyz", 503, "no Envoy configuration yet\nthe source is not read")
	check("/metrics", 200, "test_gauge 7")
	check("/nothing", 404, "")
	mu.Lock()
	reasons = nil
	mu.Unlock()
	check("/readyz", 200, "ok")
}
