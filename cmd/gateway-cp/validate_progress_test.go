package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// buffer is a terminal of which somebody looks at what is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// What takes long is told, and nothing of it is left in the line; what does not is not.
func TestProgressIsTakenAway(t *testing.T) {
	long, short := &buffer{}, &buffer{}
	quick := &progress{quit: make(chan struct{})}
	quick.show(short)
	quick.say("comparing")
	quick.stop()
	if short.String() != "" {
		t.Errorf("at once: %q", short)
	}
	p := &progress{quit: make(chan struct{})}
	p.show(long)
	p.say("comparing %d objects", 3)
	for deadline := time.Now().Add(10 * time.Second); long.String() == ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is told")
		}
	}
	p.stop()
	p.stop()
	if text := long.String(); !strings.Contains(text, "comparing 3 objects …") || !strings.HasSuffix(text, clearLine) {
		t.Errorf("%q", text)
	}
}
