// Package dns answers as the DNS of a cluster, for the Services of one fleet, to version 1.1 of
// Kubernetes' specification of it
// (https://github.com/kubernetes/dns/blob/master/docs/specification.md), and passes on what it is
// asked of other names.
//
// In: batches of object changes. Out: answers, over UDP and TCP.
//
// A Zone is owned by one goroutine, which applies the changes; a change makes the records of those
// Services anew that it touches, and puts an immutable snapshot in the place of the last one. A
// Server answers each query from one snapshot, without a lock.
//
// The order of reading: zone.go is the objects, records.go what they come to for one Service,
// snapshot.go finds a name, answer.go makes an answer; server.go and forward.go are the network.
//
// The package may not know Envoy: neither the translator nor xds nor rollouts. A Rollout moves
// traffic behind a name; it does not change what the name is answered with.
package dns
