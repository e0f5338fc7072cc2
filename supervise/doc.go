// Package supervise runs one Envoy and keeps it running.
//
// A binary, a bootstrap and a directory come in; out come a running Envoy, its log lines,
// and whether it is ready. An Envoy that dies is started again, with a growing pause. When
// its supervisor is killed, Envoy goes on serving, and the next supervisor of the same
// directory adopts it. When Run's context ends, Envoy is drained: it fails its health
// checks, lets clients finish for a bounded time, and is then stopped.
//
// It knows nothing of xDS or of what the bootstrap says.
package supervise
