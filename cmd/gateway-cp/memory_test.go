package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// What a burst leaves behind is given back, after the burst; and what is in use is not looked for
// in vain again and again.
func TestMemoryIsGivenBackAfterABurst(t *testing.T) {
	debug.FreeOSMemory() // what other tests have left does not count
	var ti tidiness
	ti.tidy()
	before, _ := heap()
	garbage := make([][]byte, 0, 200)
	for range cap(garbage) {
		garbage = append(garbage, make([]byte, 1<<20))
	}
	ti.tidy()
	if size, _ := heap(); size < before+150<<20 {
		t.Fatalf("the heap takes %d MiB while 200 are in use", size>>20)
	}
	runtime.KeepAlive(garbage)
	ti.tidy() // the burst is over
	if size, _ := heap(); size > before+50<<20 {
		t.Errorf("the heap takes %d MiB after a burst, and took %d before", size>>20, before>>20)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	collections := m.NumGC
	for range 5 {
		ti.tidy()
	}
	if runtime.ReadMemStats(&m); m.NumGC != collections {
		t.Errorf("%d collections with nothing to give back", m.NumGC-collections)
	}
}
