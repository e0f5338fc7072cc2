package envoy

import (
	"net"
	"slices"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// replicaEndpoints are the replicas of the control plane.
func replicaEndpoints(addresses string) ([]*endpointv3.LbEndpoint, error) {
	var all []*endpointv3.LbEndpoint
	for _, a := range strings.Split(addresses, ",") {
		addr, err := address(a)
		if err != nil {
			return nil, err
		}
		if pipe := addr.GetPipe(); pipe != nil {
			pipe.Mode = 0 // the mode is the listener's
		}
		all = append(all, &endpointv3.LbEndpoint{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: addr}},
		})
	}
	return all, nil
}

// replicaRest is how long a replica that could not be reached is left alone.
const replicaRest = 5 * time.Second

// amongReplicas has every stream go to any replica, and has Envoy leave one at once to which a
// connection fails, or is lost. By chance, not in turns: a stream of metrics that the control plane
// ends, since the discovery of that Envoy is at another replica, finds that one.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
func amongReplicas(c *clusterv3.Cluster) {
	off, all := wrapperspb.UInt32(0), wrapperspb.UInt32(100)
	c.LbPolicy = clusterv3.Cluster_RANDOM
	// Only when none is left are those tried that are to be left alone.
	c.CommonLbConfig = &clusterv3.Cluster_CommonLbConfig{HealthyPanicThreshold: &typev3.Percent{Value: 1}}
	c.OutlierDetection = &clusterv3.OutlierDetection{
		SplitExternalLocalOriginErrors:         true,
		ConsecutiveLocalOriginFailure:          wrapperspb.UInt32(1),
		EnforcingConsecutiveLocalOriginFailure: all,
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
