package envoy

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

// keptPrefixes and keptPatterns are the stats that Envoy keeps. All others are never made:
// 10,000 clusters would have 140,000 of them. The list can only be given here, and it hides
// a stat from the admin interface, too.
var (
	keptPrefixes = []string{
		"cluster." + ControlPlaneCluster + ".",
		"cluster_manager.",
		"control_plane.",
		"listener_manager.",
		"overload.",
		"runtime.",
		"server.",
		"main_thread.",
		"workers.",
	}
	keptPatterns = []string{
		// Clusters that hold one version of a Service have a ~ in their name: is anybody
		// healthy there, and how do requests fare? Those that never reach a host are not in
		// load reports.
		`cluster\..*~.*\.(membership_(healthy|degraded|excluded|total|change)` +
			`|upstream_rq_(total|completed|[1-5]xx|time|timeout|per_try_timeout|rx_reset|tx_reset|cancelled|maintenance_mode|pending_overflow|pending_failure_eject|active|pending_active|retry|retry_success|retry_overflow|retry_limit_exceeded)` +
			`|retry\.upstream_rq_[1-5]xx` +
			`|upstream_cx_(total|active|connect_fail|connect_timeout|none_healthy|overflow)` +
			`|health_check\.(attempt|success|failure|healthy|passive_failure|network_failure)` +
			`|outlier_detection\.(ejections_active|ejections_enforced_total)` +
			`|lb_healthy_panic)`,
		// What clients see, per listener's stat prefix; requests to a cluster that is not
		// there are counted nowhere else. Draining waits for the active ones.
		`http\..*\.(downstream_rq_(total|active|completed|[1-5]xx|time|timeout|rx_reset|tx_reset|overload_close)` +
			`|downstream_cx_(total|active|destroy_remote_active_rq|overload_disable_keepalive|protocol_error|idle_timeout)` +
			`|no_cluster|no_route|passthrough_internal_redirect_no_route)`,
		`tcp\..*\.(downstream_cx_total|downstream_cx_no_route|idle_timeout|max_downstream_connection_duration)`,
		`udp\..*\.(downstream_sess_total|downstream_sess_active|downstream_sess_no_route|idle_timeout)`,
		`listener\..*\.(downstream_cx_(total|active|overflow|overload_reject|transport_socket_connect_timeout)` +
			`|downstream_global_cx_overflow|no_filter_chain_match` +
			`|ssl\.(handshake|connection_error|fail_verify_.*|no_certificate))`,
	}
)

// statsConfig keeps the stats above and drops the rest.
func statsConfig() *metricsv3.StatsConfig {
	list := &matcherv3.ListStringMatcher{}
	for _, p := range keptPrefixes {
		list.Patterns = append(list.Patterns, &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: p},
		})
	}
	for _, p := range keptPatterns {
		list.Patterns = append(list.Patterns, &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: p}},
		})
	}
	return &metricsv3.StatsConfig{StatsMatcher: &metricsv3.StatsMatcher{
		StatsMatcher: &metricsv3.StatsMatcher_InclusionList{InclusionList: list},
	}}
}

// metricsSink delivers stats to the control plane. Counters go as they stand, not as
// differences: what an outage swallows is in the next delivery.
func metricsSink() ([]*metricsv3.StatsSink, error) {
	config, err := pack(&metricsv3.MetricsServiceConfig{
		GrpcService:         grpcService(),
		TransportApiVersion: corev3.ApiVersion_V3,
		EmitTagsAsLabels:    true,
		HistogramEmitMode:   metricsv3.HistogramEmitMode_HISTOGRAM,
		// gRPC servers refuse messages over 4 MiB.
		BatchSize: 1000,
	})
	if err != nil {
		return nil, err
	}
	return []*metricsv3.StatsSink{{
		Name:       "envoy.stat_sinks.metrics_service",
		ConfigType: &metricsv3.StatsSink_TypedConfig{TypedConfig: config},
	}}, nil
}

// statsInterval is the time between two deliveries.
func statsInterval(d time.Duration) *durationpb.Duration {
	if d == 0 {
		d = time.Second
	}
	return durationpb.New(d)
}
