package xds

import "strings"

// Proxyless says whether this is not an Envoy but a program with gRPC's own xDS client, in any
// language. Envoy sets its user agent itself, so that none is ever taken for one.
//
// Such a client has a stream for every target that it dials, all under one node id, and asks for
// those clusters alone that the targets lead to, once it knows of them: it is not waited for before
// traffic is sent to a cluster, and says nothing of the health of endpoints.
func (n Node) Proxyless() bool { return strings.HasPrefix(n.Version, "gRPC ") }
