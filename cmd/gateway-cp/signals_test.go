package main

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"testing"
	"time"
)

func TestSecondSignalStopsAtOnce(t *testing.T) {
	now := make(chan struct{})
	ctx, stop := stopOnSignal(t.Context(), slog.New(slog.DiscardHandler), func() { close(now) })
	defer stop()
	interrupt := func(then <-chan struct{}) {
		t.Helper()
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		select {
		case <-then:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing happens")
		}
	}
	interrupt(ctx.Done())
	select {
	case <-now:
		t.Fatal("the first signal stops at once")
	default:
	}
	interrupt(now)
}

// A draining Envoy still gets what changes, so the control plane ends last; and when the
// control plane fails, Envoy is not left behind.
func TestEnvoyEndsBeforeTheControlPlane(t *testing.T) {
	untilSignal, signal := context.WithCancel(t.Context())
	var ended []string
	err := together(t.Context(), untilSignal, func(ctx context.Context) error {
		signal()
		<-ctx.Done()
		ended = append(ended, "control plane")
		return nil
	}, func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond)
		ended = append(ended, "envoy")
		return nil
	})
	if err != nil || len(ended) != 2 || ended[0] != "envoy" {
		t.Errorf("ended in the order %v, %v", ended, err)
	}
	broken := errors.New("broken")
	err = together(t.Context(), t.Context(),
		func(context.Context) error { return broken },
		func(ctx context.Context) error { <-ctx.Done(); return nil })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
