// Command shop is the service of this example: it says which version it is, on as many
// addresses as it is given. It stops with SIGTERM or Ctrl-C, after what it has begun.
//
//	go run ./examples/bluegreen/shop blue 127.0.0.1:9001 127.0.0.1:9002
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: shop VERSION ADDRESS:PORT…")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers on all addresses until ctx ends or one of them fails.
func serve(ctx context.Context, version string, addresses []string) error {
	ended := make(chan error, len(addresses))
	var servers []*http.Server
	for _, address := range addresses {
		server := &http.Server{Addr: address, Handler: handler(version, address), ReadHeaderTimeout: 5 * time.Second}
		servers = append(servers, server)
		go func() { ended <- server.ListenAndServe() }()
	}
	fmt.Printf("shop %s is open at %v\n", version, addresses)
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	patient, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(patient))
	}
	return err
}

func handler(version, address string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Version", version)
		_, _ = fmt.Fprintf(w, "%s from %s\n", version, address)
	})
	return mux
}
