// Package traffic says which way requests take through an Envoy, without one.
//
// What was translated goes in (Snapshot). Build makes a Model of it for one Envoy: its
// listeners, filter chains, virtual hosts and routes in Envoy's order, clusters and endpoints,
// each with the object and field that it comes from. Model.Explain sends a Request through it
// and tells what Envoy would do at every step, and why. Both are data that can be printed or
// compared.
//
// Diff asks two translations where requests go, and tells what differs (diff*.go).
//
// It imitates Envoy as far as the translator uses it: see docs/explain.md for what that covers.
// A test sends thousands of requests through both. The package is pure: no clock, no files, no
// network. It does not know where objects stand in files, nor which Envoys there are.
package traffic
