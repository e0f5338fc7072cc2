package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// stopOnSignal gives a context that ends with the first SIGTERM or SIGINT. The second one
// calls now, which should not return.
func stopOnSignal(ctx context.Context, log *slog.Logger, now func()) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		defer signal.Stop(signals)
		select {
		case s := <-signals:
			log.Info("stopping; a second signal stops at once", "signal", s.String())
			cancel()
		case <-ctx.Done():
			return
		}
		<-signals
		log.Warn("stopping at once")
		now()
	}()
	return ctx, cancel
}
