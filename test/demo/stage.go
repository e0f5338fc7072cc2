package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// stage is a harness.T for a program: it prints, ends by unwinding, and cleans up.
type stage struct {
	ctx     context.Context
	began   time.Time
	failed  atomic.Bool
	stopped bool // by Ctrl-C

	mu      sync.Mutex
	cleanup []func()
	out     sync.Mutex
	line    bool // the cursor is in a line that will be written again
}

// over is what Fatalf unwinds with.
type over struct{}

func newStage(ctx context.Context) *stage { return &stage{ctx: ctx, began: time.Now()} }

func (s *stage) Helper()                  {}
func (s *stage) Name() string             { return "demo" }
func (s *stage) Failed() bool             { return s.failed.Load() }
func (s *stage) Context() context.Context { return s.ctx }

func (s *stage) Logf(format string, args ...any) { s.print(os.Stderr, format, args...) }

func (s *stage) Errorf(format string, args ...any) {
	s.failed.Store(true)
	s.print(os.Stderr, "FAILED: "+format, args...)
}

func (s *stage) Fatalf(format string, args ...any) {
	if s.ctx.Err() != nil {
		s.interrupted()
	}
	s.Errorf(format, args...)
	panic(over{})
}

// interrupted ends the program without the logs of a failure.
func (s *stage) interrupted() {
	s.stopped = true
	s.print(os.Stderr, "interrupted; cleaning up")
	panic(over{})
}

func (s *stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanup = append(s.cleanup, f)
}

// cleanUp ends everything that was started, the newest first.
func (s *stage) cleanUp() {
	for {
		s.mu.Lock()
		n := len(s.cleanup)
		if n == 0 {
			s.mu.Unlock()
			return
		}
		f := s.cleanup[n-1]
		s.cleanup = s.cleanup[:n-1]
		s.mu.Unlock()
		f()
	}
}

// catch ends the unwinding of Fatalf.
func (s *stage) catch() {
	switch r := recover(); r {
	case nil, over{}:
	default:
		s.cleanUp()
		panic(r)
	}
}

// say tells what happens, with the time since the start.
func (s *stage) say(format string, args ...any) {
	s.print(os.Stdout, "%5.1fs  "+format, append([]any{time.Since(s.began).Seconds()}, args...)...)
}

func (s *stage) print(to *os.File, format string, args ...any) {
	s.out.Lock()
	defer s.out.Unlock()
	if s.line {
		fmt.Print("\r\033[K")
		s.line = false
	}
	fmt.Fprintf(to, format+"\n", args...)
}

// progress writes a line that the next one replaces; only on a terminal.
func (s *stage) progress(format string, args ...any) {
	if info, err := os.Stdout.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return
	}
	s.out.Lock()
	defer s.out.Unlock()
	fmt.Printf("\r\033[K        "+format, args...)
	s.line = true
}
