package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// Headers of every answer of a backend.
const (
	VersionHeader  = "X-Version"
	EndpointHeader = "X-Endpoint" // ip:port
)

// backendPort is the port of all backends where each can have an address of its own.
const backendPort = 8080

// Backend is one process of a service, as far as Envoy can tell: HTTP/1.1 and h2c, /healthz,
// and a version that it says in every answer. With ?delay=1s it takes its time. WebSockets are
// echoed, and gRPC's reflection answers on streams.
type Backend struct {
	Version string
	// Address is where it listens.
	Address netip.AddrPort
	// Requests counts those that were answered, without health checks.
	Requests atomic.Int64

	env     *Env
	server  *http.Server
	open    atomic.Int64 // connections
	failing atomic.Bool
	check   atomic.Int64 // nanoseconds that a check takes
	handler atomic.Pointer[http.HandlerFunc]
}

// Backend starts a backend on an address of its own. It ends with the test.
func (e *Env) Backend(version string) *Backend {
	e.Helper()
	l, err := e.listen()
	if err != nil {
		e.Fatalf("no address for a backend: %v", err)
	}
	return e.backend(version, l)
}

// BackendBeside starts a backend on another port of the same address.
func (e *Env) BackendBeside(version string, other *Backend) *Backend {
	e.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(other.Address.Addr().String(), "0"))
	if err != nil {
		e.Fatalf("no port for a backend: %v", err)
	}
	return e.backend(version, l)
}

func (e *Env) backend(version string, l net.Listener) *Backend {
	b := &Backend{Version: version, Address: l.Addr().(*net.TCPAddr).AddrPort(), env: e}
	b.server = &http.Server{Handler: http.HandlerFunc(b.serve), Protocols: new(http.Protocols)}
	b.server.ConnState = b.connState
	b.server.Protocols.SetHTTP1(true)
	b.server.Protocols.SetUnencryptedHTTP2(true)
	go func() {
		if err := b.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			e.Errorf("backend %s: %v", b.Address, err)
		}
	}()
	e.Cleanup(b.Close)
	return b
}

// Backends starts n of them.
func (e *Env) Backends(version string, n int) []*Backend {
	e.Helper()
	all := make([]*Backend, n)
	for i := range all {
		all[i] = e.Backend(version)
	}
	return all
}

// listen takes the next address of the world's /24, again from the start when all were used.
func (e *Env) listen() (net.Listener, error) {
	if runtime.GOOS != "linux" {
		return net.Listen("tcp", net.JoinHostPort(e.IP.String(), "0"))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var err error
	for range 253 {
		if e.host++; e.host > 254 {
			e.host = 2
		}
		ip := e.IP.As4()
		ip[3] = byte(e.host)
		var l net.Listener
		if l, err = net.Listen("tcp", netip.AddrPortFrom(netip.AddrFrom4(ip), backendPort).String()); err == nil {
			return l, nil
		}
	}
	return nil, err
}

func (b *Backend) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		time.Sleep(time.Duration(b.check.Load()))
		if b.failing.Load() {
			http.Error(w, "failing", http.StatusServiceUnavailable)
		}
		return
	}
	defer b.Requests.Add(1)
	if d, err := time.ParseDuration(r.URL.Query().Get("delay")); err == nil {
		time.Sleep(d)
	}
	w.Header().Set(VersionHeader, b.Version)
	w.Header().Set(EndpointHeader, b.Address.String())
	switch {
	case r.Header.Get("Sec-WebSocket-Key") != "":
		echo.ServeHTTP(w, r)
		return
	case strings.HasPrefix(r.URL.Path, "/grpc.reflection."):
		streams.ServeHTTP(w, r)
		return
	}
	if h := b.handler.Load(); h != nil {
		(*h)(w, r)
		return
	}
	_, _ = fmt.Fprintln(w, b.Version)
}

// Handle has the backend answer in another way, after the headers.
func (b *Backend) Handle(h http.HandlerFunc) { b.handler.Store(&h) }

// SetHealthy says what /healthz answers.
func (b *Backend) SetHealthy(healthy bool) { b.failing.Store(!healthy) }

// SlowCheck says how long /healthz takes to answer.
func (b *Backend) SlowCheck(d time.Duration) { b.check.Store(int64(d)) }

// connState counts open connections.
func (b *Backend) connState(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		b.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		b.open.Add(-1)
	}
}

// Retire stops a backend that Envoy has been told to forget, once the last of Envoy's threads
// has let go of it: Envoy closes the connections to a host that is gone as they become idle. A
// connection that is still there after the time fails the test.
func (b *Backend) Retire(bound time.Duration) {
	b.env.Helper()
	err := b.env.Within(bound, func() error {
		if n := b.open.Load(); n > 0 {
			return fmt.Errorf("%d connections to it are open", n)
		}
		return nil
	})
	if err != nil {
		b.env.Errorf("backend %s is not let go after %s: %v", b.Address, bound, err)
	}
	b.Shutdown(bound)
}

// Shutdown stops the backend as a good process does: nothing new, what runs is finished. What
// has not finished after the time fails the test.
func (b *Backend) Shutdown(bound time.Duration) {
	b.env.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.env.Context()), bound)
	defer cancel()
	if err := b.server.Shutdown(ctx); err != nil {
		b.env.Errorf("backend %s still has requests after %s: %v", b.Address, bound, err)
	}
}

// Close stops the backend at once, as a crash does.
func (b *Backend) Close() { _ = b.server.Close() }
