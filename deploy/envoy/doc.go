// Package envoy builds the bootstrap: what an Envoy must know before it can ask the
// control plane for anything, and what cannot be changed afterwards.
//
// Options come in, a typed Bootstrap message goes out, and YAML or JSON of it, the same
// bytes for the same options. It knows nothing of objects, resources or processes.
//
// The limits follow "Configuring Envoy as an edge proxy":
// https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge. Those that
// belong to listeners, connections and clusters are the translator's.
package envoy
