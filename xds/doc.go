// Package xds serves resources to the fleet over the xDS protocols and knows, for every
// Envoy, what it was sent, has acknowledged and has refused.
//
// In: change sets of encoded resources (package resource), discovery requests, load reports
// and metrics from Envoys. Out: discovery responses; the state of the fleet; which clusters
// are warm and healthy on which Envoy.
//
// The order of reading: store.go holds the resources, once for all, and has sessions know what
// changes; session.go is one Envoy's state machine, without any I/O; held.go and clusters.go are
// what it knows of the Envoy, in a few bits for each resource (names.go: names are small
// numbers); ready.go, quarantine.go and retire.go are the rules it obeys:
//
//   - a part (virtual host, filter chain) is delivered when every cluster it names is warm on
//     that Envoy; until then the Envoy keeps the part's last good version, or is given its
//     fallback (ready.go);
//   - what an Envoy refuses is narrowed down to the part, and held back until it changes
//     (quarantine.go), or is accepted later (retries.go); what it has in place of it outlives
//     this process (lastgood.go);
//   - a cluster is taken away when nothing that the Envoy holds names it and its drain time
//     has passed (retire.go);
//   - endpoints that are replaced in a cluster with active health checks stay until the others
//     are healthy there (replaced.go).
//
// stream.go, delta.go and sotw.go carry a session over gRPC; server.go is the server.
//
// Programs other than gateway-cp may use it: see the example, and docs/xds-library.md.
//
// The package may not know objects beyond their keys, the translator, or rollouts.
package xds
