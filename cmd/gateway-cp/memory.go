package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// gcPercent is how much garbage there may be for all that is in use, in percent; Go's own setting
// is 100. What is in use among 10,000 Services has few pointers: a change takes as much CPU with
// either, and less garbage stands around. The first reading leaves what stays among garbage, in
// pages that are never whole again: 7 MiB less of them than with 50, for 13 % more CPU until it
// is ready. Who sets GOGC decides.
const gcPercent = 30

func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// What a burst leaves behind (the first reading, a checkout, a hundred Envoys that connect) is
// several times what stays. Go keeps it for minutes; we look every now and then, and give it
// back when the burst is over and that is worth the work, and so what starting has left.
const (
	tidyEvery = 10 * time.Second
	tidyFrom  = 16 << 20 // bytes that the heap has grown by since it was tidied last
	burst     = 64 << 20 // bytes that are allocated within tidyEvery while one goes on
)

// keepTidy gives memory back to the system until ctx ends.
func keepTidy(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	var t tidiness
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.tidy()
		}
	}
}

// tidiness is how the heap was when it was looked at last.
type tidiness struct {
	kept      uint64 // its size after it was tidied, in bytes; 0: the process has just started
	allocated uint64 // all bytes that were ever allocated on it
}

// tidy gives memory back, unless a burst goes on or there is little to give.
func (t *tidiness) tidy() {
	size, allocated := heap()
	quiet := allocated-t.allocated < burst
	t.allocated = allocated
	if started := t.kept == 0; quiet && (started || size > t.kept+tidyFrom) {
		runtime.GC() // pools let go of what they have at the second collection
		debug.FreeOSMemory()
		releaseMapped()
		t.kept, t.allocated = heap()
	}
	t.kept = min(t.kept, size)
}

// heap gives the bytes that the heap takes of the system, and those that have been allocated on
// it since the start.
func heap() (size, allocated uint64) {
	samples := []runtimemetrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	runtimemetrics.Read(samples)
	for _, s := range samples[1:] {
		size += s.Value.Uint64()
	}
	return size, samples[0].Value.Uint64()
}
