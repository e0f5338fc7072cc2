package main

import "runtime"

// ballastSize is how much memory, in bytes, a command that runs once may leave uncollected beyond
// what Go's collector would: 224 MiB.
const ballastSize = 224 << 20

// withBallast runs a command that ends soon. The collector runs when the heap has doubled, which
// is dozens of times while a heap grows from nothing; memory that is reserved, and never touched,
// counts as heap without being there. Large heaps are collected as ever.
func withBallast(run func() error) error {
	ballast := make([]byte, ballastSize)
	defer runtime.KeepAlive(ballast)
	return run()
}
