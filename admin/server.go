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

const (
	statusPath  = "/v1/status"
	confirmPath = "/v1/source/confirm"
)

// Serve answers the CLI on a listener until ctx ends.
func Serve(ctx context.Context, l net.Listener, view View) error {
	mux := http.NewServeMux()
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
	return serve(ctx, l, mux)
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
