package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health is what machines ask for over HTTP.
type Health struct {
	// Ready gives the reasons why the process is not ready yet; none means ready. It is
	// called from any goroutine.
	Ready func() (reasons []string)
	// Metrics is what /metrics shows.
	Metrics prometheus.Gatherer
}

// Serve answers /healthz (the process lives), /readyz (200, or 503 with the reasons) and
// /metrics (Prometheus) until ctx ends.
func (h Health) Serve(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, h.handler())
}

func (h Health) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reasons := h.Ready(); len(reasons) > 0 {
			http.Error(w, strings.Join(reasons, "\n"), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.Metrics, promhttp.HandlerOpts{}))
	return mux
}
