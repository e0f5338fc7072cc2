package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ErrNothingHeld means that there is no source to confirm.
var ErrNothingHeld = errors.New("no source is held")

// The paths; docs/admin-api.md describes them.
const (
	statusPath  = "/v1/status"
	envoysPath  = "/v1/envoys"
	configPath  = "/v1/config"
	confirmPath = "/v1/source/confirm"
)

// Serve answers the CLI on a listener until ctx ends.
func Serve(ctx context.Context, l net.Listener, view View) error {
	mux := http.NewServeMux()
	serveEnvoys(mux, view)
	mux.HandleFunc("GET "+statusPath, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, view.Status())
	})
	mux.HandleFunc("POST "+confirmPath, func(w http.ResponseWriter, _ *http.Request) {
		switch err := view.Confirm(); {
		case errors.Is(err, ErrNothingHeld):
			writeJSON(w, http.StatusConflict, failure{err.Error()})
		case err != nil:
			writeJSON(w, http.StatusInternalServerError, failure{err.Error()})
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	handleExplain(mux, view)
	handleTranslation(mux, view)
	handleRollouts(mux, view)
	handleServices(mux, view)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, failure{"there is no " + r.Method + " " + r.URL.Path + ": docs/admin-api.md lists what there is"})
	})
	return serve(ctx, l, mux)
}

// serveEnvoys answers what concerns single Envoys.
func serveEnvoys(mux *http.ServeMux, view View) {
	mux.HandleFunc("GET "+envoysPath, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, view.Status().Envoys)
	})
	mux.HandleFunc("GET "+envoysPath+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r.PathValue("id"), view.Status().Named(r.PathValue("id")))
	})
	mux.HandleFunc("GET "+envoysPath+"/{id}/config", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r.PathValue("id"), view.Config(r.PathValue("id")))
	})
	mux.HandleFunc("GET "+configPath, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		writeJSON(w, http.StatusOK, view.ConfigFor(q.Get("fleet"), q.Get("zone"), q.Get("node")))
	})
}

// answer writes what is known of the Envoys of one id.
func answer[T any](w http.ResponseWriter, id string, found []T) {
	if len(found) == 0 {
		writeJSON(w, http.StatusNotFound, failure{"no Envoy " + id + " is connected, or was a short while ago"})
		return
	}
	writeJSON(w, http.StatusOK, found)
}

// failure is the body of an answer that is not a success.
type failure struct {
	Error string `json:"error"`
}

// serve runs an HTTP server until ctx ends, and lets running requests finish for a second.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		_ = server.Close()
	}
	<-done
	return nil
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // fails only when the client is gone
}
