// Package admin is how people and machines look into a running gateway-cp.
//
// A Server answers the CLI over a Unix socket, authorised by the socket's file mode; a
// Client is the other end. Health answers /healthz, /readyz and /metrics over HTTP. What
// they show comes in through View and functions; JSON goes out. The package knows neither
// where the control plane gets its knowledge nor how it acts on a confirmation.
package admin
