package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// progress shows on a terminal what a command is at, once that takes longer than a second. Its
// methods may be called by several goroutines.
type progress struct {
	out  io.Writer // nil: nobody looks
	now  atomic.Pointer[string]
	quit chan struct{}
	once sync.Once
	done sync.WaitGroup
}

const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
	clearLine     = "\r\x1b[K"
)

// startProgress begins; stop must be called.
func startProgress(out io.Writer) *progress {
	p := &progress{quit: make(chan struct{})}
	if isTerminal(out) {
		p.show(out)
	}
	return p
}

func (p *progress) show(out io.Writer) {
	p.out = out
	p.done.Go(func() {
		wait := time.NewTimer(progressAfter)
		defer wait.Stop()
		shown := false
		for {
			select {
			case <-p.quit:
				if shown {
					fmt.Fprint(out, clearLine)
				}
				return
			case <-wait.C:
				if text := p.now.Load(); text != nil {
					fmt.Fprint(out, clearLine+*text+" …")
					shown = true
				}
				wait.Reset(progressEvery)
			}
		}
	})
}

// say notes what is going on.
func (p *progress) say(format string, args ...any) {
	if p.out == nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	p.now.Store(&text)
}

// stop takes the line away.
func (p *progress) stop() {
	p.once.Do(func() { close(p.quit) })
	p.done.Wait()
}
