// Package allocation gives Services the numbers that their manifests leave open, as the API server
// and the cloud do for a cluster: node ports, cluster IPs, and addresses of load balancers.
//
// In: Services, and the Fleets and Gateways that bound what may be given. Out: the same Services with
// the numbers filled in, and problems where a number that a manifest asks for cannot be had. What
// reads a Service behind this package need not know who has chosen a number.
//
// assign (assign.go) is pure: what is recorded and what is asked for go in, in any order, and numbers
// come out. A recorded number wins, and never moves while its Service lives. Manager holds the objects
// around it, Store the records.
//
// It may not know Envoy, the translation or where objects come from.
package allocation
