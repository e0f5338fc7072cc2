// Command bench measures what one change of an EndpointSlice costs among 100, 1,000 and 10,000
// Services, from the change (as a batch in this process, or as a file that is written) to the
// bytes at a client of the incremental xDS protocol over real gRPC on loopback. It prints a
// table, with ratios against the linear and the snapshot cache of go-control-plane, which are
// measured in the same run with the same endpoint assignments and the same client.
//
// The caches get assignments that are made already; gateway-cp translates them from objects.
//
// What a change of the route of a Service costs is measured on a real Envoy, against the same
// virtual hosts in one RouteConfiguration: section routes.
//
// What must hold on any machine, however slow, is a test: one endpoint assignment is built, and
// the number of allocations does not depend on the number of Services. Times are only printed.
//
// docs/benchmarks.md says of every section what it measures, with the figures seen last.
package main
