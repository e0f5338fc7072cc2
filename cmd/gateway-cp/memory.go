package main

import (
	"context"
	"os"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// gcPercent is how much garbage there may be for all that is in use, in percent; Go's own setting
// is 100. What is in use among 10,000 Services has few pointers: a change takes as much CPU with
// either, and half as much garbage stands around. Who sets GOGC decides.
const gcPercent = 50

func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// What a burst leaves behind (the first reading, a checkout, a hundred Envoys that connect) is
// several times what stays. Go keeps it for minutes; we look every now and then, and give it
// back when it is worth the work.
const (
	tidyEvery = 15 * time.Second
	tidyFrom  = 32 << 20 // bytes
)

// keepTidy gives memory back to the system until ctx ends.
func keepTidy(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if inUse, spare := heap(); spare > max(tidyFrom, inUse/3) {
				debug.FreeOSMemory()
			}
		}
	}
}

// heap gives the bytes that were in use when garbage was last collected, and those that the heap
// has beyond that.
func heap() (inUse, spare uint64) {
	samples := []runtimemetrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	runtimemetrics.Read(samples)
	inUse = samples[0].Value.Uint64()
	for _, s := range samples[1:] {
		spare += s.Value.Uint64()
	}
	return inUse, spare - min(spare, inUse)
}
