package envoy

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// replicaEndpoints are the replicas of the control plane, each of its own priority: all streams of
// an Envoy (discovery, load reports, metrics) go to the first that is there, since what they say
// belongs together. Which one is first depends on the node's id, so that Envoys spread, and those of
// one that is gone spread over the others (rendezvous hashing).
func replicaEndpoints(o Options) ([]*endpointv3.LocalityLbEndpoints, error) {
	addresses := strings.Split(o.XDSAddress, ",")
	slices.SortStableFunc(addresses, func(a, b string) int { return cmp.Compare(rank(b, o.NodeID), rank(a, o.NodeID)) })
	var all []*endpointv3.LocalityLbEndpoints
	for i, a := range addresses {
		addr, err := address(a)
		if err != nil {
			return nil, err
		}
		if pipe := addr.GetPipe(); pipe != nil {
			pipe.Mode = 0 // the mode is the listener's
		}
		all = append(all, &endpointv3.LocalityLbEndpoints{
			Priority: uint32(i),
			LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: addr}},
			}},
		})
	}
	return all, nil
}

// rank is how much a node prefers an address.
func rank(address, node string) uint64 { return xxhash.Sum64String(address + "\x00" + node) }

// replicaRest is how long a replica that could not be reached is left alone.
const replicaRest = 5 * time.Second

// leaveAtOnce has Envoy go to the next replica when a connection fails once, or is lost.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
func leaveAtOnce() *clusterv3.OutlierDetection {
	off, all := wrapperspb.UInt32(0), wrapperspb.UInt32(100)
	return &clusterv3.OutlierDetection{
		SplitExternalLocalOriginErrors:         true,
		ConsecutiveLocalOriginFailure:          wrapperspb.UInt32(1),
		EnforcingConsecutiveLocalOriginFailure: all,
		Consecutive_5Xx:                        wrapperspb.UInt32(5),
		EnforcingConsecutive_5Xx:               off,
		EnforcingConsecutiveGatewayFailure:     off,
		EnforcingSuccessRate:                   off,
		EnforcingLocalOriginSuccessRate:        off,
		MaxEjectionPercent:                     all,
		Interval:                               durationpb.New(time.Second),
		BaseEjectionTime:                       durationpb.New(replicaRest),
		MaxEjectionTime:                        durationpb.New(replicaRest),
	}
}

// hosts are those of the addresses, each once; Unix sockets have none.
func hosts(addresses string) []string {
	var all []string
	for _, a := range strings.Split(addresses, ",") {
		if strings.HasPrefix(a, "unix://") {
			continue
		}
		if host, _, _ := net.SplitHostPort(a); host != "" && !slices.Contains(all, host) {
			all = append(all, host)
		}
	}
	return all
}
