package xds

import (
	"fmt"
	"strings"
	"unicode"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	"google.golang.org/grpc/codes"
)

// maxIDBytes bounds node.id and node.cluster.
const maxIDBytes = 253

// nodeIn gives who a message says it is from, nil if it does not say.
func nodeIn(m any) *corev3.Node {
	switch m := m.(type) {
	case interface{ GetNode() *corev3.Node }: // discovery and load reports
		return m.GetNode()
	case *metricsv3.StreamMetricsMessage:
		return m.GetIdentifier().GetNode()
	}
	return nil
}

// checkNode refuses a node that is missing or cannot be one.
func checkNode(n *corev3.Node) error {
	for _, f := range []struct{ field, value, hint string }{
		{"node.id", n.GetId(), "give the client a unique name: Envoy's --service-node, or gateway-cp bootstrap --node-id"},
		{"node.cluster", n.GetCluster(), "it names the Fleet that the client belongs to, such as default: Envoy's --service-cluster, or gateway-cp bootstrap --fleet"},
	} {
		switch {
		case f.value == "":
			return &refusalStatus{ForMissingIdentity, codes.InvalidArgument,
				"the first message of a stream carries no " + f.field + "; " + f.hint}
		case len(f.value) > maxIDBytes:
			return &refusalStatus{ForInvalidIdentity, codes.InvalidArgument,
				fmt.Sprintf("%s has %d bytes, more than %d", f.field, len(f.value), maxIDBytes)}
		case strings.ContainsFunc(f.value, func(r rune) bool { return !unicode.IsPrint(r) }):
			return &refusalStatus{ForInvalidIdentity, codes.InvalidArgument,
				fmt.Sprintf("%s %q has characters that cannot be printed", f.field, f.value)}
		}
	}
	return nil
}

// checkClaim refuses a node whose certificate says that it is another.
func (r IdentityRule) checkClaim(n Node, c certified) error {
	switch {
	case !c.tls:
		// Without TLS the door is guarded otherwise: by the mode of a socket, or not at all
		// by an explicit word.
		return nil
	case !c.shown && r.strict:
		return &refusalStatus{ForNoCertificate, codes.Unauthenticated, "a client certificate is needed to know who the client is"}
	case len(c.is) == 0 && r.strict:
		return &refusalStatus{ForNoCertifiedName, codes.PermissionDenied, fmt.Sprintf(
			"the client's certificate carries no fleet and node: it has %s, and one must be like %s (--xds-identity)",
			listed(c.names, "no names"), r)}
	case len(c.is) == 0:
		return nil
	}
	var may []string
	for _, id := range c.is {
		if id.allows(n) {
			return nil
		}
		may = append(may, id.name)
	}
	return &refusalStatus{ForOtherIdentity, codes.PermissionDenied, fmt.Sprintf(
		"the client says that it is node %q of fleet %q, but its certificate is for %s", n.ID, n.Fleet, strings.Join(may, ", "))}
}

func listed(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

func unknownFleet(fleet string) error {
	return &refusalStatus{ForUnknownFleet, codes.NotFound, fmt.Sprintf(
		"there is no Fleet %q (node.cluster); the client keeps what it has, and is let in when there is one", fleet)}
}
