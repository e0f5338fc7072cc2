// Package harness runs the whole of gateway-cp for tests and the demo: the built binary, real
// Envoys, services behind them, and load in front.
//
// An Env is one world: a directory of manifests, a loopback address of its own, and everything
// that was started in it. Manifests go in as text; requests, counts and status come out. Every
// process dies with its Env, and, when the program that uses the package dies without
// cleaning up (a test that times out, a kill -9), with that program.
//
// The package knows gateway-cp only as its users do: by its commands, its manifests and its
// admin socket.
package harness
