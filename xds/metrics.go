package xds

import (
	"strings"

	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// healthyGauge is the statistic that says how many endpoints of a cluster pass their active
// health checks. It comes with the cluster's name as a label (emit_tags_as_labels) or inside.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
const (
	healthyGauge  = "membership_healthy"
	clusterPrefix = "cluster."
	clusterLabel  = "envoy.cluster_name"
)

// StreamMetrics takes in what an Envoy's metrics sink sends. It ends when there is no discovery of
// that Envoy: Envoy chooses a replica for every stream by itself, and opens this one again, maybe to
// the right one, at its next delivery.
func (s *Server) StreamMetrics(stream metricsv3.MetricsService_StreamMetricsServer) error {
	id, from := "", peerOf(stream.Context())
	var unreached unreached
	for {
		m, err := stream.Recv()
		if err != nil {
			return stream.SendAndClose(&metricsv3.StreamMetricsResponse{})
		}
		if n := m.GetIdentifier().GetNode().GetId(); n != "" {
			id = n
		}
		sessions := s.sessionsOf(id, from)
		if len(sessions) == 0 {
			return status.Error(codes.Unavailable, "discovery of this node is at another replica, where its metrics belong")
		}
		unreached.take(&s.measures, m.EnvoyMetrics, s.hasInFull(id, from))
		healthy := map[string]int{}
		for _, family := range m.EnvoyMetrics {
			readHealthy(family, healthy)
		}
		if len(healthy) == 0 {
			continue
		}
		for _, session := range sessions {
			session.notifyHealthy(healthy)
		}
	}
}

func readHealthy(f *dto.MetricFamily, healthy map[string]int) {
	eachOfCluster(f, healthyGauge, func(cluster string, m *dto.Metric) { healthy[cluster] = int(m.GetGauge().GetValue()) })
}

// eachOfCluster calls f with the metrics of a family, if it is a certain statistic of clusters.
func eachOfCluster(family *dto.MetricFamily, statistic string, f func(cluster string, m *dto.Metric)) {
	name := family.GetName()
	if !strings.HasPrefix(name, clusterPrefix) || !strings.HasSuffix(name, "."+statistic) {
		return
	}
	for _, m := range family.Metric {
		cluster := ""
		for _, l := range m.Label {
			if l.GetName() == clusterLabel {
				cluster = l.GetValue()
			}
		}
		if cluster == "" && name != clusterPrefix+statistic {
			cluster = name[len(clusterPrefix) : len(name)-len(statistic)-1]
		}
		if cluster != "" {
			f(cluster, m)
		}
	}
}
